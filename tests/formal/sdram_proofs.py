"""Rules of the SDRAM chip as components that only watch the controller's commands, and the designs that are proven."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, Signal, Value
from formal_prove import Proof
from watchers import HoldsOffer

from tilewright.board.sdram import Sdram
from tilewright.board.sdram_config import SdramConfig
from tilewright.board.sdram_sequencer import ALL_BANKS, SdramCommand, SdramSequencer
from tilewright.board.sdram_upkeep import SdramUpkeep


class TinyConfig(SdramConfig):
    """A chip with so few rows and so short times that a solver sees a whole refresh interval."""

    power_up_cycles = property(lambda self: 2)


def tiny(**fields):
    """Two banks of eight rows at 10 ns a clock, with words of two columns, and a refresh every 37 clocks."""
    small = {
        "clock_khz": 100_000, "cas_latency": 2, "capture_cycles": 0, "dq_bits": 8, "data_bits": 16, "row_bits": 3,
        "col_bits": 2, "bank_bits": 1, "addr_bits": 6, "id_bits": 1, "outstanding": 1, "t_rc_ns": 60, "t_ras_ns": 30,
        "t_rp_ns": 20, "t_rcd_ns": 20, "t_rrd_ns": 20, "t_wr_ns": 20, "t_rfc_ns": 50, "t_mrd_ns": 20, "t_ck2_ns": 10,
        "t_ck3_ns": 10, "refresh_us": 3, "power_up_us": 1,
    }  # fmt: skip
    return TinyConfig.model_construct(**(small | fields))


class RefreshInTime(Elaboratable):
    """From the start on, a REFRESH comes at most ``cycles`` after the one before."""

    def __init__(self, dut, cycles, refresh):
        self.dut, self.cycles, self.refresh = dut, cycles, refresh

    def elaborate(self, platform):
        m = Module()
        since = Signal(range(self.cycles + 2))
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
            m.d.comb += Assert(read >= config.turn_cycles)
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


def sequencer(config, dut=None):
    """The sequencer with any pieces whatever: its commands."""
    dut = dut or SdramSequencer(config)
    in_time = RefreshInTime(dut, config.refresh_cycles, dut.command.kind == SdramCommand.REFRESH)
    modules = {"dut": dut, "times": KeepsTimes(dut, config), "refresh": in_time}
    pieces = [dut.i_reads, dut.i_writes]
    return Proof(**modules), [Value.cast(s) for p in pieces for s in (p.valid, p.payload)]


class BanksClose(Elaboratable):
    """Assume of banks what `KeepsTimes` shows: held, they can be closed in time, and once closed opened again."""

    def __init__(self, dut, config):
        self.dut, self.config = dut, config

    def elaborate(self, platform):
        m = Module()
        dut, config = self.dut, self.config
        close, open_ = max(config.ras_cycles, config.write_cycles) + 1, config.rp_cycles + 1
        held, closed = Signal(4), Signal(4)
        m.d.sync += held.eq(Mux(dut.hold, Mux(held == 15, 15, held + 1), 0))
        m.d.sync += closed.eq(Mux(dut.precharge_all, 1, Mux(closed == 15, 15, closed + 1)))
        # `hold` is seen a cycle after the last command could be chosen, so `held` is the cycles since then.
        m.d.comb += Assume(dut.can_precharge | (held + 1 < close))
        m.d.comb += Assume(dut.can_activate | (closed < open_) | (held < config.rc_cycles))
        return m


def upkeep(config, dut=None):
    """Start and refresh alone, with banks whatever."""
    dut = dut or SdramUpkeep(config)
    rule = RefreshInTime(dut, config.refresh_cycles, dut.refresh)
    return Proof(dut=dut, refresh=rule, banks=BanksClose(dut, config)), [dut.can_precharge, dut.can_activate]


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
