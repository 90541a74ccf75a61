"""The A panel: activations of two M-blocks, one read while the other is loaded."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, PanelReader, PanelWriter
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

__all__ = ["Panel"]


class Panel(SharedComponent):
    """Hold the activations of two M-blocks, and count which halves are free and which chunks are loaded::

        LoadA ── writer ──► │ half 0 │ half 1 │ ── reader ──► ActivationFeeder
                 half_free ◄──── halves ◄──── free_half
              chunk_loaded ────► chunks ────► has_chunk

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
        writer, reader = self.writer, self.reader
        halves = Signal(range(3), init=2)
        m.d.sync += halves.eq(halves + reader.free_half - writer.take_half)
        m.d.comb += writer.half_free.eq(halves.any())
        chunks = Signal(range(self.config.panel_words + 1))
        m.d.sync += [
            chunks.eq(chunks + writer.chunk_loaded - reader.take_chunk),
            reader.has_chunk.eq(Mux(reader.take_chunk, chunks[1:].any(), chunks.any())),
        ]
        self._place_memory(m, platform)
        return m

    def _place_memory(self, m: Module, platform):
        writer, reader = self.writer, self.reader
        memory = place(m, "memory", BlockMemory(self.config.panel_word_bits, self.config.panel_words), platform)
        m.d.comb += [
            memory.write.eq(writer.write),
            memory.write_row.eq(writer.write_row),
            memory.data.eq(writer.data),
            memory.fetch.eq(reader.fetch),
            memory.read_row.eq(reader.row),
            memory.take.eq(reader.take),
            reader.q.eq(memory.q),
        ]
