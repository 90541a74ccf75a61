"""The engine that loads activations into the A panel."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
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
from tilewright.block_tile import chosen

from .due import count_due
from .window_writer import WindowWriter
from .word_maker import word_maker

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

    Of a convolution's image, a block loads the rows that its output rows need, all in one request, with the padding
    around them, as one chunk; see `WindowWriter`. It begins when all that was requested before is loaded.

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
        integer = job.b_format == config.integer if len(config.a_all) > 1 else Const(0, 0)
        chunk_bytes = chosen([form.row_bytes(chunk) for form in config.a_all], integer)
        rest_bytes = chosen([form.row_bytes(k_remaining) for form in config.a_all], integer)
        last_chunk = Signal()
        m.d.comb += last_chunk.eq(k_remaining <= chunk)
        request = self.requests.payload
        m.d.comb += [
            request.transfer.request.address.eq(address),
            request.transfer.request.bytes.eq(Mux(last_chunk, rest_bytes, chunk_bytes)),
            request.transfer.request.rows.eq(rows),
            request.transfer.request.stride.eq(job.a_stride),
            request.transfer.index.eq(job.index),
            request.block_last.eq(last_chunk),
            request.long.eq(job.long),
            request.format.eq(integer),
        ]
        last_block = Signal(reset_less=True)  # a cycle after `m_remaining`
        m.d.sync += last_block.eq(m_remaining <= job.block_rows)
        due = count_due(m, config, self.requests.valid & self.requests.ready, self.panel.chunk_loaded)
        writer = None
        if config.convolution:
            writer = place(m, "window_writer", WindowWriter(config), platform)
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
                    if config.convolution:
                        with m.If(self.job.payload.convolution):
                            m.next = "Window"
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
            if writer is not None:
                self._window_states(m, slot, writer, base, m_remaining, fenced, last_block, due)

        self._store_words(m, writer, fsm.ongoing("WindowLoad") if config.convolution else None, platform)
        with m.If(self.words.valid):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(due.any() | fsm.ongoing("Chunk")):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Elif(fsm.ongoing("Block") | (fsm.ongoing("Window") if config.convolution else 0)):
            m.d.comb += self.activity.eq(
                Mux(fenced, Activity.DEPENDENCY, Mux(self.panel.half_free, Activity.MEMORY, Activity.SPACE))
            )
        if config.convolution:
            with m.Elif(~fsm.ongoing("Idle")):
                m.d.comb += self.activity.eq(Activity.MEMORY)
        return m

    def _window_states(
        self, m: Module, slot: JobSlot, writer: WindowWriter, base: Signal, m_remaining: Signal, fenced: Signal,
        last_block: Signal, due: Signal,
    ):  # fmt: skip
        """The states of a convolution: a block's rows of the image, its request, its words and its padding."""
        job, window = slot.job, slot.job.window
        request = self.requests.payload
        first = Signal(signed(19), reset_less=True)  # row of the image; negative in the padding above it
        end = Signal(signed(20), reset_less=True)
        count = Signal(signed(20), reset_less=True)  # rows of the image
        begun = Signal()
        with m.State("Window"):
            with m.If(~begun):
                m.d.sync += [
                    first.eq(-window.pad_top),
                    base.eq(window.address),
                    begun.eq(1),
                ]
            with m.Elif(self.panel.half_free & ~fenced & ~due.any()):
                m.d.comb += self.panel.take_half.eq(1)
                m.d.sync += end.eq(first + window.rows)
                m.next = "WindowRows"
        with m.State("WindowRows"):
            m.d.sync += count.eq(Mux(end > window.height, window.height, end) - Mux(first < 0, 0, first))
            m.d.comb += writer.start.eq(1)
            m.d.sync += writer.above.eq(Mux(first < 0, -first, 0))
            m.next = "WindowRequest"
        with m.State("WindowRequest"):
            m.d.comb += [
                self.requests.valid.eq(writer.ready),
                request.transfer.request.address.eq(Mux(first < 0, job.a_address, base)),
                request.transfer.request.bytes.eq(window.row_bytes),
                request.transfer.request.rows.eq(count),
                request.block_last.eq(1),
                request.long.eq(0),
            ]
            with m.If(self.requests.valid & self.requests.ready):
                m.next = "WindowLoad"
        with m.State("WindowLoad"), m.If(writer.done):
            m.d.sync += [
                first.eq(first + window.block_step),
                base.eq(base + job.a_block_bytes),
                m_remaining.eq(m_remaining - job.block_rows),
            ]
            m.next = "Window"
            with m.If(last_block):
                m.d.sync += begun.eq(0)
                slot.finish(m)
                m.next = "Idle"
        m.d.comb += [
            writer.window.eq(window),
            writer.rows.eq(count),
        ]

    def _store_words(self, m: Module, writer: WindowWriter | None, of_window: Value | None, platform):
        config = self.config
        upsizer = place(m, "upsizer", word_maker(config, config.a_all, config.a_word_bits, config.a.scale), platform)
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
        if writer is None or of_window is None:
            return
        m.d.comb += [
            writer.words.valid.eq(upsizer.o.valid & of_window),
            writer.words.payload.eq(word),
        ]
        with m.If(writer.write):
            m.d.comb += [
                self.panel.write.eq(1),
                row.eq(writer.row),
                self.panel.data.eq(writer.data),
            ]
        with m.If(of_window):
            m.d.sync += [
                offset.eq(0),
                row_start.eq(0),
                self.panel.chunk_loaded.eq(writer.done),
            ]
        with m.If(writer.done):
            m.d.sync += half.eq(~half)
        with m.Elif(of_window):
            m.d.sync += half.eq(half)
