"""The Verilog ports of the accelerator."""

from amaranth.lib.wiring import Out

from tilewright.base import Port

from .accelerator import Accelerator

__all__ = ["accelerator_ports"]


def accelerator_ports(accelerator: Accelerator) -> list[Port]:
    """Registers on AXI4-Lite, memory on AXI4, and the interrupt."""
    return [
        *_bus_ports("s_axil", "AXI4-Lite", accelerator.s_axil),
        *_bus_ports("m_axi", "AXI4", accelerator.m_axi),
        Port("output", "irq", accelerator.irq, "an enabled interrupt is pending"),
    ]


def _bus_ports(prefix: str, about: str, bus) -> list[Port]:
    return [
        Port(
            "output" if member.flow == Out else "input",
            f"{prefix}_{name}",
            getattr(bus, name),
            f"{about}, channel {name[:2].upper() if name[0] == 'a' else name[0].upper()}",
        )
        for name, member in bus.signature.members.items()
    ]
