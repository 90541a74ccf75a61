"""Which bursts move a two-dimensional transfer: the address generator of both DMA engines."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from .dma_config import Cause, DmaConfig
from .target import SharedComponent

__all__ = ["DmaPlanner"]


class DmaPlanner(SharedComponent):
    """Split requests into bursts that never pass a 4 KiB boundary.

    Each row becomes the fewest bursts whose ends lie at multiples of ``burst_words`` words, or at the ends
    of the row; a burst's size is a power of two of at most 4 KiB, so none passes such a boundary. Rows are
    in order, and bursts in the order of their addresses.

    What must not go to the bus comes out all the same, with its ``cause``, so that the engine can account
    for the words: every burst of a misaligned request, those from an address that wraps on, and those from
    where the engine said `failed` or `stop`. A request of no bytes or no rows gives one burst without
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
        Transfers.
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
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word, span = config.word_log2, config.word_log2 + config.burst_log2
        top = config.burst_words - 1

        # The row to be split next. Bit `addr_bits` of its address says that it is past the last address.
        row = Signal(config.request_shape, reset_less=True)
        row_address = Signal(config.addr_bits + 1, reset_less=True)
        row_valid, row_first, row_empty, row_misaligned = Signal(), Signal(), Signal(), Signal()
        row_number = Signal(config.rows_bits, init=1, reset_less=True)  # from 1
        row_final = Signal()
        m.d.comb += row_final.eq(row_empty | (row_number == row.rows))
        request = self.requests.payload
        m.d.comb += self.requests.ready.eq(~row_valid & ~self.stop)

        # The burst on offer, and what is left of its row.
        burst = Signal(config.burst_shape, reset_less=True)
        valid, final_row = Signal(), Signal(reset_less=True)
        left = Signal(max(1, max(config.length_bits, span) + 1 - span), reset_less=True)
        last_word = Signal(max(1, config.burst_log2), reset_less=True)
        m.d.comb += [self.bursts.valid.eq(valid), self.bursts.payload.eq(burst)]
        m.d.comb += self.bursts.payload.row_last.eq(left == 0)
        m.d.comb += self.bursts.payload.last.eq((left == 0) & final_row)
        m.d.comb += self.busy.eq(row_valid | valid)

        step, load, ends = Signal(), Signal(), Signal()
        m.d.comb += step.eq(valid & self.bursts.ready & (left != 0))
        m.d.comb += load.eq(row_valid & (~valid | self.bursts.ready & (left == 0)))
        m.d.comb += ends.eq(self.stop & (step | load | valid & ~self.held & ~self.bursts.ready))

        with m.If(self.requests.valid & self.requests.ready):
            less_1 = Signal(config.length_bits + 1)
            m.d.comb += less_1.eq(request.bytes - 1)
            m.d.sync += [row.eq(request), row.bytes.eq(less_1), row_address.eq(request.address)]
            m.d.sync += [row_valid.eq(1), row_first.eq(1), row_number.eq(1)]
            m.d.sync += row_empty.eq(less_1[-1] | (request.rows == 0))
            if not config.unaligned:
                m.d.sync += row_misaligned.eq((request.address[:word] | request.stride[:word]) != 0)
        with m.If(load):
            # The low bits of an aligned address and stride are zero; any others report a misaligned request.
            low = 0 if config.unaligned else word
            m.d.sync += row_address[low:].eq(row_address[low:] + row.stride[low:])
            m.d.sync += [row_number.eq(row_number + 1), row_first.eq(0)]
            with m.If(row_final):
                m.d.sync += row_valid.eq(0)

        # A row's bursts follow from the place of its last byte in the span of its first burst.
        end = Signal(max(config.length_bits, span) + 1)
        place = row_address[:span] if config.unaligned else row_address[word:span] << word
        m.d.comb += end.eq(place + row.bytes)
        inherited = Mux((burst.cause.as_value() == 0) & self.failed, Cause.SLVERR, burst.cause)
        following = Signal(config.addr_bits - span + 1)
        m.d.comb += following.eq(burst.address[span:] + 1)
        with m.If(step):
            m.d.sync += burst.address.eq(following[:-1] << span)
            m.d.sync += left.eq(left - 1)
            m.d.sync += burst.beats_less_1.eq(Mux(left == 1, last_word, top))
            m.d.sync += burst.cause.eq(Mux(~inherited.any() & following[-1], Cause.WRAPPED, inherited))
        with m.Elif(load):
            cause = Mux(row_first, Mux(row_misaligned, Cause.MISALIGNED, Cause.NONE), inherited)
            wrapped = Mux(~cause.any() & row_address[-1], Cause.WRAPPED, cause)
            start, stop = row_address[word:span], end[word:span]
            m.d.sync += burst.address.eq(row_address)
            m.d.sync += left.eq(Mux(row_empty, 0, end[span:]))
            m.d.sync += last_word.eq(stop)
            m.d.sync += burst.beats_less_1.eq(Mux(end[span:] == 0, stop - start, ~start) if config.burst_log2 else 0)
            m.d.sync += burst.shift.eq(row_address if config.unaligned else Const(0, 0))
            m.d.sync += burst.tail.eq(row.bytes)
            m.d.sync += final_row.eq(row_final)
            m.d.sync += burst.cause.eq(Mux(row_empty, Cause.EMPTY, wrapped))

        with m.If(load | step):
            m.d.sync += valid.eq(1)
        with m.Elif(self.bursts.ready):
            m.d.sync += valid.eq(0)
        with m.If(ends):
            m.d.sync += [burst.cause.eq(Cause.ABORTED), left.eq(0), final_row.eq(1)]
            with m.If(load | ~row_first):
                m.d.sync += row_valid.eq(0)
        return m
