"""Accumulators whose sums are stored with check bits."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import Member, Out

from tilewright.accelerator.contract import AcceleratorConfig, FlippedBits
from tilewright.arithmetic import FlipAdder
from tilewright.base import place
from tilewright.storage import DelayLine

from .accumulators import Accumulators

__all__ = ["CheckedAccumulators"]


class CheckedAccumulators(Accumulators):
    """Add packets of results like `Accumulators`; correct one flipped bit of each stored segment, and detect two.

    Both memories hold the rows of sums as ``config.sums_code`` says. Where sums are added, the adders themselves flip
    the bit, which takes a cycle more than without; the sums that drain are given out as they are stored::

        added ──► old ──┬─────────────►│ │──► flip and add ──► new sums, with check bits ──► both memories
                        └─► syndrome ─►│ │──► flips, flipped

    A row that follows itself after 4 cycles is not in the memory yet: it comes from the register behind the adders.

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

    WRITE_STAGE = 4

    def __init__(self, config: AcceleratorConfig):
        super().__init__(config)
        self._checked = Signal(name="checked")

    def _more_ports(self) -> dict[str, Member]:
        return {"flipped": Out(FlippedBits())}

    @property
    def _stored_bits(self) -> int:
        return self.config.sums_code.code_bits

    def _stored(self, m: Module, sums: Value, platform) -> Value:
        return self.config.sums_code.encode(m, "checks", sums, platform)

    def _old(self, m: Module, row: Value, valid: Signal, places: list[Value], stored: Value, platform) -> Value:
        self._send_source(m, valid[2], places[3][:-1], platform)
        if self.config.tile.cols > 4:
            return row
        again = Signal()
        written = Signal(len(stored), reset_less=True)
        m.d.sync += again.eq(valid[-1] & (places[-1] == places[0]))
        m.d.sync += written.eq(stored)
        return Mux(again, written, row)

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal, platform):
        config, code = self.config, self.config.sums_code
        before = Signal(code.code_bits)
        m.d.sync += before.eq(Mux(first, 0, old))
        row = Signal(code.bits, reset_less=True)
        syndrome = Signal(code.check_bits, reset_less=True)
        m.d.sync += row.eq(before)
        m.d.sync += syndrome.eq(code.syndrome(m, "syndrome", before, platform))
        positions, groups, corrected, corrupt = code.locate(m, "locator", syndrome, platform)
        self._report(m, corrected, corrupt)
        bits = config.tile.result_bits
        for column in range(config.tile.cols):
            adder = place(m, f"adder_{column}", FlipAdder(config.sum_bits), platform)
            result = self.results.results.word_select(column, bits).as_signed()
            m.d.comb += [
                adder.a.eq(row.word_select(column, config.sum_bits)),
                adder.f.eq(positions.word_select(column, config.sum_bits)),
                adder.g.eq(groups.word_select(column, config.sum_bits)),
                adder.b.eq(result),
            ]
            m.d.sync += sums.word_select(column, config.sum_bits).eq(adder.total)

    def _send_source(self, m: Module, valid: Value, row: Value, platform):
        """Say which row is checked in this cycle, some cycles after it was announced."""
        index = place(m, "index", DelayLine(len(self.results.index), self.WRITE_STAGE - 1), platform)
        m.d.comb += index.i.eq(self.results.index)
        m.d.comb += self._checked.eq(valid)
        m.d.comb += self.flipped.source.index.eq(index.o)
        m.d.comb += self.flipped.source.row.eq(row)

    def _report(self, m: Module, corrected: Value, corrupt: Value):
        m.d.comb += self.flipped.corrected.eq(self._checked & corrected)
        m.d.comb += self.flipped.corrupt.eq(self._checked & corrupt)

    def _group(self, row: Value) -> Value:
        code, drained = self.config.sums_code, self.config.drained_code
        group = self.sums.group
        data = row[: code.bits].word_select(group, drained.bits)
        return Cat(data, row[code.bits :].word_select(group, drained.check_bits))
