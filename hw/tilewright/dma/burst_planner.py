"""The address generator of both DMA engines: splits two-dimensional transfers into bursts."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.arithmetic import CarryAdder
from tilewright.base import SharedComponent, place
from tilewright.bus import Burst

from .config import Cause, DmaConfig
from .row_iterator import RowIterator

__all__ = ["BurstPlanner", "address_fields", "bus_address"]


class BurstPlanner(SharedComponent):
    """Split requests into bursts that never pass a 4 KiB boundary.

    Each row becomes the fewest bursts whose ends lie at multiples of ``burst_words`` words, or at the ends
    of the row; a burst's size is a power of two of at most 4 KiB, so none passes such a boundary. Rows are
    in order, and bursts in the order of their addresses.

    Bursts that must not reach the bus are still emitted, tagged with a ``cause``, so that the engine can account
    for the words: every burst of a misaligned request, all from the first address that wraps, and all after
    `failed` or `stop`. A request of no bytes or no rows gives one burst without
    beats.

    A request accepted in cycle t is a burst in cycle t + 2; throughput is 1 burst per cycle, also from row
    to row, and 1 request in two cycles::

        requests ──►│row: address, rows left│──► + bytes ──►│burst: address, bursts left│──► bursts
                          ▲── + stride ──┘                        ▲── + 1 ──┘

    Parameters
    ----------
    config : DmaConfig
        Widths, longest burst and alignment.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        Transfers, in order; copied when accepted.
    bursts : Out(stream.Signature(config.burst_shape))
        Their bursts. The payload may change before it is accepted, unless `held`.
    held : In(1)
        The burst is on the bus already and must not change.
    failed : In(1)
        The request of the current burst has failed: the bursts after this one get a cause.
    stop : In(1)
        While 1, every request that is not yet wholly planned ends at once, with a burst without beats
        and the cause ``ABORTED``. No request is accepted.
    busy : Out(1)
        A request is not yet wholly planned.
    begins : Out(1)
        In the next cycle there is the first burst of a row. Its words are known now: as many as both of the
        following allow.
    row_words_less_1 : Out(unsigned(length_bits - word_log2))
        Words of the row, less one.
    span_words_less_1 : Out(unsigned(burst_log2))
        Words from its start to the next multiple of ``burst_words``, less one.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "requests": In(stream.Signature(config.request_shape)),
            "bursts": Out(stream.Signature(config.burst_shape)),
            "held": In(1),
            "failed": In(1),
            "stop": In(1),
            "busy": Out(1),
            "begins": Out(1),
            "row_words_less_1": Out(max(1, config.length_bits - config.word_log2)),
            "span_words_less_1": Out(max(1, config.burst_log2)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word, span = config.word_log2, config.word_log2 + config.burst_log2
        low = 0 if config.unaligned else word  # the bits of an aligned address below are zero

        rows = place(m, "rows", RowIterator(config), platform)
        connect(m, flipped(self.requests), rows.requests)
        row_valid, row = rows.o.valid, rows.o.payload
        row_address = Cat(row.address, row.wrapped)

        # The burst on offer, the number of bursts of its row after it, and whether there are any.
        burst = Signal(config.burst_shape, reset_less=True)
        valid = Signal()
        final_row = Signal(reset_less=True)
        remaining = Signal(max(1, max(config.length_bits, span) + 1 - span), reset_less=True)
        some_remaining = Signal()  # only if `valid`
        last_word = Signal(max(1, config.burst_log2), reset_less=True)
        m.d.comb += self.bursts.valid.eq(valid)
        m.d.comb += self.bursts.payload.eq(burst)
        m.d.comb += self.bursts.payload.row_last.eq(~some_remaining)
        m.d.comb += self.bursts.payload.last.eq(~some_remaining & final_row)
        m.d.comb += self.busy.eq(row_valid | valid)

        # The next burst is determined before it is known whether the current one is accepted.
        more = Signal()
        go = Signal()
        load = Signal()
        ends = Signal()
        m.d.comb += more.eq(some_remaining)
        m.d.comb += go.eq(~valid | self.bursts.ready)
        m.d.comb += load.eq(go & row_valid & ~more)
        m.d.comb += ends.eq(self.stop & Mux(go, more | row_valid, ~self.held))

        m.d.comb += rows.o.ready.eq(go & ~more)
        m.d.comb += rows.drop.eq(ends)
        m.d.comb += rows.stop.eq(self.stop)
        m.d.comb += self.begins.eq(load)
        m.d.comb += self.row_words_less_1.eq(row.bytes_less_1[word:])
        m.d.comb += self.span_words_less_1.eq(~row_address[word:span])

        # A row's bursts follow from the position of its last byte in the span of its first burst.
        end = Signal(max(config.length_bits, span) + 1)
        m.d.comb += end.eq((row_address[low:span] << low) + row.bytes_less_1)
        # Words from its first to its last, as they count if both are in one span.
        words_less_1 = (Mux(config.unaligned, row_address[:word], 0) + row.bytes_less_1)[word:span]
        single = (row.bytes_less_1[span:] == 0) & ~end[span]  # sooner known than that no upper bit of the sum is 1
        address = Signal(config.addr_bits - span + 1)  # and whether it is past the last address
        m.d.comb += address.eq(self._next_address(m, more, row_address[span:], burst.address[span:], platform))
        following = self._next_remaining(m, more, end[span:], remaining, platform)
        inherited = Mux((burst.cause.as_value() == 0) & self.failed, Cause.SLVERR, burst.cause)
        cause = Mux(row.first & ~more, Mux(row.misaligned, Cause.MISALIGNED, Cause.NONE), inherited)
        cause = Mux(~cause.any() & address[-1], Cause.WRAPPED, cause)
        with m.If(go):
            m.d.sync += valid.eq(more | row_valid)
            m.d.sync += burst.address.eq(Cat(Mux(more, 0, row_address[:span]), address[:-1]))
            m.d.sync += burst.cause.eq(Mux(row.empty & ~more, Cause.EMPTY, cause))
            m.d.sync += remaining.eq(following)
            with m.If(more):
                m.d.sync += burst.beats_less_1.eq(Mux(remaining == 1, last_word, config.burst_words - 1))
                m.d.sync += some_remaining.eq(remaining != 1)
            with m.Elif(row_valid):
                m.d.sync += last_word.eq(end[word:span])
                m.d.sync += some_remaining.eq(~single)
                beats_less_1 = Mux(single, words_less_1, ~row_address[word:span])
                m.d.sync += burst.beats_less_1.eq(beats_less_1 if config.burst_log2 else 0)
                m.d.sync += burst.shift.eq(row_address if config.unaligned else Const(0, 0))
                m.d.sync += burst.tail.eq(row.bytes_less_1)
                m.d.sync += final_row.eq(row.final)
        with m.If(ends):
            m.d.sync += burst.cause.eq(Cause.ABORTED)
            m.d.sync += some_remaining.eq(0)
            m.d.sync += final_row.eq(1)
        return m

    def _next_address(self, m: Module, more: Value, first: Value, before: Value, platform) -> Value:
        """``before + 1`` if ``more``, else ``first``: choice and sum in one carry chain."""
        adder = place(m, "next_address", CarryAdder(len(first) + 1), platform)
        # The lowest bits of both operands are there for the carry.
        m.d.comb += adder.a.eq(Cat(1, first))
        m.d.comb += adder.b.eq(Cat(more, (~more).replicate(len(first))))
        m.d.comb += adder.c.eq(Cat(1, before))
        m.d.comb += adder.d.eq(more.replicate(len(first) + 1))
        return adder.total[1:]

    def _next_remaining(self, m: Module, more: Value, first: Value, before: Value, platform) -> Value:
        """``before - 1`` if ``more``, else ``first``: choice and difference in one carry chain."""
        adder = place(m, "next_remaining", CarryAdder(len(before), either=True), platform)
        m.d.comb += adder.a.eq(before)
        m.d.comb += adder.b.eq(more.replicate(len(before)))
        m.d.comb += adder.c.eq(first)
        m.d.comb += adder.d.eq(more.replicate(len(before)))
        return adder.total


def bus_address(config: DmaConfig, burst) -> Value:
    """The address of a burst on the bus: that of the word with its first byte."""
    return Cat(Const(0, config.word_log2), burst.address[config.word_log2 :])


def address_fields(config: DmaConfig, burst) -> dict:
    """The members of an address channel that ask for a burst, by their names without the channel."""
    return {
        "addr": bus_address(config, burst),
        "len": burst.beats_less_1 if config.burst_log2 else 0,
        "size": config.word_log2,
        "burst": Burst.INCR,
        "cache": 0b0011,
    }
