"""The generated Verilog of an accelerator as a LiteX module with LiteX's interfaces."""

import textwrap
from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.integration.doc import AutoDoc, ModuleDoc
from litex.soc.interconnect import axi
from migen import ClockSignal, Instance, ResetSignal, Signal

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REGISTER_ADDRESS_BITS, register_page
from tilewright.base import ConfigError, Family
from tilewright.cores import CORES
from tilewright.verilog import generate

__all__ = ["Level", "LiteXAccelerator"]

_AXI_LITE = {
    "aw": ("addr", "prot"),
    "w": ("data", "strb"),
    "b": ("resp",),
    "ar": ("addr", "prot"),
    "r": ("data", "resp"),
}
_ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
_AXI = {
    "aw": _ADDRESS,
    "w": ("data", "strb", "last"),
    "b": ("id", "resp"),
    "ar": _ADDRESS,
    "r": ("id", "data", "resp", "last"),
}


class Level(LiteXModule):
    """What LiteX expects of a module with an interrupt, for one whose own registers mask and clear it.

    Parameters
    ----------
    irq : Signal
        The interrupt, a level.
    """

    def __init__(self, irq: Signal):
        self.irq = irq


class LiteXAccelerator(LiteXModule, AutoDoc):
    """The accelerator as a LiteX module in the clock domain ``sys``; `add_accelerator` connects it.

    The Verilog and the C driver are written into ``folder``, and the Verilog is added to the sources of the platform.
    A SoC may have several of them, of one configuration. Its registers are not LiteX CSRs: the C driver knows them.

    Parameters
    ----------
    platform : GenericPlatform
        LiteX's platform.
    config : AcceleratorConfig
    folder : Path
        Receives ``accelerator.v``, ``driver/`` and the other files of ``tilewright generate accelerator``.
    family : str
        Target of the Verilog.

    Attributes
    ----------
    registers : AXILiteInterface
        Subordinate, 32 bits wide. The address is a byte offset; only its lowest bits are decoded.
    memory : AXIInterface
        Manager, `data_bits` wide. Addresses are those that the C driver is given.
    irq : Signal
        A level, high until firmware clears the bits of ``IRQ_STATUS``.
    ev : Level
        The same, where LiteX looks for it.
    register_page : ModuleDoc
        The page of registers, for LiteX's generated documentation.

    Raises
    ------
    ConfigError
        If the platform already has an accelerator of another configuration: both have the same Verilog module names.
    TilewrightError
        If the folder cannot be written.
    """

    def __init__(self, platform, config: AcceleratorConfig, folder: Path, family: Family = "generic"):
        self.config = config
        known = getattr(platform, "tilewright", None)
        if known not in (None, (config, family)):
            raise ConfigError(
                "config", config.to_json(), "the SoC has an accelerator of another configuration", known[0].to_json()
            )
        if known is None:
            platform.tilewright = config, family
            files = generate(CORES["accelerator"], config, folder, family)
            for file in files:
                if file.suffix == ".v" and file.stem == CORES["accelerator"].module:
                    platform.add_source(str(file.resolve()))

        self.registers = axi.AXILiteInterface(data_width=32, address_width=32)
        self.memory = axi.AXIInterface(
            data_width=config.data_bits, address_width=config.addr_bits, id_width=config.id_bits, bursting=True
        )
        self.irq = Signal()
        self.ev = Level(self.irq)
        # LiteX's documentation is reStructuredText, which shows the tables in Markdown as they are.
        page = "\n::\n\n" + textwrap.indent(register_page(config), "    ")
        self.register_page = ModuleDoc(page, "Tilewright accelerator: registers")

        ports = {
            "i_clk": ClockSignal(),
            "i_rst": ResetSignal(),
            "o_irq": self.irq,
            **_ports("s_axil", self.registers, _AXI_LITE, manager=False),
            **_ports("m_axi", self.memory, _AXI, manager=True),
        }
        for channel in ("aw", "ar"):
            ports[f"i_s_axil_{channel}addr"] = getattr(self.registers, channel).addr[:REGISTER_ADDRESS_BITS]
        self.specials += Instance(CORES["accelerator"].module, **ports)


def _ports(prefix: str, interface, channels: dict[str, tuple[str, ...]], *, manager: bool) -> dict[str, Signal]:
    """Map the ports of an AXI interface, with their directions as LiteX writes them, to LiteX's signals."""
    ports = {}
    for channel, fields in channels.items():
        endpoint = getattr(interface, channel)
        sends = manager == (channel in ("aw", "w", "ar"))
        forward, back = ("o", "i") if sends else ("i", "o")
        for field in (*fields, "valid"):
            ports[f"{forward}_{prefix}_{channel}{field}"] = getattr(endpoint, field)
        ports[f"{back}_{prefix}_{channel}ready"] = endpoint.ready
    return ports
