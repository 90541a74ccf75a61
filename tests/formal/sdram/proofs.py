"""Rules of the SDRAM chip as components that only watch the controller's commands, and the designs that are proven."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, Signal, Value
from support.formal.invariants import opened
from support.formal.prove import Proof
from support.formal.watchers import HoldsOffer

from tilewright.memory.sdram import Sdram, SdramConfig
from tilewright.memory.sdram.refresh import SdramRefresh
from tilewright.memory.sdram.sequencer import ALL_BANKS, SdramCommand, SdramSequencer


class TinyConfig(SdramConfig):
    """A chip with so few rows and so short times that a solver sees a whole refresh interval."""

    power_up_cycles = property(lambda self: 2)


def tiny(**fields):
    """Two banks of eight rows at 10 ns a clock, with words of two columns, and a refresh every 62 clocks."""
    small = {
        "clock_khz": 100_000, "cas_latency": 2, "capture_cycles": 0, "dq_bits": 8, "data_bits": 16, "row_bits": 3,
        "col_bits": 2, "bank_bits": 1, "addr_bits": 6, "id_bits": 1, "outstanding": 1, "t_rc_ns": 120, "t_ras_ns": 70,
        "t_rp_ns": 30, "t_rcd_ns": 30, "t_rrd_ns": 30, "t_wr_ns": 20, "t_rfc_ns": 50, "t_mrd_ns": 20, "t_ck2_ns": 10,
        "t_ck3_ns": 10, "refresh_us": 5, "power_up_us": 1,
    }  # fmt: skip
    return TinyConfig.model_construct(**(small | fields))


class RefreshInTime(Elaboratable):
    """From the start on, a REFRESH comes at most ``cycles`` after the one before."""

    def __init__(self, dut, cycles, refresh):
        self.dut, self.cycles, self.refresh = dut, cycles, refresh
        self.since = Signal(range(cycles + 2))

    def elaborate(self, platform):
        m = Module()
        since = self.since
        m.d.sync += since.eq(Mux(self.refresh, 1, Mux(since > self.cycles, since, since + 1)))
        m.d.comb += Assert(~self.dut.started | (since <= self.cycles))
        return m


class KeepsTimes(Elaboratable):
    """Every command finds its bank in the right state, and comes late enough after those before it."""

    def __init__(self, dut, config):
        self.dut, self.config = dut, config

    def elaborate(self, platform):
        m = Module()
        config, kind = self.config, self.dut.command.kind
        bank, address = self.dut.command.bank, self.dut.command.address
        is_ = {command.name: Signal(name=command.name.lower()) for command in SdramCommand}
        m.d.comb += [is_[command.name].eq(kind == command) for command in SdramCommand]

        def since(happens, name):
            clocks = Signal(4, init=15, name=f"since_{name}")
            m.d.sync += clocks.eq(Mux(happens, 1, Mux(clocks == 15, 15, clocks + 1)))
            return clocks

        refreshed, mode_set = since(is_["REFRESH"], "refresh"), since(is_["SET_MODE"], "mode")
        any_active = since(is_["ACTIVATE"], "active")
        moved = since(is_["READ"] | is_["WRITE"], "move")
        read = since(is_["READ"], "read")
        with m.If(kind != SdramCommand.NONE):
            m.d.comb += Assert((refreshed >= config.rfc_cycles) & (mode_set >= config.mrd_cycles))
        with m.If(is_["ACTIVATE"]):
            m.d.comb += Assert(any_active >= config.rrd_cycles)
        with m.If(is_["READ"] | is_["WRITE"]):
            m.d.comb += Assert(moved >= config.burst_length)
        with m.If(is_["WRITE"]):
            m.d.comb += Assert(read >= config.turnaround_cycles)
        for n in range(1 << config.bank_bits):
            here = bank == n
            is_open = Signal(name=f"open_{n}")
            activate, move = is_["ACTIVATE"] & here, (is_["READ"] | is_["WRITE"]) & here
            precharge = is_["PRECHARGE"] & (here | ((address & ALL_BANKS) != 0))
            active, closed = since(activate, f"active_{n}"), since(precharge, f"precharge_{n}")
            read_here = since(is_["READ"] & here, f"read_{n}")
            written = since(is_["WRITE"] & here, f"write_{n}")
            with m.If(activate | precharge):
                m.d.sync += is_open.eq(activate)
            with m.If(activate | is_["REFRESH"] | is_["SET_MODE"]):
                m.d.comb += Assert(~is_open & (active >= config.rc_cycles) & (closed >= config.rp_cycles))
            with m.If(move):
                m.d.comb += Assert(is_open & (active >= config.rcd_cycles))
            with m.If(precharge):
                m.d.comb += Assert((active >= config.ras_cycles) & (read_here >= config.burst_length))
                m.d.comb += Assert(written >= config.write_cycles)
        return m


def sequencer(config, right=None):
    """The sequencer with any segments whatever: its commands, by the numbers of a configuration that is ``right``."""
    right = right or config
    dut = SdramSequencer(config)
    fragment, inside = opened(dut)
    banks = [
        inside[name]
        for name in ("refresher.hold", "refresher.precharge_all", "banks.can_precharge", "banks.can_activate")
    ]
    modules = {
        "dut": fragment,
        "times": KeepsTimes(dut, right),
        "refresh": RefreshInTime(dut, right.refresh_cycles, dut.command.kind == SdramCommand.REFRESH),
        "banks": BanksClose(right, Assert, *banks),
    }
    segments = [dut.i_reads, dut.i_writes]
    return Proof(**modules), [Value.cast(s) for p in segments for s in (p.valid, p.payload)]


class BanksClose(Elaboratable):
    """Held, all banks can be closed in time; closed, they can be opened again.

    Assumed of the refresh's surroundings, and asserted of the banks.
    """

    def __init__(self, config, rule, hold, precharge_all, can_precharge, can_activate):
        self.config, self.rule = config, rule
        self.signals = hold, precharge_all, can_precharge, can_activate

    def elaborate(self, platform):
        m = Module()
        config = self.config
        hold, precharge_all, can_precharge, can_activate = self.signals
        held, closed = Signal(5), Signal(5)  # cycles since the last command could be chosen, and since all were closed
        m.d.sync += held.eq(Mux(hold, Mux(held == 31, 31, held + 1), 0))
        m.d.sync += closed.eq(Mux(precharge_all, 1, Mux(closed == 31, 31, closed + 1)))
        m.d.comb += self.rule(can_precharge | (held < max(config.ras_cycles, config.write_cycles)))
        m.d.comb += self.rule(can_activate | (closed <= config.rp_cycles) | (held < config.rc_cycles))
        return m


class RefreshInvariants(Elaboratable):
    """What holds of the refresh's registers for ever, so that an induction begins with states that there are."""

    def __init__(self, dut, config, inside, since):
        self.dut, self.config, self.inside, self.since = dut, config, inside, since

    def elaborate(self, platform):
        m = Module()
        config, state, remaining, until_due = (
            self.config,
            *(self.inside[n] for n in ("fsm_state", "remaining", "until_due")),
        )
        number = {state.decoder(value).partition("/")[0]: value for value in range(6)}
        m.d.comb += Assert((state < len(number)) & (self.dut.hold == (state != number["Run"])))
        starts = state == number["PowerUp"]
        longest = max(config.rfc_cycles, config.mrd_cycles, config.rp_cycles, 2)
        m.d.comb += Assert(starts | (remaining <= longest - 2))
        with m.If(self.dut.started):
            m.d.comb += Assert(~starts & (state != number["Mode"]))
        with m.If(~starts & (self.dut.started | (state != number["Refresh"]))):
            due = config.refresh_period
            m.d.comb += Assert(Mux(until_due < 0, self.since >= due, self.since + until_due == due - 1))
        return m


