"""Read two-dimensional transfers from AXI4 memory into a stream."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4Read
from tilewright.storage import BlockFifo, SmallFifo

from .beat_counter import BeatCounter
from .burst_planner import BurstPlanner, address_fields, bus_address
from .config import Cause, DmaConfig, response_cause
from .counters import DmaCounters
from .read_aligner import ReadAligner
from .request_status import RequestStatus

__all__ = ["DmaReader"]


class DmaReader(SharedComponent):
    """Read rows of bytes from memory and stream them as words.

    A request is ``rows`` rows of ``bytes`` bytes, row n at ``address + n * stride``. It gives
    ``rows * ceil(bytes / word_bytes)`` words, row after row: byte k of word j of a row is the row's byte
    ``j * word_bytes + k``, or zero beyond its end. Memory outside the bus words that hold a row's bytes is
    never read.

    A burst is requested only if the buffer has space for all of it, so `rready` is always 1 and a slow
    consumer never holds up the bus. ``outstanding`` bursts are in flight or buffered at most::

        requests ──► planner ──┬────────────────────────────► AR
                               └─► bursts in flight ──┐
        R ──► buffer (outstanding * burst_words) ─────┴─► align, clear tail ──► o, status

    A request accepted in cycle t is on AR in t + 2. A beat in cycle t is on `o` in t + 4 (with `unaligned`
    the word waits for the beat after it, if it needs it). In steady state a beat moves in every cycle,
    across bursts, rows and requests, if the memory's latency is less than about ``(outstanding - 1) *
    burst_words`` cycles for full bursts, and requests have three words or more.

    **Errors.** Each request ends with one status, in order, after its last word has been taken. A request
    fails at the first of: no bytes or no rows (``EMPTY``), an address or stride that is not a multiple of the
    word (``MISALIGNED``; any request, even of one row; not with `unaligned`), a row that begins or goes on
    past the last address (``WRAPPED``), an error response (``SLVERR``, ``DECERR``). Its remaining words are
    all zero, from the failing beat on, but their number is the same: a consumer that counts words stays
    in step. Bursts that were already requested are drained; at most the bursts already planned are still
    requested. The request after it is not affected, but until the engine is idle, beats wait for the status
    of the request before theirs to be taken.

    **Abort.** While `abort` is 1, and until everything in flight has been drained, no request is accepted;
    the requests accepted before end with the status ``ABORTED``, unless all their words were on their way
    or they had failed before. Their remaining words do not come; a word that is on offer stays until it is
    taken.

    Parameters
    ----------
    config : DmaConfig
        Widths, bursts and alignment.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        What to read. The stride is used, and must be aligned, even where there is one row.
    o : Out(stream.Signature(config.word_shape))
        The words, with `row_last` at the end of a row and `last` at the end of the request.
    status : Out(stream.Signature(config.status_shape))
        How each request ended: its cause, and the address of the burst that failed, as it was on the bus; of the
        first byte that a burst would have had, where none went to the bus (``EMPTY``, ``MISALIGNED``, ``WRAPPED``).
        Without a failure it is the address of the last burst. It must be
        taken for the next request to end.
    abort : In(1)
        End all requests; a level, see above.
    busy : Out(1)
        A request is not finished: its status has not been taken.
    counters : Out(config.counters_shape)
        See `DmaCounters`; a beat counts when it leaves the buffer, and ``waiting_stream`` is a beat kept
        there.
    clear_counters : In(1)
        Set all counters to 0.
    m_axi : Out(Axi4Read)
        The bus. All bursts are INCR, of whole words, with identifier 0.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        axi = Axi4Read(data_bits=config.data_bits, addr_bits=config.addr_bits, id_bits=config.id_bits)
        super().__init__({
            "requests": In(stream.Signature(config.request_shape)),
            "o": Out(stream.Signature(config.word_shape)),
            "status": Out(stream.Signature(config.status_shape)),
            "abort": In(1),
            "busy": Out(1),
            "counters": Out(config.counters_shape),
            "clear_counters": In(1),
            "m_axi": Out(axi),
        })

    def elaborate(self, platform):
        m = Module()
        config, axi = self.config, self.m_axi
        planner = place(m, "planner", BurstPlanner(config), platform)
        flights = place(m, "flights", SmallFifo(config.burst_shape, max(1, config.outstanding - 1)), platform)
        beats = place(m, "beats", BeatCounter(config), platform)
        buffer_shape = data.StructLayout({"data": config.data_bits, "resp": 2})
        buffer = place(m, "buffer", BlockFifo(buffer_shape, max(2, config.read_buffer_words)), platform)
        aligner = place(m, "aligner", ReadAligner(config), platform)
        request_status = place(m, "request_status", RequestStatus(config), platform)
        counters = place(m, "counters", DmaCounters(config), platform)
        connect(m, flipped(self.requests), planner.requests)
        connect(m, aligner.o, flipped(self.o))
        connect(m, request_status.status, flipped(self.status))

        # A slot of `flights`, and one of `beats`, stand for `burst_words` slots of the buffer each.
        room = flights.i.ready if config.outstanding > 1 else ~flights.o.valid & ~beats.o.valid
        self._request(m, planner, flights, room)
        m.d.comb += axi.rready.eq(1)
        m.d.comb += buffer.i.valid.eq(axi.rvalid)
        m.d.comb += buffer.i.payload.data.eq(axi.rdata)
        m.d.comb += buffer.i.payload.resp.eq(axi.rresp)

        # The oldest burst's next beat is prepared in a register. One with a cause needs no data, one without
        # beats (`empty`) gives no word.
        connect(m, flights.o, beats.bursts)
        head, beat = beats.o.payload, buffer.o.payload
        present = Signal()
        settled = Signal()
        step = Signal()
        failed = head.failed
        empty = head.empty
        aborting = Signal()
        cause = Mux(failed, head.cause, response_cause(beat.resp))
        m.d.comb += request_status.cause.eq(Mux(~cause.any() & aborting, Cause.ABORTED, cause))
        on_bus = bus_address(config, head) if config.unaligned else head.address
        m.d.comb += request_status.address.eq(Mux(failed, head.address, on_bus))
        m.d.comb += request_status.closes.eq(head.last)
        fails = failed | beat.resp[1] | aborting
        # The buffer's output is too slow to say in time that a beat has an error: from when one comes until the
        # engine is idle, every beat waits for the status before it.
        error_pending = Signal()
        with m.If(axi.rvalid & axi.rresp[1]):
            m.d.sync += error_pending.eq(1)
        with m.Elif(~self.busy):
            m.d.sync += error_pending.eq(0)
        m.d.comb += settled.eq(request_status.settled | ~(request_status.closes | failed | error_pending | aborting))
        m.d.comb += present.eq(beats.o.valid & (failed | buffer.o.valid))
        m.d.comb += aligner.i.valid.eq(present & settled & ~empty & ~aborting)
        # A request that ends without a word of its own ends after all words before it.
        silent = empty | aborting
        may_step = Mux(silent, aligner.empty | ~request_status.closes, aligner.i.ready)
        m.d.comb += step.eq(present & settled & may_step)
        m.d.comb += buffer.o.ready.eq(step & ~failed)
        m.d.comb += beats.o.ready.eq(step)
        word = aligner.i.payload
        m.d.comb += word.data.eq(beat.data)
        m.d.comb += word.blank.eq(request_status.failing | fails)
        m.d.comb += word.row_last.eq(head.row_last)
        m.d.comb += word.last.eq(request_status.closes)
        m.d.comb += word.shift.eq(head.shift)
        m.d.comb += word.tail.eq(head.tail)
        m.d.comb += aligner.cancel.eq(aborting)

        m.d.comb += request_status.step.eq(step)
        m.d.comb += request_status.waits.eq(~silent)
        m.d.comb += request_status.leaves.eq(self.o.valid & self.o.ready & self.o.payload.last)
        m.d.comb += request_status.planned.eq(flights.i.valid & flights.i.payload.last)
        m.d.comb += planner.failed.eq(request_status.stop_planning)
        m.d.comb += self.busy.eq(planner.busy | request_status.busy)
        m.d.comb += planner.stop.eq(self.abort | aborting)
        with m.If(self.abort | ~self.busy):
            m.d.sync += aborting.eq(self.abort)

        waiting_stream = present & ~step | request_status.ending & ~planner.busy
        self._count(m, counters, step & ~failed, waiting_stream)
        return m

    def _request(self, m: Module, planner: BurstPlanner, flights: SmallFifo, room: Value):
        """Put a burst on AR if there is ``room`` for it, and queue it."""
        axi = self.m_axi
        burst = planner.bursts
        alive = burst.payload.cause == Cause.NONE
        m.d.comb += axi.arvalid.eq(burst.valid & alive & room)
        m.d.comb += [
            getattr(axi, f"ar{name}").eq(value) for name, value in address_fields(self.config, burst.payload).items()
        ]
        m.d.comb += [
            flights.i.valid.eq(burst.valid & room & (~alive | axi.arready)),
            flights.i.payload.eq(burst.payload),
            burst.ready.eq(room & (~alive | axi.arready)),
            planner.held.eq(axi.arvalid),
        ]

    def _count(self, m: Module, counters: DmaCounters, beat: Value, waiting_stream: Value):
        axi = self.m_axi
        m.d.comb += counters.beat.eq(beat)
        m.d.comb += counters.burst.eq(axi.arvalid & axi.arready)
        m.d.comb += counters.waiting_stream.eq(waiting_stream)
        m.d.comb += counters.busy.eq(self.busy)
        m.d.comb += counters.clear.eq(self.clear_counters)
        m.d.comb += self.counters.eq(counters.counters)
