"""The interrupt status and the interrupt line."""

from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["Interrupts"]


class Interrupts(SharedComponent):
    """Remember events until the host clears them, and raise a line for those it has enabled.

    An event in cycle t is in `status` in t + 1 and on `irq` in t + 2. An event in the cycle of its clearing stays.

    Parameters
    ----------
    count : int
        Kinds of events.

    Members
    -------
    events : In(count)
        The kinds of events that happen in this cycle.
    clear : In(count)
        The bits of `status` to clear at the end of this cycle.
    enable : In(count)
        The kinds that raise `irq`; a level, not an event.
    status : Out(count)
        Events that were not cleared.
    irq : Out(1)
        One of them is enabled. From a register.
    """

    def __init__(self, count: int):
        super().__init__({
            "events": In(count),
            "clear": In(count),
            "enable": In(count),
            "status": Out(count),
            "irq": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.status.eq(self.status & ~self.clear | self.events)
        m.d.sync += self.irq.eq((self.status & self.enable).any())
        return m
