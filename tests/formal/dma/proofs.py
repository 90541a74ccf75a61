"""The designs that are proven: small engines, so that a solver sees all of their states."""

from amaranth.hdl import Assume, Cat, Const, Elaboratable, Module, Signal, Value
from amaranth.lib.data import View
from support.formal.axi_memories import AxiReadMemory, AxiWriteMemory
from support.formal.every_byte import ReadsEveryByte, WritesEveryByte
from support.formal.invariants import ReaderInvariants, WriterInvariants, opened
from support.formal.prove import Proof
from support.formal.watchers import AlternatingRequests, Brisk, HoldsOffer, KeepsMoving, LegalBursts, OneStatusEach

from tilewright.dma import Cause, DmaConfig, DmaReader, DmaWriter
from tilewright.dma.burst_planner import BurstPlanner, address_fields

WIDE = {"addr_bits": 14, "data_bits": 512, "max_burst": 256, "length_bits": 13, "stride_bits": 13}
SINGLE = {"max_burst": 1, "outstanding": 1}
FAULTS = {"data": False, "faulty": True, "errors": True, "abort": True}


def tiny(**fields):
    """A configuration below the limits of `DmaConfig`, which are there for users."""
    small = {
        "data_bits": 16,
        "addr_bits": 6,
        "id_bits": 1,
        "max_burst": 2,
        "outstanding": 2,
        "length_bits": 3,
        "rows_bits": 1,
        "stride_bits": 3,
        "counter_bits": 2,
        "unaligned": False,
    }
    return DmaConfig.model_construct(**(small | fields))


class Fair(Elaboratable):
    """Assume that what is waited for comes in the third cycle at the latest."""

    def __init__(self, waiting, comes):
        self.waiting, self.comes = waiting, comes

    def elaborate(self, platform):
        m = Module()
        waits = Signal(2)
        with m.If(self.waiting & ~self.comes):
            m.d.sync += waits.eq(waits + 1)
            m.d.comb += Assume(waits < 2)
        with m.Else():
            m.d.sync += waits.eq(0)
        return m


class AbortAtMost(Elaboratable):
    """Assume that `abort` is 1 in one cycle at most (or never)."""

    def __init__(self, dut, never):
        self.dut, self.never = dut, never

    def elaborate(self, platform):
        m = Module()
        seen = Signal()
        m.d.sync += seen.eq(seen | self.dut.abort)
        m.d.comb += Assume(~self.dut.abort | ~(self.never | seen))
        return m


def planner(config, cls=BurstPlanner):
    """The planner, whose bursts are legal AXI bursts, and stay while they are held on the bus."""
    dut = cls(config)
    bursts, burst = dut.bursts, dut.bursts.payload
    length = burst.beats_less_1 if config.burst_log2 else 0
    address = burst.address[config.word_log2 :] << config.word_log2
    alive = bursts.valid & (burst.cause == Cause.NONE)
    modules = {
        "dut": dut,
        "bursts": LegalBursts(config, alive, address, length, Const(config.word_log2, 3), Const(1, 2)),
        "offer": HoldsOffer(dut.held, burst, bursts.ready),
        "held": HeldOnlyIfValid(dut),
    }
    requests = dut.requests
    free = [requests.valid, Value.cast(requests.payload), bursts.ready, dut.held, dut.failed, dut.stop]
    return Proof(**modules), free


class HeldOnlyIfValid(Elaboratable):
    """Assume that an engine holds only a burst that there is, until it is taken."""

    def __init__(self, dut):
        self.dut = dut

    def elaborate(self, platform):
        m = Module()
        dut = self.dut
        alive = dut.bursts.valid & (dut.bursts.payload.cause == Cause.NONE)
        m.d.comb += Assume(~dut.held | alive)
        before = Signal()
        m.d.sync += before.eq(dut.held & ~dut.bursts.ready)
        m.d.comb += Assume(~before | dut.held | ~alive)
        return m


def reader_rules(config, cls=DmaReader):
    """A reader whose inputs are all free, but for the rules of the streams: its own offers keep them."""
    dut = cls(config)
    axi, o, status = dut.m_axi, dut.o, dut.status
    modules = {
        "dut": dut,
        "ar": HoldsOffer(axi.arvalid, address_payload(axi, "ar"), axi.arready),
        "o": HoldsOffer(o.valid, o.payload, o.ready),
        "status": HoldsOffer(status.valid, status.payload, status.ready),
        "bursts": LegalBursts(config, axi.arvalid, axi.araddr, axi.arlen, axi.arsize, axi.arburst),
    }
    free = [axi.arready, axi.rvalid, axi.rdata, axi.rresp, axi.rlast, axi.rid, o.ready, status.ready]
    return Proof(**modules), [*free, *engine_inputs(dut)]


def writer_rules(config, cls=DmaWriter):
    """A writer whose inputs are all free, but for the rules of the streams: its own offers keep them."""
    dut = cls(config)
    axi, status = dut.m_axi, dut.status
    modules = {
        "dut": dut,
        "aw": HoldsOffer(axi.awvalid, address_payload(axi, "aw"), axi.awready),
        "w": HoldsOffer(axi.wvalid, Cat(axi.wdata, axi.wstrb, axi.wlast), axi.wready),
        "status": HoldsOffer(status.valid, status.payload, status.ready),
        "bursts": LegalBursts(config, axi.awvalid, axi.awaddr, axi.awlen, axi.awsize, axi.awburst),
    }
    free = [axi.awready, axi.wready, axi.bvalid, axi.bresp, axi.bid, dut.i.valid, dut.i.payload, status.ready]
    return Proof(**modules), [*free, *engine_inputs(dut)]


