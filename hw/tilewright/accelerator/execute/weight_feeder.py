"""Where execution takes its weights: the B ring, read a column after the other."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, chunk_words
from tilewright.base import SharedComponent
from tilewright.tile import weight_word

__all__ = ["WeightFeeder"]


class WeightFeeder(SharedComponent):
    """Feed the tile from the B ring: for each M-block, N-tile and word along K, that word of ``cols`` rows of B.

    Every tile of weights has ``cols`` words, also where N leaves some out: those are whatever the ring holds, and
    their sums are never stored. So the sums of a row come at least ``cols`` cycles apart. Data come 2 cycles after
    their address, a word per cycle; 1 cycle more passes between jobs.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(config.job_shape))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted with its last
        word, and must not change until then.
    chunk_loaded : In(1)
        In this cycle a further chunk becomes complete in the ring.
    chunk_freed, long_chunk_freed : Out(1)
        In this cycle the oldest chunk is read for the last time; with `chunk_freed`, whether it is a long one.
    fetch, take : Out(1)
        Enables of the two registers of the ring's memory, as `BlockMemory` takes them.
    row : Out(range(ring_words))
        Row of the ring to read, valid with `fetch`.
    q : In(unsigned(8 * rows))
        The row that was taken, from the ring's `BlockMemory`.
    o : Out(stream.Signature(weight_word(config.tile)))
        The words, to the tile, column 0 first; `last` is always 0, as each tile has ``cols`` words. A word stays
        until it is accepted.
    wants_chunk : Out(1)
        The next word is the first of a chunk that has not been loaded.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(config.job_shape)),
            "chunk_loaded": In(1),
            "chunk_freed": Out(1),
            "long_chunk_freed": Out(1),
            "fetch": Out(1),
            "take": Out(1),
            "row": Out(range(config.ring_words)),
            "q": In(unsigned(8 * config.rows)),
            "o": Out(stream.Signature(weight_word(config.tile))),
            "wants_chunk": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        job = self.job.payload if config.compact else Signal(config.job_shape, reset_less=True, name="job")
        running = Signal()
        issue = Signal()
        advance = Signal()
        refill = Signal()
        fetched = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), refill.eq(~fetched | advance)]
        m.d.comb += [self.fetch.eq(refill), self.take.eq(advance)]
        chunk_start = Signal()
        takes_chunk = issue & chunk_start
        chunks = Signal(range(config.ring_words // (config.cols * config.chunk_words) + 1))
        has_chunk = Signal()
        m.d.sync += chunks.eq(chunks + self.chunk_loaded - takes_chunk)
        m.d.sync += has_chunk.eq(Mux(takes_chunk, chunks[1:].any(), chunks.any()))
        m.d.comb += self.wants_chunk.eq(running & chunk_start & ~has_chunk)
        m.d.comb += issue.eq(running & ~(chunk_start & ~has_chunk) & refill)

        m_left = Signal.like(job.m, reset_less=True)
        tiles_left = Signal(range(max(1, config.size_limit // config.cols)), reset_less=True)  # after this one
        words_left = Signal.like(job.k_words, reset_less=True)  # along K, with this one
        offset = Signal(range(config.long_chunk_words), reset_less=True)  # of the word in its chunk
        column = Signal(range(config.cols), reset_less=True)
        chunk_place = Signal(range(config.ring_words))
        place = Signal.like(chunk_place, reset_less=True)
        next_chunk = Signal.like(chunk_place)
        last_column = Signal()
        tiles_less_1 = Signal.like(tiles_left)
        m.d.comb += next_chunk.eq(chunk_place + chunk_words(config, job.long, config.cols))
        m.d.comb += tiles_less_1.eq((job.n - 1) >> config.cols.bit_length() - 1)
        m.d.sync += last_column.eq(Mux(issue, column == config.cols - 2, last_column))
        # A cycle after their counters, which change every `cols` cycles at most.
        tile_end, chunk_end, last_tile, last_block = (
            Signal(name=name, reset_less=True) for name in ("tile_end", "chunk_end", "last_tile", "last_block")
        )
        m.d.sync += [
            tile_end.eq(words_left == 1),
            chunk_end.eq((words_left == 1) | (offset == chunk_words(config, job.long) - 1)),
            last_tile.eq(~tiles_left.any()),
            last_block.eq(m_left <= job.block_rows),
        ]
        m.d.comb += [self.chunk_freed.eq(issue & last_column & chunk_end), self.long_chunk_freed.eq(job.long)]
        with m.If(issue):
            m.d.sync += [chunk_start.eq(0), column.eq(column + 1), place.eq(place + chunk_words(config, job.long))]
        with m.If(issue & last_column):
            m.d.sync += [offset.eq(offset + 1), words_left.eq(words_left - 1), place.eq(chunk_place + offset + 1)]
            with m.If(chunk_end):
                m.d.sync += [offset.eq(0), chunk_place.eq(next_chunk), place.eq(next_chunk), chunk_start.eq(1)]
            with m.If(tile_end):
                m.d.sync += [words_left.eq(job.k_words), tiles_left.eq(Mux(last_tile, tiles_less_1, tiles_left - 1))]
                with m.If(last_tile):
                    m.d.sync += m_left.eq(m_left - job.block_rows)

        with m.FSM():
            with m.State("Idle"):
                if not config.compact:
                    m.d.comb += self.job.ready.eq(1)
                    m.d.sync += job.eq(self.job.payload)
                m.d.sync += m_left.eq(self.job.payload.m)
                with m.If(self.job.valid):
                    m.next = "Start"
            with m.State("Start"):
                m.d.sync += [words_left.eq(job.k_words), tiles_left.eq(tiles_less_1), chunk_start.eq(1)]
                m.d.sync += [offset.eq(0), column.eq(0), last_column.eq(0), place.eq(chunk_place)]
                m.next = "Run"
            with m.State("Run"):
                m.d.comb += running.eq(1)
                with m.If(issue & last_column & tile_end & last_tile & last_block):
                    if config.compact:
                        m.d.comb += self.job.ready.eq(1)
                    m.next = "Idle"

        with m.If(refill):
            m.d.sync += fetched.eq(issue)
        with m.If(advance):
            m.d.sync += self.o.valid.eq(fetched)
        m.d.comb += [self.row.eq(place), self.o.payload.data.eq(self.q)]
        return m
