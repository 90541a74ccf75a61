"""Read two-dimensional transfers from AXI4 memory, one word at a time: small, where speed does not matter."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4Read, Burst
from tilewright.dma import Cause, DmaConfig, response_cause

from .word_iterator import WordIterator

__all__ = ["WordReader", "single_beat"]


class WordReader(SharedComponent):
    """Read rows of bytes from memory and stream them as words, each a burst of one beat, the next after its answer.

    Behaves like a `DmaReader`, in a sixth of the flip-flops, with these differences: a request is
    accepted at its end, with its status, and must stay unchanged until then; a request that fails gives no words from
    the failing one on; the consumer is always ready; addresses and strides must be multiples of the word, rows
    and their number at least 1. An address offered in cycle t and answered in t + n gives its word in t + n, and the
    next address is offered in t + n + 1::

        requests ──► WordIterator ──► AR        R ──► clear tail ──► o, status

    **Errors.** A request fails at the first word past the last address (``WRAPPED``), or with an error response
    (``SLVERR``, ``DECERR``).

    **Abort.** While `abort` is 1 no request is begun; the current one ends without a status when the current
    word has arrived.

    Parameters
    ----------
    config : DmaConfig
        Widths; ``max_burst`` and ``outstanding`` are 1.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        What to read. A request must stay unchanged until it is accepted, in the cycle of its status.
    o : Out(stream.Signature(config.word_shape, always_ready=True))
        The words, in order, in the cycle of the bus's answer; `row_last` and `last` as in `DmaReader`. They must be
        taken in the cycle in which they come.
    status : Out(stream.Signature(config.status_shape, always_ready=True))
        In the cycle of the request's acceptance: the cause, and the address of the last word requested.
    abort : In(1)
        End the current request and begin no other; a level, see above.
    busy : Out(1)
        A request is in progress.
    m_axi : Out(Axi4Read)
        The bus. All bursts have one beat and identifier 0.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        axi = Axi4Read(data_bits=config.data_bits, addr_bits=config.addr_bits, id_bits=config.id_bits)
        super().__init__({
            "requests": In(stream.Signature(config.request_shape)),
            "o": Out(stream.Signature(config.word_shape, always_ready=True)),
            "status": Out(stream.Signature(config.status_shape, always_ready=True)),
            "abort": In(1),
            "busy": Out(1),
            "m_axi": Out(axi),
        })

    def elaborate(self, platform):
        m = Module()
        config, axi = self.config, self.m_axi
        iterator = place(m, "iterator", WordIterator(config), platform)
        cause = Signal(Cause, reset_less=True)
        answer = response_cause(axi.rresp)
        word = self.o.payload
        m.d.comb += [
            iterator.request.eq(self.requests.payload),
            *(getattr(axi, f"ar{name}").eq(value) for name, value in single_beat(config, iterator.address).items()),
            word.data.eq(axi.rdata & byte_mask(iterator.bytes_of_row)),
            word.row_last.eq(iterator.row_last),
            word.last.eq(iterator.last),
            self.status.payload.cause.eq(cause),
            self.status.payload.address.eq(iterator.address),
        ]
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += iterator.start.eq(1)
                m.d.comb += self.busy.eq(0)
                with m.If(self.requests.valid & ~self.abort):
                    m.next = "Ask"
            with m.State("Ask"):
                m.d.comb += axi.arvalid.eq(~iterator.wrapped)
                m.d.sync += cause.eq(Cause.WRAPPED)
                with m.If(iterator.wrapped):
                    m.next = "End"
                with m.Elif(axi.arready):
                    m.next = "Answer"
            with m.State("Answer"):
                m.d.comb += axi.rready.eq(1)
                with m.If(axi.rvalid):
                    m.d.sync += cause.eq(answer)
                    m.d.comb += self.o.valid.eq(~axi.rresp[1] & ~self.abort)
                    with m.If(self.abort):
                        m.next = "Idle"
                    with m.Elif(axi.rresp[1] | iterator.last):
                        m.next = "End"
                    with m.Else():
                        m.d.comb += iterator.step.eq(1)
                        m.next = "Ask"
            with m.State("End"):
                m.d.comb += self.status.valid.eq(1)
                m.d.comb += self.requests.ready.eq(1)
                m.next = "Idle"
        return m


def single_beat(config: DmaConfig, address) -> dict:
    """The members of an address channel that ask for one word, by their names without the channel."""
    return {"addr": address, "len": 0, "size": config.word_log2, "burst": Burst.INCR, "cache": 0b0011}


def byte_mask(strobes):
    """Eight bits for each bit."""
    return Cat(bit.replicate(8) for bit in strobes)
