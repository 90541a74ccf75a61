"""The state and the timing of the SDRAM's banks."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

from .config import SdramConfig

__all__ = ["Cooldown", "SdramBank", "SdramBanks", "row_shape"]


class Cooldown(SharedComponent):
    """Report that a number of cycles has passed since `start`.

    After `start` in cycle t, `done` is 0 in cycles t + 1 to t + cycles - 1, and 1 again from t + cycles on. It comes
    from a register; it is 1 after a reset.

    Parameters
    ----------
    cycles : int
        At least 1.

    Members
    -------
    start : In(1)
        Start to count. It may come again before `done`.
    done : Out(1)
        ``cycles`` cycles or more have passed since the last `start`, or there was none since reset.
    """

    def __init__(self, cycles: int):
        self.cycles = cycles
        super().__init__({"start": In(1), "done": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        remaining = Signal(range(max(2, self.cycles - 1)))
        m.d.sync += remaining.eq(remaining - remaining.any())
        m.d.sync += self.done.eq(remaining == 0)
        with m.If(self.start):
            m.d.sync += remaining.eq(max(0, self.cycles - 2))
            m.d.sync += self.done.eq(self.cycles < 2)
        return m


class SdramBank(SharedComponent):
    """Track a bank's open row, and report which commands its timing allows.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    activate, read, write, precharge : In(1)
        The command that is chosen in this cycle for the bank, if there is one.
    row : In(unsigned(row_bits))
        The row to open, sampled with `activate`.
    open : Out(1)
        A row is open: from the cycle after `activate` to that of `precharge`.
    open_row : Out(unsigned(row_bits))
        Which row is open. Valid with `open`.
    can_activate, can_move, can_precharge : Out(1)
        The time that must pass before such a command has passed; `can_move` is for READ and WRITE. Whether the bank is
        open is not looked at.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        commands = {name: In(1) for name in ("activate", "read", "write", "precharge")}
        allowed = {name: Out(1) for name in ("can_activate", "can_move", "can_precharge")}
        rows = {"row": In(unsigned(config.row_bits)), "open": Out(1), "open_row": Out(unsigned(config.row_bits))}
        super().__init__(commands | rows | allowed)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        done = {}
        for name, cycles, start in (
            ("row_cycle", config.rc_cycles, self.activate),
            ("row_active", config.ras_cycles, self.activate),
            ("row_to_column", config.rcd_cycles, self.activate),
            ("precharging", config.rp_cycles, self.precharge),
            ("reading", config.burst_length, self.read),
            ("writing", config.write_cycles, self.write),
        ):
            timer = place(m, name, Cooldown(cycles), platform)
            m.d.comb += timer.start.eq(start)
            done[name] = timer.done
        m.d.comb += self.can_activate.eq(done["row_cycle"] & done["precharging"])
        m.d.comb += self.can_move.eq(done["row_to_column"])
        m.d.comb += self.can_precharge.eq(done["row_active"] & done["reading"] & done["writing"])
        open_row = Signal(config.row_bits, reset_less=True)
        m.d.comb += self.open_row.eq(open_row)
        with m.If(self.activate):
            m.d.sync += self.open.eq(1)
            m.d.sync += open_row.eq(self.row)
        with m.If(self.precharge):
            m.d.sync += self.open.eq(0)
        return m


def row_shape() -> data.StructLayout:
    """The state of a row and of its bank.

    ``hit``: the row is open; ``open``: a row of its bank is. Both are those of the cycle before. ``can_…`` are those of
    `SdramBank`; ``can_activate`` also has the time since any other ACTIVATE.
    """
    return data.StructLayout(dict.fromkeys(("hit", "open", "can_activate", "can_move", "can_precharge"), unsigned(1)))


class SdramBanks(SharedComponent):
    """Track all banks, as seen by the segment that is moved (`head`) and by the one after it (`next`).

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    head, next : In(config.place_shape)
        The bank and row that are asked about, and that the commands of the same name are for.
    head_row, next_row : Out(row_shape())
        The state of that row and its bank; `hit` and `open` are a cycle late.
    read, write, head_activate, head_precharge, next_activate, next_precharge, precharge_all : In(1)
        The command that is chosen in this cycle. READ and WRITE are of `head`.
    can_precharge, can_activate : Out(1)
        All banks could, in the cycle before. From registers.
    """

    COMMANDS = ("read", "write", "head_activate", "head_precharge", "next_activate", "next_precharge", "precharge_all")

    def __init__(self, config: SdramConfig):
        self.config = config
        super().__init__({
            "head": In(config.place_shape),
            "next": In(config.place_shape),
            "head_row": Out(row_shape()),
            "next_row": Out(row_shape()),
            "can_precharge": Out(1),
            "can_activate": Out(1),
            **{name: In(1) for name in self.COMMANDS},
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        banks = [place(m, f"bank_{n}", SdramBank(config), platform) for n in range(1 << config.bank_bits)]
        apart = place(m, "apart", Cooldown(config.rrd_cycles), platform)
        m.d.comb += apart.start.eq(self.head_activate | self.next_activate)
        for asked, row in ((self.head, self.head_row), (self.next, self.next_row)):
            seen = {
                name: Array(getattr(bank, name) for bank in banks)[asked.bank]
                for name in ("open", "open_row", "can_activate", "can_move", "can_precharge")
            }
            m.d.sync += row.open.eq(seen["open"])
            m.d.sync += row.hit.eq(seen["open"] & (seen["open_row"] == asked.row))
            m.d.comb += row.can_activate.eq(seen["can_activate"] & apart.done)
            m.d.comb += row.can_move.eq(seen["can_move"])
            m.d.comb += row.can_precharge.eq(seen["can_precharge"])
        for n, bank in enumerate(banks):
            here, there = self.head.bank == n, self.next.bank == n
            m.d.comb += bank.row.eq(Mux(self.head_activate, self.head.row, self.next.row))
            m.d.comb += bank.activate.eq((self.head_activate & here) | (self.next_activate & there))
            m.d.comb += bank.precharge.eq(
                (self.head_precharge & here) | (self.next_precharge & there) | self.precharge_all
            )
            m.d.comb += bank.read.eq(self.read & here)
            m.d.comb += bank.write.eq(self.write & here)
        m.d.sync += self.can_precharge.eq(Cat(bank.can_precharge for bank in banks).all())
        m.d.sync += self.can_activate.eq(Cat(bank.can_activate for bank in banks).all())
        return m
