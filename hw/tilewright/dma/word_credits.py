"""Assigns the words of the writer's buffer to bursts."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import DmaConfig

__all__ = ["WordCredits"]


class WordCredits(SharedComponent):
    """Say when all words of a burst are in the writer's buffer, and keep them from other bursts.

    Words belong to bursts in order. A burst that comes to wait in cycle t is `granted` in t if one of the
    longest could be, or if its row was announced with `begins`, and in t + 1 otherwise, if its words are there
    2 cycles before; after a claim 2 cycles later than that, unless there are words for two or three of the
    longest.

    Parameters
    ----------
    config : DmaConfig
        Size of the buffer and the longest burst.

    Members
    -------
    clear : In(1)
        Forget all words at the end of this cycle.
    arrived : In(1)
        A word is put into the buffer.
    waiting : In(1)
        A burst waits that has not claimed its words.
    words_less_1 : In(range(-1, burst_words))
        Number of the burst's words, less one; -1 if it has none. Valid with `waiting` and `claim`.
    begins, row_words_less_1, span_words_less_1 : In
        The burst of the next cycle, as the `BurstPlanner` announces it.
    claim : In(1)
        The burst takes its words; only if it is `waiting` and `granted`.
    granted : Out(1)
        There are words for the burst that waits. From registers alone.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "clear": In(1),
            "arrived": In(1),
            "waiting": In(1),
            "words_less_1": In(range(-1, config.burst_words)),
            "begins": In(1),
            "row_words_less_1": In(max(1, config.length_bits - config.word_log2)),
            "span_words_less_1": In(max(1, config.burst_log2)),
            "claim": In(1),
            "granted": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # Words in the buffer, or just behind it, that belong to no burst yet. Those of a claim are taken off a cycle
        # later: until then it counts as a longest burst.
        unclaimed = Signal(range(config.write_buffer_words + 4))
        plenty = Signal()
        exactly = Signal()
        claiming = Signal()
        for_1, for_2, for_3 = (unclaimed >= bursts * config.burst_words for bursts in (1, 2, 3))
        # A claim in this cycle only selects between two precomputed results, so it may be late.
        m.d.sync += plenty.eq(Mux(self.claim, Mux(claiming, for_3, for_2), Mux(claiming, for_2, for_1)))
        waits = self.waiting & (self.words_less_1 < unclaimed)
        comes = (self.row_words_less_1 < unclaimed) | (self.span_words_less_1 < unclaimed)
        m.d.sync += exactly.eq(~(self.claim | claiming) & (waits | self.begins & comes))
        m.d.comb += self.granted.eq(plenty | exactly)

        # Plus the word that came, minus the claimed ones: -n = ~(n - 1), and a carry adds the one that came.
        arrived = Signal()
        claimed_words = Signal(signed(len(self.words_less_1) + 1))
        m.d.sync += claiming.eq(self.claim)
        m.d.sync += arrived.eq(self.arrived)
        m.d.sync += claimed_words.eq(Mux(self.claim, ~self.words_less_1, 0))
        m.d.sync += unclaimed.eq((Cat(1, unclaimed) + Cat(arrived, claimed_words).as_signed()) >> 1)
        with m.If(self.clear):
            m.d.sync += unclaimed.eq(0)
            m.d.sync += plenty.eq(0)
        return m
