"""The walker that loads activations into the A panel."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    INDEX_BITS,
    AcceleratorConfig,
    Activity,
    arriving_shape,
    chunk_words,
    load_shape,
)
from tilewright.base import SharedComponent, place

from .upsizer import Widener

__all__ = ["LoadA"]


class LoadA(SharedComponent):
    """Load the rows of A, M-block by M-block and chunk by chunk, into the two halves of the panel.

    An M-block has ``block_rows`` rows, the last perhaps fewer. Its chunks follow each other in one half; within a
    chunk, row r begins ``r * chunk`` words after row 0, also in the last chunk, which may be short::

        half 0                                  half 1
        │ chunk 0           │ chunk 1        │  │ the next M-block, perhaps of the next job …
        │ row 0 │ row 1 │ … │ row 0 │ row 1 …│

    The walk is (M-block, chunk). A half is taken when the first chunk of a block is asked for, and free again after
    `half_freed`. A job with `fence_a` waits until all before it are complete. A request is offered 2 cycles after
    its job; `chunk_loaded` comes 2 cycles after the chunk's last bus word, or 1 (see `Widener`).

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(config.job_shape))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted with its last
        request, and must not change until then.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``; a fence compares it with the job's ``index``.
    requests : Out(stream.Signature(load_shape(config)))
        A chunk of the M-block's rows; offered only if a half of the panel is free for it. It stays until it is
        accepted.
    words : In(stream.Signature(arriving_shape(config), always_ready=True))
        The words of the requests, in order.
    write : Out(1)
        Store `data` in row `write_row` of the panel's `BlockMemory`, in this cycle.
    write_row : Out(range(panel_words))
        Row of the panel; the half is its highest bit. Valid with `write`.
    data : Out(unsigned(8 * rows))
        ``rows`` activations along K, the first lowest, zero beyond K. Valid with `write`.
    chunk_loaded : Out(1)
        A chunk is complete in the panel, and may be read.
    half_freed : In(1)
        In this cycle the older half of the panel becomes free.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(config.job_shape)),
            "head": In(unsigned(INDEX_BITS)),
            "requests": Out(stream.Signature(load_shape(config))),
            "words": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "write": Out(1),
            "write_row": Out(range(config.panel_words)),
            "data": Out(unsigned(8 * config.rows)),
            "chunk_loaded": Out(1),
            "half_freed": In(1),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        job = self.job.payload if config.compact else Signal(config.job_shape, reset_less=True, name="job")
        base = Signal(config.addr_bits, reset_less=True)  # row 0 of the M-block
        address = Signal(config.addr_bits, reset_less=True)
        m_left = Signal.like(job.m, reset_less=True)
        k_left = Signal.like(job.k, reset_less=True)
        rows = Signal.like(job.block_rows, reset_less=True)
        halves = Signal(range(3), init=2)
        take_half = Signal()
        m.d.sync += halves.eq(halves + self.half_freed - take_half)
        fenced = Signal(reset_less=True)  # a cycle late
        m.d.sync += fenced.eq(job.fence_a & (self.head != job.index))

        chunk_bytes = chunk_words(config, job.long, config.rows)
        last_chunk = Signal()
        m.d.comb += last_chunk.eq(k_left <= chunk_bytes)
        request = self.requests.payload
        m.d.comb += [
            request.transfer.request.address.eq(address),
            request.transfer.request.bytes.eq(Mux(last_chunk, k_left, chunk_bytes)),
            request.transfer.request.rows.eq(rows),
            request.transfer.request.stride.eq(job.a_stride),
            request.transfer.index.eq(job.index),
            request.block_last.eq(last_chunk),
            request.long.eq(job.long),
        ]
        last_block = Signal(reset_less=True)  # a cycle after `m_left`
        m.d.sync += last_block.eq(m_left <= job.block_rows)
        with m.FSM() as fsm:
            with m.State("Idle"):
                if not config.compact:
                    m.d.comb += self.job.ready.eq(1)
                    m.d.sync += job.eq(self.job.payload)
                m.d.sync += base.eq(self.job.payload.a_address)
                m.d.sync += [m_left.eq(self.job.payload.m), fenced.eq(self.job.payload.fence_a)]
                with m.If(self.job.valid):
                    m.next = "Block"
            with m.State("Block"):
                m.d.sync += [
                    address.eq(base),
                    k_left.eq(job.k),
                    rows.eq(Mux(m_left < job.block_rows, m_left, job.block_rows)),
                ]
                with m.If(halves.any() & ~fenced):
                    m.d.comb += take_half.eq(1)
                    m.next = "Chunk"
            with m.State("Chunk"):
                m.d.comb += self.requests.valid.eq(1)
                with m.If(self.requests.ready):
                    m.d.sync += [address.eq(address + chunk_bytes), k_left.eq(k_left - chunk_bytes)]
                    with m.If(last_chunk):
                        m.d.sync += [base.eq(base + job.a_block_bytes), m_left.eq(m_left - job.block_rows)]
                        m.next = "Block"
                        with m.If(last_block):
                            if config.compact:
                                m.d.comb += self.job.ready.eq(1)
                            m.next = "Idle"

        self._store_words(m, platform)
        due = Signal(6)  # chunks asked for and not loaded: never more than the router takes
        if not config.compact:  # a request is accepted when all of it has come
            m.d.sync += due.eq(due + (self.requests.valid & self.requests.ready) - self.chunk_loaded)
        with m.If(self.words.valid):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(due.any() | fsm.ongoing("Chunk")):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Elif(fsm.ongoing("Block")):
            m.d.comb += self.activity.eq(
                Mux(fenced, Activity.DEPENDENCY, Mux(halves.any(), Activity.MEMORY, Activity.SPACE))
            )
        return m

    def _store_words(self, m: Module, platform):
        config = self.config
        widener = place(m, "widener", Widener(config), platform)
        connect(m, flipped(self.words), widener.i)
        word = widener.o.payload
        half = Signal()
        row_start = Signal(range(config.half_words))
        offset = Signal(range(config.long_chunk_words))
        row = Signal(range(config.half_words))
        m.d.comb += [row.eq(row_start + offset), self.write_row.eq(Cat(row, half))]
        m.d.comb += [self.write.eq(widener.o.valid), self.data.eq(word.data)]
        with m.If(widener.o.valid):
            m.d.sync += offset.eq(offset + 1)
            with m.If(word.row_last):
                m.d.sync += [offset.eq(0), row_start.eq(row_start + chunk_words(config, word.long))]
            with m.If(word.last & word.block_last):
                m.d.sync += [row_start.eq(0), half.eq(~half)]
        m.d.sync += self.chunk_loaded.eq(widener.o.valid & word.last)
