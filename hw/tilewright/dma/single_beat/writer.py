"""Write two-dimensional transfers to AXI4 memory, one word at a time: small, where speed does not matter."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4Write
from tilewright.dma import Cause, DmaConfig, response_cause

from .reader import single_beat
from .word_iterator import WordIterator

__all__ = ["WordWriter"]


class WordWriter(SharedComponent):
    """Write the words of a stream to memory, each as a burst of one beat, the next after its answer.

    Behaves like a `DmaWriter`, with these differences: a request is accepted at its end, with its status,
    and must stay unchanged until then, as must a word that is offered; a request that fails takes no words from the
    failing one on; addresses and strides must be multiples of the word, rows and their number at least 1. Address and
    data are offered in the cycle after that in which a word is offered::

        requests ──► WordIterator ──► AW
        i ───────────────────────► W        B ──► status

    **Errors.** A request fails at the first word past the last address (``WRAPPED``), or with an error response
    (``SLVERR``, ``DECERR``).

    **Abort.** While `abort` is 1 no request and no word is begun; the current one ends without a status when the
    current word has been answered.

    Parameters
    ----------
    config : DmaConfig
        Widths; ``max_burst`` and ``outstanding`` are 1.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        Where to write. A request must stay unchanged until it is accepted, in the cycle of its status.
    i : In(stream.Signature(unsigned(data_bits)))
        The words, row after row. A word must stay unchanged until it is accepted.
    status : Out(stream.Signature(config.status_shape, always_ready=True))
        In the cycle of the request's acceptance: the cause, and the address of the last word.
    abort : In(1)
        End the current request and begin no other; a level, see above.
    busy : Out(1)
        A request is in progress.
    m_axi : Out(Axi4Write)
        The bus. All bursts have one beat and identifier 0.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        axi = Axi4Write(data_bits=config.data_bits, addr_bits=config.addr_bits, id_bits=config.id_bits)
        super().__init__({
            "requests": In(stream.Signature(config.request_shape)),
            "i": In(stream.Signature(config.data_bits)),
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
        addressed = Signal()  # the address of the current word has been accepted
        given = Signal()  # its data have been accepted
        m.d.comb += [
            iterator.request.eq(self.requests.payload),
            *(getattr(axi, f"aw{name}").eq(value) for name, value in single_beat(config, iterator.address).items()),
            axi.wdata.eq(self.i.payload),
            axi.wstrb.eq(iterator.bytes_of_row),
            axi.wlast.eq(1),
            self.status.payload.cause.eq(cause),
            self.status.payload.address.eq(iterator.address),
        ]
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += iterator.start.eq(1)
                m.d.comb += self.busy.eq(0)
                with m.If(self.requests.valid & ~self.abort):
                    m.next = "Wait"
            with m.State("Wait"):
                m.d.sync += cause.eq(Cause.WRAPPED)
                m.d.sync += addressed.eq(0)
                m.d.sync += given.eq(0)
                with m.If(self.abort):
                    m.next = "Idle"
                with m.Elif(iterator.wrapped):
                    m.next = "End"
                with m.Elif(self.i.valid):
                    m.next = "Send"
            with m.State("Send"):
                m.d.comb += axi.awvalid.eq(~addressed)
                m.d.comb += axi.wvalid.eq(~given)
                m.d.sync += addressed.eq(addressed | axi.awready)
                m.d.sync += given.eq(given | axi.wready)
                with m.If((addressed | axi.awready) & (given | axi.wready)):
                    m.d.comb += self.i.ready.eq(1)
                    m.next = "Answer"
            with m.State("Answer"):
                m.d.comb += axi.bready.eq(1)
                with m.If(axi.bvalid):
                    m.d.sync += cause.eq(response_cause(axi.bresp))
                    with m.If(self.abort):
                        m.next = "Idle"
                    with m.Elif(axi.bresp[1] | iterator.last):
                        m.next = "End"
                    with m.Else():
                        m.d.comb += iterator.step.eq(1)
                        m.next = "Wait"
            with m.State("End"):
                m.d.comb += self.status.valid.eq(1)
                m.d.comb += self.requests.ready.eq(1)
                m.next = "Idle"
        return m
