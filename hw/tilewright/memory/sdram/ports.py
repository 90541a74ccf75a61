"""The Verilog ports of the SDRAM controller."""

from amaranth.lib.wiring import In

from tilewright.base import Port

from .controller import Sdram

__all__ = ["sdram_ports"]

_PINS = {
    "cke": "clock enable",
    "cs_n": "chip select",
    "ras_n": "command",
    "cas_n": "command",
    "we_n": "command",
    "ba": "bank",
    "a": "row or column",
    "dqm": "bytes not to write",
    "dq_o": "data to the chip",
    "dq_oe": "the data pins are driven with sdram_dq_o",
    "dq_i": "data from the chip",
}


def sdram_ports(sdram: Sdram) -> list[Port]:
    """Ports of a controller: AXI4, the chip's pins, and whether it has been started."""
    ports = []
    for bus, interface in (("s_axi", sdram.s_axi), ("sdram", sdram.pins)):
        for name, member in interface.signature.members.items():
            direction = "input" if member.flow == In else "output"
            channel = name[:2].upper() if name[0] == "a" else name[0].upper()
            about = f"AXI4, channel {channel}" if bus == "s_axi" else f"SDRAM: {_PINS[name]}"
            ports.append(Port(direction, f"{bus}_{name}", getattr(interface, name), about))
    return [*ports, Port("output", "started", sdram.started, "the chip is ready; until then bursts wait")]
