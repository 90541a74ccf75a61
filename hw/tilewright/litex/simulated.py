"""A SoC for simulators: VexRiscv, LiteDRAM with a model of a memory, and an accelerator."""

from pathlib import Path
from typing import Literal

from litedram.modules import MT48LC16M16
from litedram.phy.model import SDRAMPHYModel
from litex.build.generic_platform import Pins, Subsignal
from litex.build.io import CRG
from litex.build.sim import SimPlatform
from litex.soc.integration.soc_core import SoCCore

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REGISTERS

from .connect import add_accelerator
from .levelled import LevelledDdr3

__all__ = ["SimulatedMemory", "SimulatedSoC"]

SimulatedMemory = Literal["sdram", "ddr3", "ram"]

CLOCK_HZ = 100_000_000
"""Clock of the SoC and of its SDRAM, whose timing depends on it."""
_ROM_BYTES = 0x20000
_RAM_BYTES = 0x100000
_TAIL = next(register.offset for register in REGISTERS if register.name == "TAIL")
_HANDSHAKES = ("ar", "r", "aw", "w", "b")
_PINS = [
    ("sys_clk", 0, Pins(1)),
    (
        "serial", 0,
        Subsignal("source_valid", Pins(1)), Subsignal("source_ready", Pins(1)), Subsignal("source_data", Pins(8)),
        Subsignal("sink_valid", Pins(1)), Subsignal("sink_ready", Pins(1)), Subsignal("sink_data", Pins(8)),
    ),
    (
        "probe", 0,
        Subsignal("doorbell", Pins(1)), Subsignal("irq", Pins(1)), Subsignal("arlen", Pins(8)),
        *(Subsignal(name, Pins(1)) for name in _HANDSHAKES),
    ),
]  # fmt: skip


class SimulatedSoC(SoCCore):
    """VexRiscv with firmware in ROM, an accelerator, and a memory.

    The top module's ports are ``sys_clk``; ``serial_…``, bytes with valid and ready instead of a serial line; and
    ``probe_…``: one cycle for a write of TAIL (``doorbell``), the interrupt (``irq``), and one cycle for a transfer in
    each channel of the accelerator's memory bus.

    Parameters
    ----------
    config : AcceleratorConfig
    folder : Path
        Receives the files of the accelerator.
    memory : str
        The main memory: ``sdram``, behind LiteDRAM, as wide as the accelerator's bus, at the SoC's clock; ``ddr3``,
        behind LiteDRAM, see `LevelledDdr3`; or ``ram``, 1 MiB on the SoC's bus.

    Raises
    ------
    ConfigError
        If the accelerator does not fit the SoC; see `add_accelerator`.
    """

    def __init__(self, config: AcceleratorConfig, folder: Path, memory: SimulatedMemory = "sdram"):
        platform = SimPlatform("SIM", list(_PINS))
        self.crg = CRG(platform.request("sys_clk"))
        super().__init__(
            platform, clk_freq=CLOCK_HZ, cpu_type="vexriscv", cpu_variant="standard", uart_name="sim",
            integrated_rom_size=_ROM_BYTES, integrated_sram_size=0x2000,
            integrated_main_ram_size=_RAM_BYTES if memory == "ram" else 0, ident="Tilewright", ident_version=False,
        )  # fmt: skip
        if memory == "sdram":
            module = MT48LC16M16(CLOCK_HZ, "1:1")
            self.sdrphy = SDRAMPHYModel(module, data_width=config.data_bits, clk_freq=CLOCK_HZ)
            self.add_sdram("sdram", phy=self.sdrphy, module=module, l2_cache_size=0)
        elif memory == "ddr3":
            self.ddrphy = LevelledDdr3(CLOCK_HZ)
            self.add_sdram("sdram", phy=self.ddrphy, module=self.ddrphy.module, l2_cache_size=0)
        accelerator = add_accelerator(self, config, folder)
        probe = platform.request("probe")
        registers, bus = accelerator.registers, accelerator.memory
        self.comb += [
            platform.trace.eq(0),
            probe.doorbell.eq(registers.aw.valid & registers.aw.ready & (registers.aw.addr[:9] == _TAIL)),
            probe.irq.eq(accelerator.irq),
            probe.arlen.eq(bus.ar.len),
            *(getattr(probe, name).eq(getattr(bus, name).valid & getattr(bus, name).ready) for name in _HANDSHAKES),
        ]