def refresh(config, cls=SdramRefresh):
    """Start and refresh alone, with banks whatever: for ever."""
    dut = cls(config)
    fragment, inside = opened(dut)
    rule = RefreshInTime(dut, config.refresh_cycles, dut.refresh)
    known = RefreshInvariants(dut, config, inside, rule.since)
    free = [dut.can_precharge, dut.can_activate]
    banks = BanksClose(config, Assume, dut.hold, dut.precharge_all, *free)
    return Proof(dut=fragment, refresh=rule, banks=banks, known=known), free


def handshakes(config):
    """The whole controller with any manager and chip whatever: its offers stay."""
    dut = Sdram(config)
    axi = dut.s_axi
    modules = {
        "dut": dut,
        "r": HoldsOffer(axi.rvalid, Cat(axi.rdata, axi.rresp, axi.rid, axi.rlast), axi.rready),
        "b": HoldsOffer(axi.bvalid, Cat(axi.bresp, axi.bid), axi.bready),
    }
    inputs = ("valid", "id", "addr", "len", "size", "burst")
    free = [getattr(axi, prefix + name) for prefix in ("ar", "aw") for name in inputs]
    free += [axi.wvalid, axi.wdata, axi.wstrb, axi.wlast, axi.rready, axi.bready, dut.pins.dq_i]
    return Proof(**modules), free
