"""What panel and ring have in common: a memory written by a loader and read by a feeder, chunk by chunk."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import place
from tilewright.storage import BlockMemory, WordCode

__all__ = ["ChunkBuffer"]


class ChunkBuffer:
    """A component with a `writer` and a `reader`, as `Panel` and `Ring` have them."""

    config: AcceleratorConfig
    writer: Any
    reader: Any

    def _count_chunks(self, m: Module, max_chunks: int):
        """Count the chunks that are loaded and not yet taken, at most ``max_chunks``."""
        chunks = Signal(range(max_chunks + 1))
        m.d.sync += [
            chunks.eq(chunks + self.writer.chunk_loaded - self.reader.take_chunk),
            self.reader.has_chunk.eq(Mux(self.reader.take_chunk, chunks[1:].any(), chunks.any())),
        ]

    def _place_memory(self, m: Module, platform, words: int):
        writer, reader = self.writer, self.reader
        memory = place(m, "memory", BlockMemory(len(reader.q), words, self.config.buffer_registers), platform)
        word = writer.data
        if self.config.ecc:
            word = WordCode(len(word)).encode(m, "checks", word, platform)
        m.d.comb += [
            memory.write.eq(writer.write),
            memory.write_row.eq(writer.write_row),
            memory.data.eq(word),
            memory.fetch.eq(reader.fetch),
            memory.read_row.eq(reader.row),
            memory.take.eq(reader.take),
            reader.q.eq(memory.q),
        ]
