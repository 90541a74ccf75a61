"""Accumulators with fewer registers."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from tilewright.accelerator.contract import ADDEND_BITS
from tilewright.accelerator.execute import Accumulators, CheckedAccumulators

__all__ = ["CompactAccumulators", "CompactCheckedAccumulators"]


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

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal, platform):
        late_first = Signal(reset_less=True)
        m.d.sync += late_first.eq(first)
        bits = self.config.tile.result_bits
        for column in range(self.config.tile.cols):
            result = self.results.results.word_select(column, bits).as_signed()
            total = sums.word_select(column, ADDEND_BITS)
            before = old.word_select(column, ADDEND_BITS)
            # Choice and sum fit into one LUT of an iCE40.
            m.d.sync += total.eq(Mux(late_first, result, (before + result)[:ADDEND_BITS]))


class CompactCheckedAccumulators(CheckedAccumulators):
    """Add packets of results like `CheckedAccumulators`, with fewer registers.

    Old sums are corrected in the cycle in which they are read. A row of sums is there in the cycle of its `group`, a
    cycle after its `fetch`; `take` is not used.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    results : In(ResultsPort(config))
        From the engine that multiplies.
    sums : In(SumsPort(config))
        To the engine that stores.
    flipped : Out(FlippedBits())
        Flipped bits of the sums that are added to.
    """

    WRITE_STAGE = 3
    REGISTERED = False

    def _old(self, m: Module, row: Value, valid: Signal, places: list[Value], stored: Value, platform) -> Value:
        self._send_source(m, valid[1], places[2][:-1], platform)
        return row

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal, platform):
        code = self.config.sums_code
        syndrome = code.syndrome(m, "syndrome", old, platform)
        right, corrected, corrupt = code.correct(m, "correction", old[: code.bits], syndrome, platform)
        before = Signal.like(sums)
        found = Signal(2)
        m.d.sync += before.eq(Mux(first, 0, right))
        m.d.sync += found.eq(Mux(first, 0, Cat(corrected, corrupt)))
        self._report(m, found[0], found[1])
        self._accumulate(m, before, sums)
