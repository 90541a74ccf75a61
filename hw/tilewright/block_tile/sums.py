"""The accumulators of all columns, with their memories."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place
from tilewright.formats import ACCUMULATOR_BITS
from tilewright.storage import TwoPortRam

from .accumulator import BlockAccumulator, peak_shape
from .config import BlockTileConfig, accumulator_shape
from .terms import terms_shape

__all__ = ["BlockSums", "sums_shape"]


def sums_shape(config: BlockTileConfig) -> data.ArrayLayout:
    """A row of accumulators, column 0 lowest."""
    return data.ArrayLayout(accumulator_shape(config), config.cols)


class BlockSums(SharedComponent):
    """Add blocks to up to `acc_rows` rows of accumulators, and hand out those that are complete.

    A packet is a block of each row of A, in order. Its rows are added to those that the packet before left, or begin
    new sums if it is the first. Rows are 5 cycles from the same row of the packet before, or more::

        cycle     -1         0              1              2         3                    6
        coming ─► row ─────► old peak ────► new peak       row ────► old value            new value, o
                  of peaks   exponents      integers       of values ─────────── shift, add

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    coming : In(1)
        There are terms in the next cycle.
    first, final, last : In(1)
        With `coming`: they are of the first block of their sums, of the last one; they are the last of their packet.
    terms : In(data.ArrayLayout(terms_shape(config), cols))
        For each column, exponents a cycle after `coming` and integers 2.
    valid, last_row : Out(1)
        There is a row of complete sums, 7 cycles after `coming`; it is the last of its packet.
    o : Out(sums_shape(config))
        The row. Valid with `valid`.
    """

    LATENCY = 7

    def __init__(self, config: BlockTileConfig):
        self.config = config
        super().__init__({
            "coming": In(1),
            "first": In(1),
            "final": In(1),
            "last": In(1),
            "terms": In(data.ArrayLayout(terms_shape(config), config.cols)),
            "valid": Out(1),
            "last_row": Out(1),
            "o": Out(sums_shape(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        row = Signal(range(config.acc_rows))
        with m.If(self.coming):
            m.d.sync += row.eq(row + 1)
            with m.If(self.last):
                m.d.sync += row.eq(0)
        # Stage n is n cycles after `coming`.
        coming = Signal(self.LATENCY, name="coming_stages")
        complete = Signal(self.LATENCY, name="complete_stages")
        last = Signal(self.LATENCY, reset_less=True, name="last_stages")
        first = Signal(reset_less=True, name="first_stage")
        m.d.sync += [
            coming.eq(Cat(self.coming, coming)),
            complete.eq(Cat(self.coming & self.final, complete)),
            last.eq(Cat(self.last, last)),
            first.eq(self.first),
        ]
        rows = [row]
        for stage in range(1, self.LATENCY + 1):
            rows.append(Signal.like(row, name=f"row_{stage}", reset_less=True))
            m.d.sync += rows[stage].eq(rows[stage - 1])
        columns = [place(m, f"column_{n}", BlockAccumulator(config), platform) for n in range(config.cols)]
        peaks = [column.new_peak.as_value() for column in columns]
        old_peaks = self._memory(m, platform, "peaks", peaks, rows[0], rows[2], coming[1])
        values = [column.new_value for column in columns]
        old_values = self._memory(m, platform, "values", values, rows[3], rows[7], coming[6])
        late_peaks: Value = Cat(peaks)
        for stage in range(2, self.LATENCY):
            later = Signal(len(late_peaks), name=f"peaks_{stage}", reset_less=True)
            m.d.sync += later.eq(late_peaks)
            late_peaks = later
        for number, column in enumerate(columns):
            peak = data.View(peak_shape(config), late_peaks.word_select(number, peak_shape(config).size))
            m.d.comb += [
                column.first.eq(first),
                column.terms.eq(self.terms[number]),
                column.old_peak.eq(old_peaks.word_select(number, peak_shape(config).size)),
                column.old_value.eq(old_values.word_select(number, ACCUMULATOR_BITS)),
            ]
            m.d.comb += [
                self.o[number].value.eq(column.new_value),
                self.o[number].exponent.eq(peak.exponent),
                self.o[number].invalid.eq(peak.invalid),
            ]
        m.d.comb += [
            self.valid.eq(complete[-1]),
            self.last_row.eq(last[-1]),
        ]
        return m

    def _memory(
        self, m: Module, platform: object, name: str, words: list, read_row: Signal, write_row: Signal, write: Signal
    ) -> Signal:
        """A memory of rows; return the row that was addressed in the cycle before."""
        word = Cat(words)
        memory = place(m, name, TwoPortRam(len(word), self.config.acc_rows), platform)
        m.d.comb += [
            memory.write_row.eq(write_row),
            memory.write_data.eq(word),
            memory.write.eq(write),
            memory.read_row.eq(read_row),
            memory.read.eq(1),
        ]
        return memory.read_data
