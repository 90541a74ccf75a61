"""The engine that loads weights into the B ring."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    INDEX_BITS,
    AcceleratorConfig,
    Activity,
    JobSlot,
    RingWriter,
    arriving_shape,
    chunk_words,
    job_shape,
    load_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.block_tile import chosen

from .due import count_due
from .word_maker import word_maker

__all__ = ["LoadB"]


class LoadB(SharedComponent):
    """Load the rows of B, once for each M-block, into the ring, in the order in which execution uses them.

    The ring holds chunks of ``cols`` rows, each row ``chunk`` words long, also where the last N-tile has fewer rows or
    the last chunk fewer words::

        │ … │ column 0: words k, k+1, … │ column 1 │ … │ column cols-1 │ next chunk …

    The loops are (M-block, N-tile, chunk). A chunk is requested when the ring has space for all of it. A job with
    `fence_b` waits until all before it are complete. A request is offered 3 cycles after its job, and one in 2 cycles;
    `chunk_loaded` comes 2 cycles after the chunk's last bus word, or 1 (see `Upsizer`).

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
        A chunk of the N-tile's rows; offered only if the ring has space for all of it. It stays until it is accepted.
        `block_last` is undefined.
    first_tile : Out(1)
        The request is for the first N-tile of an M-block, whose activations come with it. Valid with `requests`.
    words : In(stream.Signature(arriving_shape(config), always_ready=True))
        The words of the requests, in order.
    ring : Out(RingWriter(config))
        The chunks of B, word by word.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(job_shape(config))),
            "head": In(unsigned(INDEX_BITS)),
            "requests": Out(stream.Signature(load_shape(config))),
            "first_tile": Out(1),
            "words": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "ring": Out(RingWriter(config)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        slot = JobSlot(config, self.job)
        job = slot.job
        base = Signal(config.addr_bits, reset_less=True)  # row 0 of the N-tile
        address = Signal(config.addr_bits, reset_less=True)
        m_remaining = Signal.like(job.m, reset_less=True)
        n_remaining = Signal.like(job.n, reset_less=True)
        k_remaining = Signal.like(job.k, reset_less=True)
        first_tile = Signal(reset_less=True)
        asked = Signal()
        m.d.comb += [
            asked.eq(self.requests.valid & self.requests.ready),
            self.ring.long.eq(job.long),
            self.ring.claim.eq(asked),
        ]

        chunk = chunk_words(config, job.long, config.tile.rows)  # elements
        chunk_bytes = chosen([form.row_bytes(chunk) for form in config.b_all], job.b_format)
        rest_bytes = chosen([form.row_bytes(k_remaining) for form in config.b_all], job.b_format)
        last_chunk = Signal()
        last_tile = Signal()
        m.d.comb += [
            last_chunk.eq(k_remaining <= chunk),
            last_tile.eq(n_remaining <= config.tile.cols),
        ]
        request = self.requests.payload
        m.d.comb += [
            request.transfer.request.address.eq(address),
            request.transfer.request.bytes.eq(Mux(last_chunk, rest_bytes, chunk_bytes)),
            request.transfer.request.rows.eq(Mux(last_tile, n_remaining, config.tile.cols)),
            request.transfer.request.stride.eq(job.b_stride),
            request.transfer.index.eq(job.index),
            request.long.eq(job.long),
            request.format.eq(job.b_format),
            self.first_tile.eq(first_tile),
        ]
        restart = Signal()  # at the first N-tile
        next_base = Signal(config.addr_bits)
        # No more bits than there are in an address: Yosys would split the job's register where it drops the others, and
        # Verilator take it and the request that it becomes for a loop.
        stepped = base + (job.b_stride << config.tile.cols.bit_length() - 1)[: config.addr_bits]
        m.d.comb += next_base.eq(Mux(restart, job.b_address, stepped))
        fenced = Signal(reset_less=True)  # a cycle late, as is `offered`: both compare much
        m.d.sync += fenced.eq(job.fence_b & (self.head != job.index))
        offered = Signal()
        tile_done = Signal()
        last_block = Signal(reset_less=True)  # a cycle after `m_remaining`
        m.d.sync += last_block.eq(m_remaining <= job.block_rows)
        with m.If(asked):
            m.d.sync += [
                address.eq(address + chunk_bytes),
                k_remaining.eq(k_remaining - chunk),
            ]
        if config.convolution:  # A has one request for a whole block
            with m.If(asked & job.convolution):
                m.d.sync += first_tile.eq(0)
        with m.If(restart | tile_done):
            m.d.sync += [
                base.eq(next_base),
                address.eq(next_base),
                k_remaining.eq(job.k),
                first_tile.eq(restart),
            ]
            m.d.sync += n_remaining.eq(Mux(restart, job.n, n_remaining - config.tile.cols))
        with m.FSM() as fsm:
            with m.State("Idle"):
                slot.accept(m)
                m.d.sync += m_remaining.eq(self.job.payload.m)
                m.d.sync += fenced.eq(self.job.payload.fence_b)
                with m.If(self.job.valid):
                    m.next = "Start"
            with m.State("Start"):
                m.d.comb += restart.eq(1)
                m.next = "Chunk"
            with m.State("Chunk"):
                m.d.comb += [
                    self.requests.valid.eq(offered),
                    tile_done.eq(asked & last_chunk),
                ]
                m.d.sync += offered.eq(self.ring.room & ~fenced & ~asked)
                with m.If(tile_done & last_tile):
                    m.d.sync += m_remaining.eq(m_remaining - job.block_rows)
                    m.next = "Start"
                    with m.If(last_block):
                        slot.finish(m)
                        m.next = "Idle"

        self._store_words(m, platform)
        due = count_due(m, config, asked, self.ring.chunk_loaded)
        with m.If(self.words.valid):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(due.any() | self.requests.valid):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Elif(~fsm.ongoing("Idle")):
            m.d.comb += self.activity.eq(Mux(fenced, Activity.DEPENDENCY, Activity.SPACE))
        return m

    def _store_words(self, m: Module, platform):
        config = self.config
        upsizer = place(m, "upsizer", word_maker(config, config.b_all, config.b_word_bits), platform)
        connect(m, flipped(self.words), upsizer.i)
        word = upsizer.o.payload
        chunk_start = Signal(range(config.ring_words))
        row_start = Signal(range(config.ring_words))
        offset = Signal(range(config.long_chunk_words))
        m.d.comb += [
            self.ring.write.eq(upsizer.o.valid),
            self.ring.write_row.eq(row_start + offset),
            self.ring.data.eq(word.data),
        ]
        words = chunk_words(config, word.long)
        next_start = Signal(range(config.ring_words))
        m.d.comb += next_start.eq(chunk_start + chunk_words(config, word.long, config.tile.cols))
        with m.If(upsizer.o.valid):
            m.d.sync += offset.eq(offset + 1)
            with m.If(word.row_last):
                m.d.sync += [
                    offset.eq(0),
                    row_start.eq(row_start + words),
                ]
            with m.If(word.last):
                m.d.sync += [
                    chunk_start.eq(next_start),
                    row_start.eq(next_start),
                ]
        m.d.sync += self.ring.chunk_loaded.eq(upsizer.o.valid & word.last)
