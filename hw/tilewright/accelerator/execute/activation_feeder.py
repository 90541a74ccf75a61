"""Where execution takes its activations: the A panel, read in the order of the multiplications."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    NUMBER_BITS,
    AcceleratorConfig,
    JobSlot,
    PanelReader,
    chunk_words,
    job_shape,
    source_shape,
)
from tilewright.base import SharedComponent

from .checked_words import stored_word
from .patch_iterator import PatchIterator

__all__ = ["ActivationFeeder"]


class ActivationFeeder(SharedComponent):
    """Feed the tile from the A panel: for each M-block, N-tile and word along K, a packet of the block's rows.

    The first N-tile of a block waits for each chunk to be loaded; the others find all of them. A tile of sums begins
    when a bank of accumulators is free. Data come 2 cycles after their address, 1 in the variant ``compact``, a word
    per cycle, and 3 cycles more pass between M-blocks. A convolution waits once for its whole block, and takes the
    order of its words from `PatchIterator`::

        address ──► panel │fetched│──►│q│──► o          both stages stand still while `o` waits

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted with its last
        word, and must not change until then.
    panel : Out(PanelReader(config))
        The words of the block's rows.
    has_bank : In(1)
        A bank of accumulators is free for a further tile of sums.
    take_bank : Out(1)
        The bank is taken, with the fetch of the first word of a tile of sums; only while `has_bank` is 1.
    o : Out(stream.Signature(stored_word(panel_bits)))
        The words, to the tile; `last` ends a packet. A word stays until it is accepted.
    first, final : Out(1)
        The word on `o` is of the first packet of its tile of sums; of the last. Valid with `o`.
    source : Out(source_shape())
        Where the word on `o` comes from, and for which job; only with `ecc`. Valid with `o`.
    wants_chunk, wants_bank : Out(1)
        The next word waits for a chunk to be loaded; for a free bank of accumulators.
    active : Out(1)
        There is a job, or words of one are on their way to `o`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        source = {"source": Out(source_shape())} if config.ecc else {}
        super().__init__({
            **source,
            "job": In(stream.Signature(job_shape(config))),
            "panel": Out(PanelReader(config)),
            "has_bank": In(1),
            "take_bank": Out(1),
            "o": Out(stream.Signature(stored_word(config.panel_bits))),
            "first": Out(1),
            "final": Out(1),
            "wants_chunk": Out(1),
            "wants_bank": Out(1),
            "active": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        slot = JobSlot(config, self.job)
        job = slot.job
        half, running, issue = (Signal(name=name) for name in ("half", "running", "issue"))
        needs_chunk = Signal()  # the next word is the first of a chunk that may not be loaded
        needs_bank = Signal()  # … of a tile of sums
        m.d.comb += [
            self.wants_chunk.eq(needs_chunk & ~self.panel.has_chunk),
            self.wants_bank.eq(needs_bank & ~self.has_bank),
            issue.eq(running & ~self.wants_chunk & ~self.wants_bank & self.panel.fetch),
            self.panel.take_chunk.eq(issue & needs_chunk),
            self.take_bank.eq(issue & needs_bank),
        ]

        # Where the loops are. What ends with the next word is kept in registers, each one step ahead of its counter.
        m_remaining = Signal.like(job.m, reset_less=True)
        tiles_remaining = Signal(
            range(max(1, config.size_limit // config.tile.cols)), reset_less=True
        )  # after this one
        words_remaining = Signal.like(job.k_words, reset_less=True)  # along K, with this one
        offset = Signal(range(config.long_chunk_words), reset_less=True)  # of the word in its chunk
        rows_remaining = Signal(range(config.acc_rows), reset_less=True)  # after this one
        rows_less_1 = Signal.like(rows_remaining, reset_less=True)
        place = Signal(range(config.half_words), reset_less=True)
        word_place = Signal.like(place, reset_less=True)  # row 0 of this word
        next_chunk = Signal.like(place, reset_less=True)
        first_word, last_row, single_row = (Signal(name=name) for name in ("first_word", "last_row", "single_row"))
        tile_end, chunk_end, last_tile = (Signal(name=name) for name in ("tile_end", "chunk_end", "last_tile"))
        first_tile = Signal()
        length_less_1 = chunk_words(config, job.long) - 1
        after_row = Signal.like(place)
        after_chunk = Signal.like(place)
        m.d.comb += [
            after_row.eq(place + chunk_words(config, job.long)),
            after_chunk.eq(Mux(offset == 0, after_row, next_chunk)),
        ]
        next_tile_end = Signal()
        next_chunk_end = Signal()
        m.d.comb += next_tile_end.eq(Mux(tile_end, job.k_words == 1, words_remaining == 2))
        m.d.comb += next_chunk_end.eq(next_tile_end | Mux(chunk_end, length_less_1 == 0, offset + 1 == length_less_1))
        with m.If(issue):
            m.d.sync += [
                needs_bank.eq(0),
                needs_chunk.eq(0),
                rows_remaining.eq(rows_remaining - 1),
                place.eq(after_row),
            ]
            m.d.sync += last_row.eq(Mux(last_row, single_row, rows_remaining == 1))
        with m.If(issue & last_row):
            m.d.sync += [
                rows_remaining.eq(rows_less_1),
                words_remaining.eq(words_remaining - 1),
                next_chunk.eq(after_chunk),
            ]
            m.d.sync += [
                offset.eq(offset + 1),
                place.eq(word_place + 1),
                word_place.eq(word_place + 1),
            ]
            m.d.sync += [
                first_word.eq(tile_end),
                tile_end.eq(next_tile_end),
                chunk_end.eq(next_chunk_end),
            ]
            with m.If(chunk_end):
                m.d.sync += [
                    offset.eq(0),
                    place.eq(after_chunk),
                    word_place.eq(after_chunk),
                ]
                m.d.sync += needs_chunk.eq(first_tile & ~tile_end)
            with m.If(tile_end):
                m.d.sync += [
                    place.eq(0),
                    word_place.eq(0),
                    words_remaining.eq(job.k_words),
                    needs_bank.eq(1),
                ]
                m.d.sync += [
                    tiles_remaining.eq(tiles_remaining - 1),
                    last_tile.eq(tiles_remaining == 1),
                    first_tile.eq(0),
                ]

        starting = Signal()
        last_block = Signal(reset_less=True)  # a cycle after `m_remaining`
        m.d.sync += last_block.eq(m_remaining <= job.block_rows)
        with m.FSM() as fsm:
            with m.State("Idle"):
                slot.accept(m)
                m.d.sync += m_remaining.eq(self.job.payload.m)
                with m.If(self.job.valid):
                    m.next = "Block"
            with m.State("Block"):
                m.d.sync += rows_less_1.eq(Mux(m_remaining < job.block_rows, m_remaining, job.block_rows) - 1)
                m.d.sync += [
                    tiles_remaining.eq((job.n - 1) >> config.tile.cols.bit_length() - 1),
                    words_remaining.eq(job.k_words),
                ]
                m.next = "Start"
            with m.State("Start"):
                m.d.comb += starting.eq(1)
                m.d.sync += [
                    rows_remaining.eq(rows_less_1),
                    last_row.eq(rows_less_1 == 0),
                    single_row.eq(rows_less_1 == 0),
                ]
                m.d.sync += [
                    last_tile.eq(tiles_remaining == 0),
                    first_tile.eq(1),
                    needs_bank.eq(1),
                    needs_chunk.eq(1),
                ]
                m.d.sync += [
                    place.eq(0),
                    word_place.eq(0),
                    offset.eq(0),
                    first_word.eq(1),
                ]
                m.d.sync += [
                    tile_end.eq(words_remaining == 1),
                    chunk_end.eq((words_remaining == 1) | (length_less_1 == 0)),
                ]
                m.next = "Run"
            with m.State("Run"):
                m.d.comb += running.eq(1)
                with m.If(issue & last_row & tile_end & last_tile):
                    m.d.comb += self.panel.free_half.eq(1)
                    m.d.sync += [
                        half.eq(~half),
                        m_remaining.eq(m_remaining - job.block_rows),
                    ]
                    m.d.sync += [
                        needs_bank.eq(0),
                        needs_chunk.eq(0),
                    ]
                    m.next = "Block"
                    with m.If(last_block):
                        slot.finish(m)
                        m.next = "Idle"

        row = place
        if config.convolution:
            patches = PatchIterator(m, config, job, issue, issue & last_row, tile_end)
            with m.If(starting):
                patches.start(m)
            with m.If(issue & job.convolution):
                m.d.sync += needs_chunk.eq(0)  # the whole block is one chunk
            row = Mux(job.convolution, patches.row, place)
            m.d.comb += self.panel.shift.eq(Mux(job.convolution, patches.shift, 0))
        m.d.comb += self.panel.row.eq(Cat(row, half))
        source = Cat(job.index[:NUMBER_BITS], self.panel.row) if config.ecc else Const(0, 0)
        fetched = self._read(m, issue, Cat(last_row, first_word, tile_end, source))
        m.d.comb += self.active.eq(~fsm.ongoing("Idle") | fetched | self.o.valid)
        return m

    def _read(self, m: Module, issue: Signal, issued_tags: Value) -> Signal:
        """The word at `row` through the memory's one or two stages, and with it what it ends and begins.

        Returns whether a word is in the first of two stages.
        """
        fetched = Signal()
        # A bubble in the pipeline is filled whatever the tile does.
        m.d.comb += self.panel.take.eq(~self.o.valid | self.o.ready)
        tags = Signal(len(issued_tags))
        fetched_tags = Signal(len(issued_tags), reset_less=True)
        o_tags = Signal(len(issued_tags), reset_less=True)
        m.d.comb += tags.eq(issued_tags)
        if self.config.buffer_registers:
            m.d.comb += self.panel.fetch.eq(~fetched | self.panel.take)
            with m.If(self.panel.fetch):
                m.d.sync += [
                    fetched.eq(issue),
                    fetched_tags.eq(tags),
                ]
        else:
            m.d.comb += [
                self.panel.fetch.eq(self.panel.take),
                fetched.eq(issue),
                fetched_tags.eq(tags),
            ]
        with m.If(self.panel.take):
            m.d.sync += [
                self.o.valid.eq(fetched),
                o_tags.eq(fetched_tags),
            ]
        m.d.comb += [
            self.o.payload.data.eq(self.panel.q),
            Cat(self.o.payload.last, self.first, self.final).eq(o_tags),
        ]
        if self.config.ecc:
            m.d.comb += self.source.as_value().eq(o_tags[3:])
        return fetched
