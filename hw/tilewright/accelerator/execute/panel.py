"""The A panel: activations of two M-blocks, one read while the other is loaded."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, PanelReader, PanelWriter
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

from .chunk_buffer import ChunkBuffer

__all__ = ["Panel"]


class Panel(ChunkBuffer, SharedComponent):
    """Hold the activations of two M-blocks, and count which halves are free and which chunks are loaded::

        LoadA ── writer ──► │ half 0 │ half 1 │ ── reader ──► ActivationFeeder
                 half_free ◄──── halves ◄──── free_half
              chunk_loaded ────► chunks ────► has_chunk

    With `convolution` a word may begin at any element of a row, and goes on in the next.

    `half_free` is 1 in the cycle after `free_half`, `has_chunk` 2 cycles after `chunk_loaded`.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    writer : In(PanelWriter(config))
        From the engine that loads A.
    reader : In(PanelReader(config))
        From the feeder of activations.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({"writer": In(PanelWriter(config)), "reader": In(PanelReader(config))})

    def elaborate(self, platform):
        m = Module()
        config = self.config
        halves = Signal(range(3), init=2)
        m.d.sync += halves.eq(halves + self.reader.free_half - self.writer.take_half)
        m.d.comb += self.writer.half_free.eq(halves.any())
        self._count_chunks(m, config.panel_words)
        if config.convolution:
            self._place_banks(m, platform)
        else:
            self._place_memory(m, platform, config.panel_words)
        return m

    def _place_banks(self, m: Module, platform):
        """Even and odd rows in a memory each, so that two of them are read at once, and a word out of both."""
        config, writer, reader = self.config, self.writer, self.reader
        banks = []
        for number, name in enumerate(("even", "odd")):
            rows = config.panel_words // 2
            bank = place(m, name, BlockMemory(config.a_word_bits, rows, config.buffer_registers), platform)
            banks.append(bank.q)
            m.d.comb += [
                bank.write.eq(writer.write & (writer.write_row[0] == number)),
                bank.write_row.eq(writer.write_row[1:]),
                bank.data.eq(writer.data),
                bank.fetch.eq(reader.fetch),
                bank.read_row.eq((reader.row + (1 - number))[1 : len(reader.row)]),
                bank.take.eq(reader.take),
            ]
        start = Cat(reader.shift, reader.row[0])  # element of the pair of rows
        fetched = Signal(len(start), reset_less=True)
        taken = Signal(len(start), reset_less=True)
        with m.If(reader.fetch):
            m.d.sync += fetched.eq(start)
        with m.If(reader.take):
            m.d.sync += taken.eq(fetched)
        even, odd = banks
        m.d.comb += reader.q.eq(shifted(config, Cat(even, odd, even), taken))


def shifted(config: AcceleratorConfig, rows: Value, start: Value) -> Value:
    """``rows`` activations from element ``start`` on."""
    bits = config.a.element.bits
    for bit in reversed(range(len(start))):
        kept = len(rows) - (bits << bit)
        rows = Mux(start[bit], rows[bits << bit :], rows[:kept])
    return rows[: config.a_word_bits]