def engine_inputs(dut):
    """The inputs that both engines have."""
    return [dut.requests.valid, Value.cast(dut.requests.payload), dut.abort, dut.clear_counters]


def reader(
    config,
    *,
    data=True,
    errors=False,
    faulty=False,
    abort=False,
    fair=0,
    brisk=False,
    inductive=False,
    cls=DmaReader,
):
    """A reader with its memory and watchers; returns the proof and its free inputs."""
    dut = cls(config)
    axi, o, status = dut.m_axi, dut.o, dut.status
    memory = AxiReadMemory(config, axi, errors=errors, prompt=fair)
    requests = AlternatingRequests(config, dut, faulty=faulty)
    modules = {
        "dut": dut,
        "memory": memory,
        "requests": requests,
        "abort": AbortAtMost(dut, not abort),
        "ar": HoldsOffer(axi.arvalid, address_payload(axi, "ar"), axi.arready),
        "o": HoldsOffer(o.valid, o.payload, o.ready),
        "status": HoldsOffer(status.valid, status.payload, status.ready),
        "statuses": OneStatusEach(dut),
        "hold_requests": HoldsOffer(dut.requests.valid, dut.requests.valid, dut.requests.ready, Assume),
        "bursts": LegalBursts(config, axi.arvalid, axi.araddr, axi.arlen, axi.arsize, axi.arburst),
    }
    if data:
        modules["bytes"] = ReadsEveryByte(config, dut, requests)
    if fair:
        modules["fair_o"] = Fair(o.valid, o.ready)
        modules["fair_status"] = Fair(status.valid, status.ready)
        events = [axi.arvalid & axi.arready, axi.rvalid, o.valid & o.ready, status.valid & status.ready]
        events.append(dut.requests.valid & dut.requests.ready)
        modules["moving"] = KeepsMoving(dut.busy, events, fair)
    if inductive:
        modules["dut"], inside = opened(dut)
        modules["invariants"] = ReaderInvariants(dut, inside, memory, modules["statuses"])
        modules["planned"] = planned_bursts(config, inside)
    if brisk:
        pairs = [(axi.arvalid, axi.arready), (memory.due, axi.rvalid), (o.valid, o.ready)]
        modules["brisk"] = Brisk(
            *pairs, (status.valid, status.ready), (dut.requests.ready & ~dut.busy, dut.requests.valid)
        )
    free = [*memory.free, *requests.free, dut.abort, dut.clear_counters, o.ready, status.ready, axi.rid]
    return Proof(**modules), free


def writer(
    config,
    *,
    data=True,
    errors=False,
    faulty=False,
    abort=False,
    fair=0,
    brisk=False,
    inductive=False,
    cls=DmaWriter,
):
    """A writer with its memory and watchers; returns the proof and its free inputs."""
    dut = cls(config)
    axi, i, status = dut.m_axi, dut.i, dut.status
    memory = AxiWriteMemory(config, axi, errors=errors, prompt=fair)
    requests = AlternatingRequests(config, dut, faulty=faulty)
    w_payload = Value.cast(axi.wdata), axi.wstrb, axi.wlast
    modules = {
        "dut": dut,
        "memory": memory,
        "requests": requests,
        "abort": AbortAtMost(dut, not abort),
        "aw": HoldsOffer(axi.awvalid, address_payload(axi, "aw"), axi.awready),
        "w": HoldsOffer(axi.wvalid, Cat(*w_payload), axi.wready),
        "status": HoldsOffer(status.valid, status.payload, status.ready),
        "statuses": OneStatusEach(dut),
        "hold_requests": HoldsOffer(dut.requests.valid, dut.requests.valid, dut.requests.ready, Assume),
        "bursts": LegalBursts(config, axi.awvalid, axi.awaddr, axi.awlen, axi.awsize, axi.awburst),
    }
    if inductive:
        modules["dut"], inside = opened(dut)
        modules["invariants"] = WriterInvariants(dut, inside, memory, modules["statuses"])
        modules["planned"] = planned_bursts(config, inside)
    if brisk:
        pairs = [(axi.awvalid, axi.awready), (axi.wvalid, axi.wready), (memory.due, axi.bvalid), (i.ready, i.valid)]
        modules["brisk"] = Brisk(
            *pairs, (status.valid, status.ready), (dut.requests.ready & ~dut.busy, dut.requests.valid)
        )
    free = [*memory.free, *requests.free, dut.abort, dut.clear_counters, status.ready, axi.bid, i.valid]
    if data:
        modules["bytes"] = WritesEveryByte(config, dut, requests)
    else:
        free.append(i.payload)
    if fair:
        modules["fair_i"] = Fair(i.ready, i.valid)
        modules["fair_status"] = Fair(status.valid, status.ready)
        events = [axi.awvalid & axi.awready, axi.wvalid & axi.wready, axi.bvalid & axi.bready]
        events += [i.valid & i.ready, status.valid & status.ready, dut.requests.valid & dut.requests.ready]
        modules["moving"] = KeepsMoving(dut.busy, events, fair)
    return Proof(**modules), free


def planned_bursts(config, inside):
    """The rule of bursts, for the one that the planner offers and that may not be on the bus yet."""
    burst = View(config.burst_shape, inside["planner.burst"])
    fields = address_fields(config, burst)
    alive = inside["planner.valid"] & (burst.cause.as_value() == 0)
    return LegalBursts(config, alive, fields["addr"], fields["len"], Const(config.word_log2, 3), Const(1, 2))


def address_payload(axi, channel):
    """All that an address channel offers."""
    return Cat(*(getattr(axi, channel + name) for name in ("id", "addr", "len", "size", "burst")))


QUIET = {reader: 10, writer: 12}
"""Cycles in which nothing moves, at most, in the small aligned engines with two bursts outstanding."""
