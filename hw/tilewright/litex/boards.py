"""SoCs for boards of litex-boards, with an accelerator."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from litedram.modules import MT48LC16M16
from litex.soc.integration.soc import SoC
from litex_boards.targets import radiona_ulx3s

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Device
from tilewright.boards import BOARDS

from .connect import add_accelerator

__all__ = ["SOC_BOARDS", "SocBoard"]

_ROM_BYTES = 0x8000
_SRAM_BYTES = 0x2000


@dataclass(frozen=True)
class SocBoard:
    """A board that a SoC can be built for.

    Parameters
    ----------
    name : str
        Its name on the command line.
    title : str
        As its makers call it.
    device : Device
        Its FPGA.
    clock_hz : int
        Clock of processor and accelerator.
    preset : str
        The preset of the accelerator that fits its memory.
    make : callable
        Makes the SoC, without an accelerator.
    """

    name: str
    title: str
    device: Device
    clock_hz: int
    preset: str
    make: Callable[["SocBoard"], SoC]

    def soc(self, config: AcceleratorConfig, folder: Path) -> SoC:
        """Return the SoC with an accelerator; see `add_accelerator`."""
        soc = self.make(self)
        add_accelerator(soc, config, folder, family=self.device.family)
        return soc


def _ulx3s(board: SocBoard) -> SoC:
    """The SDRAM of 16 bits runs at twice the clock, so that LiteDRAM's ports have 32 bits."""
    return radiona_ulx3s.BaseSoC(
        device="LFE5U-85F", sys_clk_freq=board.clock_hz, sdram_module_cls=MT48LC16M16.__name__, sdram_rate="1:2",
        with_led_chaser=False, cpu_type="vexriscv", cpu_variant="standard", l2_size=0,
        integrated_rom_size=_ROM_BYTES, integrated_sram_size=_SRAM_BYTES, ident_version=False,
    )  # fmt: skip


SOC_BOARDS = {
    board.name: board
    for board in [SocBoard("ulx3s-85f", "ULX3S 85F", BOARDS["ulx3s-85f"].device, 50_000_000, "nano", _ulx3s)]
}
