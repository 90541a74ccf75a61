"""Packs the results of the epilogue into bus words."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import ADDEND_BITS, RESULT, AcceleratorConfig, place_shape
from tilewright.base import SharedComponent, place
from tilewright.storage import SmallFifo

__all__ = ["StorePacker"]


class StorePacker(SharedComponent):
    """Gather results into words, and queue the words for the bus.

    Results cannot be stalled: reserve a slot before sending. Unwritten bytes of a word are undefined. A word can
    leave 2 cycles after its last results arrived::

        results ──►│gathered│──►│queue│──► o

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    claim : In(1)
        Reserve a slot of the queue; only if there is `room`.
    room : Out(1)
        There is a slot that is not reserved. From registers alone.
    ends : In(1)
        The results are the last of their word, for which a slot was reserved.
    place : In(place_shape(config))
        Where the results go in their word. In cycles without results, where results will go before the next word
        ends.
    results : In(unsigned(requant_lanes * 32))
        What `Requantizer` gives: 32 bits a lane, lane 0 lowest. The last before `ends` count.
    o : Out(stream.Signature(unsigned(result_word_bits)))
        The words, in order, column 0 lowest, with `ecc` followed by check bits. A word stays until it is accepted.
    """

    DEPTH = 16
    """Slots of the queue; at most so many cycles from a claim to its slot's next one, with ``double`` rounding."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "claim": In(1),
            "room": Out(1),
            "ends": In(1),
            "place": In(place_shape(config)),
            "results": In(unsigned(config.requant_lanes * ADDEND_BITS)),
            "o": Out(stream.Signature(config.result_word_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        config, lanes = self.config, self.config.requant_lanes
        queue = place(m, "queue", SmallFifo(unsigned(config.result_word_bits), self.DEPTH), platform)
        connect(m, queue.o, flipped(self.o))

        word = Signal(config.data_bits, reset_less=True)
        complete = Signal()
        raw = self.results.word_select(self.place.part, config.data_bits)
        for number in range(config.data_bits // RESULT.bits):
            position, lane = divmod(number, lanes)
            here = self.place.position == position
            with m.If(~self.place.requant | here):
                small = self.results.word_select(lane, ADDEND_BITS)[: RESULT.bits]
                m.d.sync += word.word_select(number, RESULT.bits).eq(
                    Mux(self.place.requant, small, raw.word_select(number, RESULT.bits))
                )
        m.d.sync += complete.eq(self.ends)
        m.d.comb += queue.i.valid.eq(complete)
        m.d.comb += queue.i.payload.eq(config.result_code.encode(m, "checks", word, platform) if config.ecc else word)

        free = Signal(range(self.DEPTH + 1), init=self.DEPTH)
        leaves = Signal()
        m.d.comb += self.room.eq(free.any())
        m.d.comb += leaves.eq(self.o.valid & self.o.ready)
        with m.If(self.claim & ~leaves):
            m.d.sync += free.eq(free - 1)
        with m.If(~self.claim & leaves):
            m.d.sync += free.eq(free + 1)
        return m
