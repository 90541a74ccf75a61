"""SoCs for boards of litex-boards, with an accelerator."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litedram.modules import MT41K64M16, MT48LC16M16
from litex.soc.integration.soc import SoC
from litex_boards.platforms.gsd_orangecrab import feather_serial
from litex_boards.targets import gsd_orangecrab, radiona_ulx3s

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import DEVICES, Device
from tilewright.boards import BOARDS
from tilewright.flows.fpga import dfu_file

from .connect import add_accelerator

__all__ = ["SOC_BOARDS", "SocBoard"]

_SOC = {
    "cpu_type": "vexriscv", "cpu_variant": "standard", "l2_size": 0, "integrated_rom_size": 0x8000,
    "integrated_sram_size": 0x2000, "ident_version": False, "with_led_chaser": False,
}  # fmt: skip


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
    accelerator : dict
        Values of a configuration that fits its memory and its FPGA.
    make : callable
        Makes the SoC, without an accelerator.
    loader : str
        The command that loads a bitstream, without the file.
    bootloader : tuple of int, or None
        Vendor and product of a USB bootloader that takes DFU files.
    """

    name: str
    title: str
    device: Device
    clock_hz: int
    accelerator: dict[str, Any]
    make: Callable[["SocBoard"], SoC]
    loader: str
    bootloader: tuple[int, int] | None = None

    def soc(self, config: AcceleratorConfig, folder: Path) -> SoC:
        """Return the SoC with an accelerator; see `add_accelerator`."""
        soc = self.make(self)
        add_accelerator(soc, config, folder, family=self.device.family)
        return soc

    def files(self, bitstream: bytes) -> dict[str, bytes]:
        """Return the files of a bitstream by name; the last one is for `loader`."""
        files = {f"{self.name}.bit": bitstream}
        if self.bootloader:
            files[f"{self.name}.dfu"] = dfu_file(bitstream, *self.bootloader)
        return files


class _OrangeCrab(gsd_orangecrab.BaseSoC):
    """With a UART at two pins: that of litex-boards, over USB, needs ValentyUSB, which is not on PyPI."""

    def add_uart(self, name, uart_name, **options):
        self.platform.add_extension(feather_serial)
        super().add_uart(name, "serial", **options)


def _ulx3s(board: SocBoard) -> SoC:
    """The SDRAM of 16 bits runs at twice the clock, so that LiteDRAM's ports have 32 bits."""
    return radiona_ulx3s.BaseSoC(
        device=board.device.part, sys_clk_freq=board.clock_hz, sdram_module_cls=MT48LC16M16.__name__,
        sdram_rate="1:2", **_SOC,
    )  # fmt: skip


def _orangecrab(board: SocBoard) -> SoC:
    """The DDR3 of 16 bits runs at twice the clock; LiteDRAM's ports have its burst of 8, 128 bits.

    Larger chips work as this one, of 128 MiB: at this clock its refresh of 128 cycles is long enough for them too.
    """
    return _OrangeCrab(
        device=board.device.part.removeprefix("LFE5U-"), sys_clk_freq=board.clock_hz,
        sdram_device=MT41K64M16.__name__, **_SOC,
    )  # fmt: skip


# LiteDRAM's ports of 128 bits need 16 rows; a row of C is shorter than that with 4 columns, so it is `unaligned`.
_FOR_DDR3 = {"cols": 4, "unaligned": True, "multiplier": "dsp", "panel_words": 1024}

SOC_BOARDS = {
    board.name: board
    for board in [
        SocBoard(
            "ulx3s-85f", "ULX3S 85F", BOARDS["ulx3s-85f"].device, 50_000_000, AcceleratorConfig.preset_values("nano"),
            _ulx3s, "openFPGALoader -b ulx3s",
        ),
        SocBoard(
            "orangecrab-85f", "OrangeCrab r0.2 85F", DEVICES["ecp5-85k"].packaged("CSFBGA285", 8), 48_000_000,
            AcceleratorConfig.preset_values("base") | _FOR_DDR3, _orangecrab, "dfu-util -a 0 -D", (0x1209, 0x5AF0),
        ),
    ]
}  # fmt: skip
