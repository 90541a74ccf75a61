"""Where execution takes its weights: the B ring, read a column after the other."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    NUMBER_BITS,
    AcceleratorConfig,
    JobSlot,
    RingReader,
    chunk_words,
    job_shape,
    source_shape,
)
from tilewright.base import SharedComponent

from .checked_words import stored_word

__all__ = ["WeightFeeder"]


class WeightFeeder(SharedComponent):
    """Feed the tile from the B ring: for each M-block, N-tile and word along K, that word of ``cols`` rows of B.

    Every tile of weights has ``cols`` words, also where N leaves some out: those are whatever the ring holds, and
    their sums are never stored. So the sums of a row come at least ``cols`` cycles apart. Data come 2 cycles after
    their address, 1 in the variant ``compact``, a word per cycle; 1 cycle more passes between jobs.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted with its last
        word, and must not change until then.
    ring : Out(RingReader(config))
        The words of ``cols`` columns.
    o : Out(stream.Signature(stored_word(ring_bits)))
        The words, to the tile, column 0 first; `last` is always 0, as each tile has ``cols`` words. A word stays
        until it is accepted.
    source : Out(source_shape())
        Where the word on `o` comes from, and for which job; only with `ecc`. Valid with `o`.
    used : Out(1)
        It is of a column that N has; only with `ecc`. Valid with `o`.
    b_format : Out(b_format_bits)
        The number of its format; only with several. Valid with `o`.
    wants_chunk : Out(1)
        The next word is the first of a chunk that has not been loaded.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        source = {"source": Out(source_shape()), "used": Out(1)} if config.ecc else {}
        form = {"b_format": Out(config.b_format_bits)} if config.b_format_bits else {}
        super().__init__({
            **source,
            **form,
            "job": In(stream.Signature(job_shape(config))),
            "ring": Out(RingReader(config)),
            "o": Out(stream.Signature(stored_word(config.ring_bits))),
            "wants_chunk": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        slot = JobSlot(config, self.job)
        job, ring = slot.job, self.ring
        running = Signal()
        issue = Signal()
        advance = Signal()
        refill = Signal()
        fetched = Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            refill.eq(advance | ~fetched if config.buffer_registers else advance),
        ]
        chunk_start = Signal()
        m.d.comb += [
            ring.fetch.eq(refill),
            ring.take.eq(advance),
            self.wants_chunk.eq(running & chunk_start & ~ring.has_chunk),
            issue.eq(running & ~(chunk_start & ~ring.has_chunk) & refill),
            ring.take_chunk.eq(issue & chunk_start),
        ]

        m_remaining = Signal.like(job.m, reset_less=True)
        tiles_remaining = Signal(
            range(max(1, config.size_limit // config.tile.cols)), reset_less=True
        )  # after this one
        words_remaining = Signal.like(job.k_words, reset_less=True)  # along K, with this one
        offset = Signal(range(config.long_chunk_words), reset_less=True)  # of the word in its chunk
        column = Signal(range(config.tile.cols), reset_less=True)
        chunk_place = Signal(range(config.ring_words))
        place = Signal.like(chunk_place, reset_less=True)
        next_chunk = Signal.like(chunk_place)
        last_column = Signal()
        tiles_less_1 = Signal.like(tiles_remaining)
        m.d.comb += next_chunk.eq(chunk_place + chunk_words(config, job.long, config.tile.cols))
        m.d.comb += tiles_less_1.eq((job.n - 1) >> config.tile.cols.bit_length() - 1)
        m.d.sync += last_column.eq(Mux(issue, column == config.tile.cols - 2, last_column))
        # A cycle after their counters, which change every `cols` cycles at most.
        tile_end, chunk_end, last_tile, last_block = (
            Signal(name=name, reset_less=True) for name in ("tile_end", "chunk_end", "last_tile", "last_block")
        )
        m.d.sync += [
            tile_end.eq(words_remaining == 1),
            chunk_end.eq((words_remaining == 1) | (offset == chunk_words(config, job.long) - 1)),
            last_tile.eq(~tiles_remaining.any()),
            last_block.eq(m_remaining <= job.block_rows),
        ]
        m.d.comb += [
            ring.free_chunk.eq(issue & last_column & chunk_end),
            ring.free_long.eq(job.long),
        ]
        with m.If(issue):
            m.d.sync += [
                chunk_start.eq(0),
                column.eq(column + 1),
                place.eq(place + chunk_words(config, job.long)),
            ]
        with m.If(issue & last_column):
            m.d.sync += [
                offset.eq(offset + 1),
                words_remaining.eq(words_remaining - 1),
                place.eq(chunk_place + offset + 1),
            ]
            with m.If(chunk_end):
                m.d.sync += [
                    offset.eq(0),
                    chunk_place.eq(next_chunk),
                    place.eq(next_chunk),
                    chunk_start.eq(1),
                ]
            with m.If(tile_end):
                m.d.sync += [
                    words_remaining.eq(job.k_words),
                    tiles_remaining.eq(Mux(last_tile, tiles_less_1, tiles_remaining - 1)),
                ]
                with m.If(last_tile):
                    m.d.sync += m_remaining.eq(m_remaining - job.block_rows)

        with m.FSM():
            with m.State("Idle"):
                slot.accept(m)
                m.d.sync += m_remaining.eq(self.job.payload.m)
                with m.If(self.job.valid):
                    m.next = "Start"
            with m.State("Start"):
                m.d.sync += [
                    words_remaining.eq(job.k_words),
                    tiles_remaining.eq(tiles_less_1),
                    chunk_start.eq(1),
                ]
                m.d.sync += [
                    offset.eq(0),
                    column.eq(0),
                    last_column.eq(0),
                    place.eq(chunk_place),
                ]
                m.next = "Run"
            with m.State("Run"):
                m.d.comb += running.eq(1)
                with m.If(issue & last_column & tile_end & last_tile & last_block):
                    slot.finish(m)
                    m.next = "Idle"

        if config.buffer_registers:
            with m.If(refill):
                m.d.sync += fetched.eq(issue)
        else:
            m.d.comb += fetched.eq(issue)
        with m.If(advance):
            m.d.sync += self.o.valid.eq(fetched)
        m.d.comb += [
            ring.row.eq(place),
            self.o.payload.data.eq(ring.q),
        ]
        if config.ecc:
            last_used = (job.n - 1)[: len(column)]
            used = ~last_tile | (column <= last_used)
            source = self._send(m, "source", Cat(used, job.index[:NUMBER_BITS], place), refill, advance)
            m.d.comb += Cat(self.used, self.source).eq(source)
        if config.b_format_bits:
            m.d.comb += self.b_format.eq(self._send(m, "format", job.b_format, refill, advance))
        return m

    def _send(self, m: Module, name: str, issued: Value, refill: Value, advance: Value) -> Value:
        """Send something along with the word."""
        fetched = Signal(len(issued), reset_less=True, name=f"fetched_{name}")
        o = Signal(len(issued), reset_less=True, name=f"o_{name}")
        if self.config.buffer_registers:
            with m.If(refill):
                m.d.sync += fetched.eq(issued)
        else:
            m.d.comb += fetched.eq(issued)
        with m.If(advance):
            m.d.sync += o.eq(fetched)
        return o
