"""The A panel: activations of two M-blocks, one read while the other is loaded."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, PanelReader, PanelWriter
from tilewright.base import SharedComponent

from .chunk_buffer import ChunkBuffer

__all__ = ["Panel"]


class Panel(ChunkBuffer, SharedComponent):
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
        config = self.config
        halves = Signal(range(3), init=2)
        m.d.sync += halves.eq(halves + self.reader.free_half - self.writer.take_half)
        m.d.comb += self.writer.half_free.eq(halves.any())
        self._count_chunks(m, config.panel_words)
        self._place_memory(m, platform, config.panel_words)
        return m
