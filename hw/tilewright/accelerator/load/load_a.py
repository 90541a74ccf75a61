"""The engine that loads activations into the A panel."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    INDEX_BITS,
    AcceleratorConfig,
    Activity,
    JobSlot,
    PanelWriter,
    arriving_shape,
    chunk_words,
    job_shape,
    load_shape,
)
from tilewright.base import SharedComponent, place

from .due import count_due
from .upsizer import Upsizer

__all__ = ["LoadA"]


class LoadA(SharedComponent):
    """Load the rows of A, M-block by M-block and chunk by chunk, into the two halves of the panel.

    An M-block has ``block_rows`` rows, the last perhaps fewer. Its chunks follow each other in one half; within a
    chunk, row r begins ``r * chunk`` words after row 0, also in the last chunk, which may be short::

        half 0                                  half 1
        │ chunk 0           │ chunk 1        │  │ the next M-block, perhaps of the next job …
        │ row 0 │ row 1 │ … │ row 0 │ row 1 …│

    The loops are (M-block, chunk). A half is taken when the first chunk of a block is requested. A job with `fence_a`
    waits until all before it are complete. A request is offered 2 cycles after its job; `chunk_loaded` comes 2 cycles
    after the chunk's last bus word, or 1 (see `Upsizer`).

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted with its last
        request, and must not change until then.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``; a fence compares it with the job's ``index``.
    requests : Out(stream.Signature(load_shape(config)))
        A chunk of the M-block's rows; offered only if a half of the panel is free for it. It stays until it is
        accepted.
    words : In(stream.Signature(arriving_shape(config), always_ready=True))
        The words of the requests, in order.
    panel : Out(PanelWriter(config))
        The chunks of A, word by word.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(job_shape(config))),
            "head": In(unsigned(INDEX_BITS)),
            "requests": Out(stream.Signature(load_shape(config))),
            "words": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "panel": Out(PanelWriter(config)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        slot = JobSlot(config, self.job)
        job = slot.job
        base = Signal(config.addr_bits, reset_less=True)  # row 0 of the M-block
        address = Signal(config.addr_bits, reset_less=True)
        m_remaining = Signal.like(job.m, reset_less=True)
        k_remaining = Signal.like(job.k, reset_less=True)
        rows = Signal.like(job.block_rows, reset_less=True)
        fenced = Signal(reset_less=True)  # a cycle late
        m.d.sync += fenced.eq(job.fence_a & (self.head != job.index))

        chunk = chunk_words(config, job.long, config.tile.rows)  # elements
        chunk_bytes = config.a_format.bytes_of(chunk)
        last_chunk = Signal()
        m.d.comb += last_chunk.eq(k_remaining <= chunk)
        request = self.requests.payload
        m.d.comb += [
            request.transfer.request.address.eq(address),
            request.transfer.request.bytes.eq(Mux(last_chunk, config.a_format.bytes_of(k_remaining), chunk_bytes)),
            request.transfer.request.rows.eq(rows),
            request.transfer.request.stride.eq(job.a_stride),
            request.transfer.index.eq(job.index),
            request.block_last.eq(last_chunk),
            request.long.eq(job.long),
        ]
        last_block = Signal(reset_less=True)  # a cycle after `m_remaining`
        m.d.sync += last_block.eq(m_remaining <= job.block_rows)
        with m.FSM() as fsm:
            with m.State("Idle"):
                slot.accept(m)
                m.d.sync += base.eq(self.job.payload.a_address)
                m.d.sync += [
                    m_remaining.eq(self.job.payload.m),
                    fenced.eq(self.job.payload.fence_a),
                ]
                with m.If(self.job.valid):
                    m.next = "Block"
            with m.State("Block"):
                m.d.sync += [
                    address.eq(base),
                    k_remaining.eq(job.k),
                    rows.eq(Mux(m_remaining < job.block_rows, m_remaining, job.block_rows)),
                ]
                with m.If(self.panel.half_free & ~fenced):
                    m.d.comb += self.panel.take_half.eq(1)
                    m.next = "Chunk"
            with m.State("Chunk"):
                m.d.comb += self.requests.valid.eq(1)
                with m.If(self.requests.ready):
                    m.d.sync += [
                        address.eq(address + chunk_bytes),
                        k_remaining.eq(k_remaining - chunk),
                    ]
                    with m.If(last_chunk):
                        m.d.sync += [
                            base.eq(base + job.a_block_bytes),
                            m_remaining.eq(m_remaining - job.block_rows),
                        ]
                        m.next = "Block"
                        with m.If(last_block):
                            slot.finish(m)
                            m.next = "Idle"

        self._store_words(m, platform)
        due = count_due(m, config, self.requests.valid & self.requests.ready, self.panel.chunk_loaded)
        with m.If(self.words.valid):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(due.any() | fsm.ongoing("Chunk")):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Elif(fsm.ongoing("Block")):
            m.d.comb += self.activity.eq(
                Mux(fenced, Activity.DEPENDENCY, Mux(self.panel.half_free, Activity.MEMORY, Activity.SPACE))
            )
        return m

    def _store_words(self, m: Module, platform):
        config = self.config
        upsizer = place(m, "upsizer", Upsizer(config, config.a_word_bits), platform)
        connect(m, flipped(self.words), upsizer.i)
        word = upsizer.o.payload
        half = Signal()
        row_start = Signal(range(config.half_words))
        offset = Signal(range(config.long_chunk_words))
        row = Signal(range(config.half_words))
        m.d.comb += [
            row.eq(row_start + offset),
            self.panel.write.eq(upsizer.o.valid),
            self.panel.write_row.eq(Cat(row, half)),
            self.panel.data.eq(word.data),
        ]
        with m.If(upsizer.o.valid):
            m.d.sync += offset.eq(offset + 1)
            with m.If(word.row_last):
                m.d.sync += [
                    offset.eq(0),
                    row_start.eq(row_start + chunk_words(config, word.long)),
                ]
            with m.If(word.last & word.block_last):
                m.d.sync += [
                    row_start.eq(0),
                    half.eq(~half),
                ]
        m.d.sync += self.panel.chunk_loaded.eq(upsizer.o.valid & word.last)
