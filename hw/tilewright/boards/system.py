"""The accelerator as a whole system: with memory, host link and LEDs."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator import Accelerator
from tilewright.base import Port, SharedComponent, place
from tilewright.bus import Arbiter
from tilewright.link import HostLink
from tilewright.memory import BlockRam, WordRam
from tilewright.memory.sdram import Sdram, sdram_pins

from .config import BoardConfig

__all__ = ["LEDS", "BoardSystem", "board_ports"]

LEDS = ("heartbeat", "link", "accelerator", "ready")
HEARTBEAT_BITS = 24


class BoardSystem(SharedComponent):
    """Everything on the chip but the clock generation.

    The host, through the serial line, and the accelerator share the memory, whose first address is 0; the host alone
    reads and writes the registers::

        rx ──► ┌──────────┐ registers ┌─────────────┐
        tx ◄── │ HostLink ├──────────►│ Accelerator │
               └────┬─────┘           └──────┬──────┘
                    └──────► Arbiter ◄───────┘
                                ▼
              BlockRam, WordRam or Sdram ──► pins

    Parameters
    ----------
    config : BoardConfig

    Members
    -------
    rx : In(1)
        The serial line from the host, asynchronous, high when idle.
    tx : Out(1)
        The serial line to the host, from a register, high when idle.
    leds : Out(4)
        From bit 0 on: blinks (about once a second at 16 MHz); a request of the host is in progress; the accelerator's
        interrupt is raised; the memory is ready.
    pins : Out(sdram_pins(config.sdram))
        The pins of the SDRAM chip; only on a board with one.
    """

    def __init__(self, config: BoardConfig):
        self.config = config
        members = {"rx": In(1), "tx": Out(1), "leds": Out(len(LEDS))}
        if config.memory == "sdram":
            members["pins"] = Out(sdram_pins(config.sdram))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        widths = config.data_bits, config.addr_bits
        accelerator = place(m, "accelerator", Accelerator(config), platform)
        reach = config.memory_bytes.bit_length() - 1
        host = HostLink(config.divisor, *widths, config.id_bits, config.information, reach)
        link = place(m, "link", host, platform)
        arbiter = place(m, "arbiter", Arbiter(*widths, config.id_bits), platform)
        m.d.comb += link.rx.eq(self.rx)
        m.d.comb += self.tx.eq(link.tx)
        m.d.comb += link.irq.eq(accelerator.irq)
        connect(m, link.m_axil, accelerator.s_axil)
        connect(m, accelerator.m_axi, arbiter.s_axi_0)
        connect(m, link.m_axi, arbiter.s_axi_1)

        ready = Signal(init=1)
        memory: BlockRam | WordRam | Sdram
        if config.memory == "sdram":
            memory = place(m, "memory", Sdram(config.sdram), platform)
            connect(m, memory.pins, flipped(self.pins))
            m.d.comb += ready.eq(memory.started)
        elif config.compact:  # no burst on the bus has more than one beat
            memory = place(m, "memory", WordRam(*widths, config.id_bits + 1, config.memory_bytes), platform)
        else:
            memory = place(m, "memory", BlockRam(*widths, config.id_bits + 1, config.memory_bytes), platform)
        connect(m, arbiter.m_axi, memory.s_axi)

        heartbeat = Signal(HEARTBEAT_BITS)
        m.d.sync += heartbeat.eq(heartbeat + 1)
        m.d.comb += self.leds.eq(Cat(heartbeat[-1], link.busy, accelerator.irq, ready))
        return m


def board_ports(system: BoardSystem) -> list[Port]:
    """The serial line, LEDs, and the SDRAM chip's pins."""
    ports = [
        Port("input", "rx", system.rx, "serial line from the host"),
        Port("output", "tx", system.tx, "serial line to the host"),
        Port("output", "leds", system.leds, f"from bit 0: {', '.join(LEDS)}"),
    ]
    if system.config.memory == "sdram":
        ports += [
            Port("output" if member.flow == Out else "input", f"sdram_{name}", getattr(system.pins, name),
                 "to the SDRAM chip" if member.flow == Out else "from the SDRAM chip")
            for name, member in sdram_pins(system.config.sdram).members.items()
        ]  # fmt: skip
    return ports
