"""Two engines side by side, one reset in the middle of anything, one fresh: nobody can tell them apart."""

from amaranth.hdl import (
    Assert,
    Assume,
    Cat,
    ClockDomain,
    Const,
    Cover,
    Elaboratable,
    Fragment,
    Module,
    Mux,
    Signal,
    Value,
)
from formal.dma.proofs import address_payload, tiny
from support.formal.invariants import opened

from tilewright.dma import DmaReader

__all__ = ["ANY_STATE", "AfterReset"]

ANY_STATE = "setattr -unset init top.used*/w:*\ndelete */t:$meminit*\n"
"""Commands that leave the registers of `used` and all memories without a value at the start."""


def outputs(dut):
    """What can be seen of an engine: what is compared always, and the offers, whose payload counts while valid.

    Of the data to write, bytes without a strobe do not count.
    """
    axi, status = dut.m_axi, dut.status
    always = [dut.requests.ready, dut.busy, dut.counters]
    offers = [(status.valid, Value.cast(status.payload))]
    if isinstance(dut, DmaReader):
        offers += [(axi.arvalid, address_payload(axi, "ar")), (dut.o.valid, Value.cast(dut.o.payload))]
        return [*always, axi.rready], offers
    written = Cat(Mux(strobe, axi.wdata[8 * n : 8 * n + 8], 0) for n, strobe in enumerate(axi.wstrb))
    offers += [(axi.awvalid, address_payload(axi, "aw")), (axi.wvalid, Cat(written, axi.wstrb, axi.wlast))]
    return [*always, axi.bready, dut.i.ready], offers


def inputs(dut):
    """All inputs of an engine."""
    axi = dut.m_axi
    common = [dut.requests.valid, Value.cast(dut.requests.payload), dut.abort, dut.clear_counters, dut.status.ready]
    if isinstance(dut, DmaReader):
        return [*common, axi.arready, axi.rvalid, axi.rdata, axi.rresp, axi.rlast, axi.rid, dut.o.ready]
    return [*common, axi.awready, axi.wready, axi.bvalid, axi.bresp, axi.bid, dut.i.valid, dut.i.payload]


class AfterReset(Elaboratable):
    """Assert that an engine after a reset, from whatever state, has the outputs of a fresh one for ever.

    Both have the same inputs, which are free. To be proven with `ANY_STATE`.

    Parameters
    ----------
    cls : type
        `DmaReader` or `DmaWriter`.
    fields : dict
        Of the configuration, other than in `tiny`.
    needless : set of str or None
        Seed a bug for each register: the reset leaves it out. Cover that it is seen; of the registers named here, and
        where nothing is left out, assert that it is not.
    """

    def __init__(self, cls, fields, needless=None):
        self.used, self.fresh = cls(tiny(**fields)), cls(tiny(**fields))
        self.needless = needless
        self.domain = ClockDomain("sync")
        self.left_out = Signal(8)
        self.free = [*inputs(self.used), self.left_out]

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        fragment, _ = opened(self.used)
        m.submodules.used, m.submodules.fresh = fragment, Fragment.get(self.fresh, None)
        for one, other in zip(inputs(self.fresh), inputs(self.used), strict=True):
            m.d.comb += one.eq(other)
        begun, before = Signal(reset_less=True), Signal.like(self.left_out, reset_less=True)
        m.d.sync += [begun.eq(1), before.eq(self.left_out)]
        m.d.comb += Assume((self.domain.rst == ~begun) & (~begun | (self.left_out == before)))

        (always, offers), (always_fresh, offers_fresh) = outputs(self.used), outputs(self.fresh)
        same = [Value.cast(one) == Value.cast(other) for one, other in zip(always, always_fresh, strict=True)]
        for (valid, payload), (valid_fresh, payload_fresh) in zip(offers, offers_fresh, strict=True):
            same += [valid == valid_fresh, ~valid | (payload == payload_fresh)]
        if self.needless is None:
            m.d.comb += Assert(~begun | Cat(*same).all())
        else:
            seen = Const(0)
            for number, name in enumerate(reset_by_hand(fragment, self.domain, self.left_out)):
                if name not in self.needless:
                    m.d.comb += Cover(begun & ~Cat(*same).all() & (self.left_out == number))
                    seen |= self.left_out == number
            m.d.comb += Assert(~begun | Cat(*same).all() | seen)
        return m


def reset_by_hand(fragment, domain, left_out):
    """Make the reset of an elaborated component leave out register number ``left_out``; return all their names."""
    names = []

    def walk(part, path):
        for signal in part.statements["sync"]._lhs_signals() if "sync" in part.statements else ():
            if signal.reset_less or not len(signal):
                continue
            signal._reset_less = True
            by_hand = Module()
            with by_hand.If(domain.rst & (left_out != len(names))):
                by_hand.d.sync += signal.eq(signal.init)
            part.add_statements("sync", Fragment.get(by_hand, None).statements["sync"])
            names.append(path + signal.name)
        for child, name, _ in part.subfragments:
            walk(child, f"{path}{name}.")

    walk(fragment, "")
    return names
