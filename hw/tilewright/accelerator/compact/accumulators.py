"""Accumulators with fewer registers."""

from amaranth.hdl import Module, Mux, Signal, Value

from tilewright.accelerator.contract import ADDEND_BITS
from tilewright.accelerator.execute import Accumulators

__all__ = ["CompactAccumulators"]


class CompactAccumulators(Accumulators):
    """Add packets of results like `Accumulators`; the sums come a cycle earlier.

    A sum is there in the cycle of its `group`, a cycle after the `fetch` of its row; `take` is not used.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    results : In(ResultsPort(config))
        From the engine that multiplies.
    sums : In(SumsPort(config))
        To the engine that stores.
    """

    READ_STAGE = 1
    REGISTERED = False

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal):
        late_first = Signal(reset_less=True)
        m.d.sync += late_first.eq(first)
        bits = self.config.tile.result_bits
        for column in range(self.config.tile.cols):
            result = self.results.results.word_select(column, bits).as_signed()
            total = sums.word_select(column, ADDEND_BITS)
            before = old.word_select(column, ADDEND_BITS)
            # Choice and sum fit into one LUT of an iCE40.
            m.d.sync += total.eq(Mux(late_first, result, (before + result)[:ADDEND_BITS]))

    def _hand_out(self, m: Module, group: Value):
        m.d.comb += self.sums.sums.eq(group)
