"""The start of the SDRAM chip, and its refresh."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import SdramConfig

__all__ = ["START_REFRESHES", "SdramRefresh"]

START_REFRESHES = 8
"""Refreshes before the mode register is set."""


class SdramRefresh(SharedComponent):
    """Take the chip through its start, then interrupt the traffic for each refresh.

    ::

                                                      8 times, then once
        reset ──► PowerUp ──► precharge all ──► Refresh ◄──┐
                                  ▲                │ └─────┘
                                  │                ├─ at the start ──► Mode ──┐
                                Quiet ◄── Run ◄────┴──────── Resume ◄─────────┘

    From one `refresh` to the next it is never more than ``refresh_cycles``: ``refresh_period`` cycles after one,
    `hold` goes up, and the next comes ``refresh_delay`` cycles later at the latest.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    can_precharge, can_activate : In(1)
        All banks could do so in the cycle before. From registers.
    hold : Out(1)
        No other command may be chosen. From a register.
    precharge_all, refresh, set_mode : Out(1)
        The command that is chosen in this cycle.
    started : Out(1)
        The chip has been started.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        super().__init__({
            "can_precharge": In(1),
            "can_activate": In(1),
            "hold": Out(1, init=1),
            "precharge_all": Out(1),
            "refresh": Out(1),
            "set_mode": Out(1),
            "started": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # Both counters end at -1, so that their sign tells it. After `wait(n)` in cycle t, `elapsed` is 1 in t + n.
        longest = max(config.power_up_cycles, config.rfc_cycles, config.mrd_cycles)
        remaining = Signal(range(-1, longest), init=config.power_up_cycles - 1)
        elapsed = remaining[-1]
        until_due = Signal(range(-1, config.refresh_cycles))
        with m.If(~elapsed):
            m.d.sync += remaining.eq(remaining - 1)
        with m.If(~until_due[-1]):
            m.d.sync += until_due.eq(until_due - 1)
        with m.If(self.refresh):
            m.d.sync += until_due.eq(config.refresh_period - 2)

        def wait(cycles):
            return remaining.eq(cycles - 2)

        more = Signal(range(START_REFRESHES), init=START_REFRESHES - 1)
        with m.FSM():
            with m.State("PowerUp"), m.If(elapsed):
                m.d.comb += self.precharge_all.eq(1)
                m.d.sync += wait(max(2, config.rp_cycles))  # `can_activate` reflects this command after 2 cycles
                m.next = "Refresh"
            with m.State("Refresh"), m.If(elapsed & self.can_activate):
                m.d.comb += self.refresh.eq(1)
                m.d.sync += wait(config.rfc_cycles)
                m.d.sync += more.eq(more - 1)
                with m.If(more == 0):
                    m.d.sync += more.eq(0)
                    m.next = "Resume"
                    with m.If(~self.started):
                        m.next = "Mode"
            with m.State("Mode"), m.If(elapsed):
                m.d.comb += self.set_mode.eq(1)
                m.d.sync += wait(config.mrd_cycles)
                m.next = "Resume"
            with m.State("Resume"), m.If(elapsed):
                m.d.sync += self.hold.eq(0)
                m.d.sync += self.started.eq(1)
                m.next = "Run"
            with m.State("Run"), m.If(until_due[-1]):
                # `can_precharge` reflects a command of this cycle after 2
                m.d.sync += self.hold.eq(1)
                m.d.sync += wait(2)
                m.next = "Quiet"
            with m.State("Quiet"), m.If(elapsed & self.can_precharge):
                m.d.comb += self.precharge_all.eq(1)
                m.d.sync += wait(max(2, config.rp_cycles))
                m.next = "Refresh"
        return m
