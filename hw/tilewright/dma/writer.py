"""Write a stream to AXI4 memory as two-dimensional transfers."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4Write
from tilewright.storage import BlockFifo, SmallFifo, WordCode

from .burst_planner import BurstPlanner, address_fields
from .config import Cause, DmaConfig
from .counters import DmaCounters
from .request_status import RequestStatus
from .word_credits import WordCredits
from .write_aligner import WriteAligner, write_burst_shape
from .write_responses import WriteResponses, flight_shape

__all__ = ["DmaWriter"]


class DmaWriter(SharedComponent):
    """Write the words of a stream to memory as rows of bytes.

    A request is ``rows`` rows of ``bytes`` bytes, row n at ``address + n * stride``. It takes
    ``rows * ceil(bytes / word_bytes)`` words, row after row: byte k of word j of a row is the row's byte
    ``j * word_bytes + k``; bytes of a row's last word beyond the row are ignored. Only the row's bytes are
    written (write strobes).

    A burst is requested only when all its words are in the buffer, so a slow producer never holds up the
    bus. ``outstanding`` bursts are without a response at most. Data are offered together with the address,
    whether or not the address has been accepted::

        requests ──► planner ──┬─ all its words are there ──► AW
                               ├─► bursts to form ────┐
        i ──► buffer (write_buffer_words) ────────────┴─► align, strobes ──► W
                               └─► bursts in flight ◄── B ──► status

    A request accepted in cycle t is on AW in t + 2 if the words of its first burst were accepted before t and,
    where fewer than ``3 * burst_words`` are there, no burst went to AW in t or t + 1. A word accepted in cycle
    t can be on W in t + 5. In steady state a beat moves in every cycle, across bursts, rows and requests, if
    bursts have two beats or more.

    **Errors.** Each request ends with one status, in order, after the response to its last burst. A request
    fails at the first of: no bytes or no rows (``EMPTY``), an address or stride that is not a multiple of the
    word (``MISALIGNED``; any request, even of one row; not with `unaligned`), a row that begins or goes on
    past the last address (``WRAPPED``), an error response (``SLVERR``, ``DECERR``). At most the
    bursts already accepted are still written, and the remaining words are taken and dropped: a producer that
    counts words stays in step. Nothing is written of an ``EMPTY`` or ``MISALIGNED`` request, nor from the wrap
    on. The request after it is not affected.

    **Abort.** While `abort` is 1, and until everything in flight has been answered, no request and no word
    is accepted; the requests accepted before end with the status ``ABORTED``, unless all their bursts were
    on their way or they had failed before. Words taken before and not yet sent are lost, also those meant
    for later requests.

    Parameters
    ----------
    config : DmaConfig
        Widths, bursts and alignment.
    ecc : bool
        The words have check bits, ``WordCode(data_bits)``; a flipped bit is corrected when the word leaves the buffer.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        Where to write. The stride is used, and must be aligned, even where there is one row.
    i : In(stream.Signature(unsigned(data_bits)))
        The words, with `ecc` as they are stored. They may come before their request.
    corrected, corrupt : Out(1)
        A word with one flipped bit, or two in a segment, leaves the buffer for the request that is being written; only
        with `ecc`.
    status : Out(stream.Signature(config.status_shape))
        How each request ended: its cause, and the address of the burst that failed, as it was on the bus; of the
        first byte that a burst would have had, where none went to the bus (``EMPTY``, ``MISALIGNED``, ``WRAPPED``).
        Without a failure it is the address of the last burst. It must be
        taken for the next response to be accepted.
    abort : In(1)
        End all requests; a level, see above.
    busy : Out(1)
        A request is not finished: its status has not been taken.
    counters : Out(config.counters_shape)
        See `DmaCounters`; ``waiting_stream`` is a burst whose words have not all arrived.
    clear_counters : In(1)
        Set all counters to 0.
    m_axi : Out(Axi4Write)
        The bus. All bursts are INCR, of whole words, with identifier 0.
    """

    def __init__(self, config: DmaConfig, ecc: bool = False):
        self.config = config
        self.code = WordCode(config.data_bits) if ecc else None
        word_bits = self.code.code_bits if self.code else config.data_bits
        found = {"corrected": Out(1), "corrupt": Out(1)} if ecc else {}
        axi = Axi4Write(data_bits=config.data_bits, addr_bits=config.addr_bits, id_bits=config.id_bits)
        super().__init__({
            **found,
            "requests": In(stream.Signature(config.request_shape)),
            "i": In(stream.Signature(word_bits)),
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
        flights = place(m, "flights", SmallFifo(flight_shape(config), max(1, config.outstanding - 1)), platform)
        forming = place(m, "forming", SmallFifo(write_burst_shape(config), config.outstanding), platform)
        buffer = place(m, "buffer", BlockFifo(self.i.payload.shape(), config.write_buffer_words), platform)
        word_credits = place(m, "word_credits", WordCredits(config), platform)
        aligner = place(m, "aligner", WriteAligner(config), platform)
        responses = place(m, "responses", WriteResponses(config), platform)
        request_status = place(m, "request_status", RequestStatus(config), platform)
        counters = place(m, "counters", DmaCounters(config), platform)
        connect(m, flipped(self.requests), planner.requests)
        connect(m, forming.o, aligner.bursts)
        if self.code:
            self._correct(m, self.code, buffer, aligner, platform)
        else:
            connect(m, buffer.o, aligner.i)
        connect(m, request_status.status, flipped(self.status))

        aborting = Signal()
        halted = Signal()
        m.d.comb += halted.eq(self.abort | aborting)
        m.d.comb += planner.stop.eq(halted)
        m.d.comb += buffer.i.payload.eq(self.i.payload)
        m.d.comb += buffer.i.valid.eq(self.i.valid & ~halted)
        m.d.comb += self.i.ready.eq(buffer.i.ready & ~halted)

        # A burst claims its words, and its slots of both queues, when it goes to AW, where it may wait.
        burst, part = planner.bursts, planner.bursts.payload
        alive = Signal()
        empty = Signal()
        claim = Signal()
        claimed = Signal()
        room = Signal()  # in both queues
        spare = part.row_last & (part.shift + part.tail)[config.word_log2 :].any() if config.unaligned else 0
        m.d.comb += alive.eq(part.cause == Cause.NONE)
        m.d.comb += empty.eq(part.cause.as_value()[1:].all())
        m.d.comb += word_credits.waiting.eq(burst.valid & ~claimed)
        m.d.comb += word_credits.claim.eq(claim)
        m.d.comb += word_credits.words_less_1.eq(Mux(empty, -1, part.beats_less_1 - spare))
        m.d.comb += [
            getattr(word_credits, name).eq(getattr(planner, name))
            for name in ("begins", "row_words_less_1", "span_words_less_1")
        ]
        m.d.comb += word_credits.arrived.eq(buffer.i.valid & buffer.i.ready)
        m.d.comb += claim.eq(word_credits.waiting & word_credits.granted & room)
        m.d.comb += burst.ready.eq((claim | claimed) & (~alive | axi.awready))
        m.d.sync += claimed.eq((claim | claimed) & ~burst.ready)
        m.d.comb += forming.i.valid.eq(claim & ~empty)
        m.d.comb += forming.i.payload.dropped.eq(~alive)
        m.d.comb += [forming.i.payload[name].eq(part[name]) for name in ("beats_less_1", "shift", "tail", "row_last")]
        m.d.comb += flights.i.valid.eq(claim)
        m.d.comb += [flights.i.payload[name].eq(part[name]) for name in ("address", "last", "cause")]
        m.d.comb += axi.awvalid.eq(burst.valid & alive & (claim | claimed))
        m.d.comb += [getattr(axi, f"aw{name}").eq(value) for name, value in address_fields(config, part).items()]
        m.d.comb += planner.held.eq(axi.awvalid)
        m.d.comb += planner.failed.eq(request_status.stop_planning)
        m.d.comb += axi.wvalid.eq(aligner.o.valid)
        m.d.comb += aligner.o.ready.eq(axi.wready)
        m.d.comb += axi.wdata.eq(aligner.o.payload.data)
        m.d.comb += axi.wstrb.eq(aligner.o.payload.strobes)
        m.d.comb += axi.wlast.eq(aligner.o.payload.last)

        connect(m, flights.o, responses.flights)
        m.d.comb += responses.bvalid.eq(axi.bvalid)
        m.d.comb += responses.bresp.eq(axi.bresp)
        m.d.comb += axi.bready.eq(responses.bready)
        m.d.comb += room.eq(
            forming.i.ready & (flights.i.ready if config.outstanding > 1 else ~flights.o.valid & ~responses.busy)
        )
        m.d.comb += request_status.planned.eq(claim & part.last)
        self._report(m, responses, request_status)

        m.d.comb += self.busy.eq(planner.busy | request_status.busy)
        m.d.comb += buffer.clear.eq(aborting & ~self.abort & ~self.busy & ~forming.o.valid)
        m.d.comb += aligner.clear.eq(buffer.clear)
        m.d.comb += word_credits.clear.eq(buffer.clear)
        with m.If(self.abort):
            m.d.sync += aborting.eq(1)
        with m.Elif(buffer.clear):
            m.d.sync += aborting.eq(0)

        starved = word_credits.waiting & ~word_credits.granted
        self._count(m, counters, starved | request_status.ending & ~planner.busy)
        return m

    def _correct(self, m: Module, code: WordCode, buffer: BlockFifo, aligner: WriteAligner, platform):
        """Correct the words that leave the buffer."""
        stored = buffer.o.payload
        syndrome = code.syndrome(m, "syndrome", stored, platform)
        right, corrected, corrupt = code.correct(m, "correction", stored[: code.bits], syndrome, platform)
        leaves = buffer.o.valid & buffer.o.ready
        m.d.comb += [
            aligner.i.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(aligner.i.ready),
            aligner.i.payload.eq(right),
            self.corrected.eq(leaves & corrected),
            self.corrupt.eq(leaves & corrupt),
        ]

    def _report(self, m: Module, responses: WriteResponses, request_status: RequestStatus):
        """Make each response a step of its request's status."""
        m.d.comb += responses.settled.eq(request_status.settled)
        m.d.comb += [
            getattr(request_status, name).eq(getattr(responses, name))
            for name in ("step", "cause", "address", "closes")
        ]

    def _count(self, m: Module, counters: DmaCounters, waiting_stream: Value):
        axi = self.m_axi
        m.d.comb += counters.beat.eq(axi.wvalid & axi.wready)
        m.d.comb += counters.burst.eq(axi.awvalid & axi.awready)
        m.d.comb += counters.waiting_stream.eq(~axi.wvalid & waiting_stream)
        m.d.comb += counters.busy.eq(self.busy)
        m.d.comb += counters.clear.eq(self.clear_counters)
        m.d.comb += self.counters.eq(counters.counters)
