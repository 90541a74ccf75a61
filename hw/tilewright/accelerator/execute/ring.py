"""The B ring: chunks of weights, in the order in which execution uses them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, RingReader, RingWriter, chunk_words
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

__all__ = ["Ring"]


class Ring(SharedComponent):
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
        slots = Signal(range(config.ring_words // config.cols + 1), init=config.ring_words // config.cols)
        claimed = chunk_words(config, writer.long)
        freed = chunk_words(config, reader.free_long)
        m.d.sync += slots.eq(slots + Mux(reader.free_chunk, freed, 0) - Mux(writer.claim, claimed, 0))
        m.d.comb += writer.room.eq(slots >= claimed)
        chunks = Signal(range(config.ring_words // (config.cols * config.chunk_words) + 1))
        m.d.sync += [
            chunks.eq(chunks + writer.chunk_loaded - reader.take_chunk),
            reader.has_chunk.eq(Mux(reader.take_chunk, chunks[1:].any(), chunks.any())),
        ]
        self._place_memory(m, platform)
        return m

    def _place_memory(self, m: Module, platform):
        writer, reader = self.writer, self.reader
        memory = place(m, "memory", BlockMemory(self.config.ring_word_bits, self.config.ring_words), platform)
        m.d.comb += [
            memory.write.eq(writer.write),
            memory.write_row.eq(writer.write_row),
            memory.data.eq(writer.data),
            memory.fetch.eq(reader.fetch),
            memory.read_row.eq(reader.row),
            memory.take.eq(reader.take),
            reader.q.eq(memory.q),
        ]
