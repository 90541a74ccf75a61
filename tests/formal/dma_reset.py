"""Two engines side by side, one reset in the middle of anything, one fresh: nobody can tell them apart."""

from amaranth.hdl import Assert, Assume, ClockDomain, Elaboratable, Fragment, Module, Signal, Value
from dma_proofs import address_payload, tiny
from invariants import opened

from tilewright.dma_reader import DmaReader

__all__ = ["ANY_STATE", "AfterReset", "flags"]

ANY_STATE = "setattr -unset init top.used*/w:*\ndelete */t:$meminit*\n"
"""Commands that leave the registers of `used` and all memories without a value at the start."""


def outputs(dut):
    """What can be seen of an engine: what is compared always, and the offers, whose payload counts while valid."""
    axi, status = dut.m_axi, dut.status
    always = [dut.requests.ready, dut.busy, dut.counters]
    offers = [(status.valid, status.payload)]
    if isinstance(dut, DmaReader):
        offers += [(axi.arvalid, address_payload(axi, "ar")), (dut.o.valid, dut.o.payload)]
        return [*always, axi.rready], offers
    offers += [(axi.awvalid, address_payload(axi, "aw")), (axi.wvalid, [axi.wdata, axi.wstrb, axi.wlast])]
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
    kept : str or None
        Seeded bug: the reset leaves out the register of this name.
    """

    def __init__(self, cls, fields, kept=None):
        self.used, self.fresh = cls(tiny(**fields)), cls(tiny(**fields))
        self.kept = kept
        self.domain = ClockDomain("sync")
        self.free = inputs(self.used)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        fragment, inside = opened(self.used)
        if self.kept is not None:
            inside[self.kept]._reset_less = True
        m.submodules.used, m.submodules.fresh = fragment, Fragment.get(self.fresh, None)
        for one, other in zip(inputs(self.fresh), self.free, strict=True):
            m.d.comb += one.eq(other)
        begun = Signal(reset_less=True)
        m.d.sync += begun.eq(1)
        m.d.comb += Assume(self.domain.rst == ~begun)
        with m.If(begun):
            (always, offers), (always_fresh, offers_fresh) = outputs(self.used), outputs(self.fresh)
            for one, other in zip(always, always_fresh, strict=True):
                m.d.comb += Assert(Value.cast(one) == Value.cast(other))
            for (valid, payload), (valid_fresh, payload_fresh) in zip(offers, offers_fresh, strict=True):
                m.d.comb += Assert(valid == valid_fresh)
                pairs = zip(*(p if isinstance(p, list) else [p] for p in (payload, payload_fresh)), strict=True)
                for one, other in pairs:
                    m.d.comb += Assert(~valid | (Value.cast(one) == Value.cast(other)))
        return m


def flags(cls, fields):
    """The names of all registers that a reset sets."""
    fragment, _ = opened(cls(tiny(**fields)))
    found = set()

    def walk(part, path):
        for domain, statements in part.statements.items():
            if domain != "comb":
                found.update(path + s.name for s in statements._lhs_signals() if not s.reset_less and len(s))
        for child, name, _ in part.subfragments:
            walk(child, f"{path}{name}.")

    walk(fragment, "")
    return sorted(found)
