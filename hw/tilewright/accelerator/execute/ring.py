"""The B ring: chunks of weights, in the order in which execution uses them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, RingReader, RingWriter, chunk_words
from tilewright.base import SharedComponent

from .chunk_buffer import ChunkBuffer

__all__ = ["Ring"]


class Ring(ChunkBuffer, SharedComponent):
    """Hold chunks of weights, and count how much is free and how many chunks are loaded::

        LoadB ── writer ──► │ … chunk │ chunk │ free … │ ── reader ──► WeightFeeder
                   room ◄──────── slots ◄──────── free_chunk
           chunk_loaded ────────► chunks ────────► has_chunk

    `room` sees a `free_chunk` a cycle later, and a `claim` in the next cycle; `has_chunk` is 1 2 cycles after
    `chunk_loaded`.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    writer : In(RingWriter(config))
        From the engine that loads B.
    reader : In(RingReader(config))
        From the feeder of weights.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({"writer": In(RingWriter(config)), "reader": In(RingReader(config))})

    def elaborate(self, platform):
        m = Module()
        config, writer, reader = self.config, self.writer, self.reader
        # Space in units of one word of every column.
        slots = Signal(range(config.ring_words // config.tile.cols + 1), init=config.ring_words // config.tile.cols)
        claimed = chunk_words(config, writer.long)
        freed = chunk_words(config, reader.free_long)
        m.d.sync += slots.eq(slots + Mux(reader.free_chunk, freed, 0) - Mux(writer.claim, claimed, 0))
        m.d.comb += writer.room.eq(slots >= claimed)
        self._count_chunks(m, config.ring_words // (config.tile.cols * config.chunk_words))
        self._place_memory(m, platform, config.ring_words)
        return m
