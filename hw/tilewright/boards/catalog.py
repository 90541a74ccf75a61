"""The supported boards: their chips, clocks, LEDs and programmers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tilewright.base import TilewrightError

__all__ = ["BOARDS", "Board", "Device", "constraints_folder"]


@dataclass(frozen=True)
class Device:
    """An FPGA: its family, its options for nextpnr, and its resources under the names of nextpnr's report."""

    family: Literal["ecp5", "ice40"]
    name: str
    options: tuple[str, ...]
    capacity: dict[str, int]


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name, title : str
        On the command line, and for people.
    device : Device
    oscillator_hz : int
    leds : tuple of int
        For each LED of the board the bit of `BoardSystem.leds` that it shows.
    leds_inverted : bool
        An LED is on while its pin is low.
    tied : tuple of (str, int)
        Outputs that are constant.
    loader : str
        The board's name in openFPGALoader.
    flash_only : bool
        As it comes, its programmer reaches the flash memory alone, from which the chip starts.
    """

    name: str
    title: str
    device: Device
    oscillator_hz: int
    leds: tuple[int, ...]
    leds_inverted: bool
    loader: str
    tied: tuple[tuple[str, int], ...] = ()
    flash_only: bool = False

    @property
    def constraints(self) -> Path:
        """The board's file of pins and clocks."""
        return constraints_folder() / f"{self.name}.{'lpf' if self.device.family == 'ecp5' else 'pcf'}"

    @property
    def bitstream(self) -> str:
        """Name of the file that is loaded into the board."""
        return f"{self.name}.{'bit' if self.device.family == 'ecp5' else 'bin'}"


_ECP5_85 = Device(
    "ecp5", "LFE5U-85F", ("--85k", "--package", "CABGA381", "--speed", "6"),
    {"TRELLIS_COMB": 83640, "TRELLIS_FF": 83640, "DP16KD": 208, "MULT18X18D": 156},
)  # fmt: skip
_ECP5_25 = Device(
    "ecp5", "LFE5U-25F", ("--25k", "--package", "CABGA381", "--speed", "6"),
    {"TRELLIS_COMB": 24288, "TRELLIS_FF": 24288, "DP16KD": 56, "MULT18X18D": 28},
)  # fmt: skip
_UP5K = Device(
    "ice40", "iCE40UP5K", ("--up5k", "--package", "sg48"),
    {"ICESTORM_LC": 5280, "ICESTORM_RAM": 30, "ICESTORM_DSP": 8, "ICESTORM_SPRAM": 4},
)  # fmt: skip

BOARDS = {
    board.name: board
    for board in [
        Board(
            "ulx3s-85f", "Radiona ULX3S with an LFE5U-85F", _ECP5_85, 25_000_000, (0, 1, 2, 3), False, "ulx3s",
            (("wifi_gpio0", 1),),
        ),
        Board("colorlight-i5", "Colorlight i5 on its extension board", _ECP5_25, 25_000_000, (0,), True,
              "colorlight-i5"),
        Board("icebreaker", "1BitSquared iCEBreaker", _UP5K, 12_000_000, (0, 1), True, "ice40_generic",
              flash_only=True),
    ]
}  # fmt: skip


def constraints_folder() -> Path:
    """Where the boards' files are: in the installed package, or in the repository."""
    for folder in (Path(__file__).with_name("constraints"), Path(__file__).parents[3] / "constraints"):
        if folder.is_dir():
            return folder
    raise TilewrightError("the constraint files are missing: install the package again")
