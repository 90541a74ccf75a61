"""The supported boards: their chips, clocks, LEDs and programmers."""

from dataclasses import dataclass
from pathlib import Path

from tilewright.base import DEVICES, Device, TilewrightError

__all__ = ["BOARDS", "Board", "constraints_folder"]

# Of a family's files of pins, and of its bitstreams.
_SUFFIXES = {"ecp5": ("lpf", "bit"), "ice40": ("pcf", "bin"), "gowin": ("cst", "fs")}


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
    sdram_clock_degrees : float
        By how much of a period the SDRAM chip's clock lags the controller's at the preset's frequency: data from either
        side then meet setup and hold times at the other. See the calculation in docs/architecture/sdram.md.
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
    sdram_clock_degrees: float = 270

    @property
    def constraints(self) -> Path:
        """The board's file of pins and clocks."""
        return constraints_folder() / f"{self.name}.{_SUFFIXES[self.device.family][0]}"

    @property
    def bitstream(self) -> str:
        """Name of the file that is loaded into the board."""
        return f"{self.name}.{_SUFFIXES[self.device.family][1]}"


BOARDS = {
    board.name: board
    for board in [
        Board(
            "ulx3s-85f", "Radiona ULX3S with an LFE5U-85F", DEVICES["ecp5-85k"].packaged("CABGA381"), 25_000_000,
            (0, 1, 2, 3), False, "ulx3s", (("wifi_gpio0", 1),),
        ),
        Board(
            "colorlight-i5", "Colorlight i5 on its extension board", DEVICES["ecp5-25k"], 25_000_000,
            (0,), True, "colorlight-i5",
        ),
        Board(
            "icebreaker", "1BitSquared iCEBreaker", DEVICES["ice40-up5k"], 12_000_000,
            (0, 1), True, "ice40_generic", flash_only=True,
        ),
        Board(
            "tang-nano-20k", "Sipeed Tang Nano 20K", DEVICES["gowin-gw2ar-18"], 27_000_000,
            (0, 1, 2, 3), True, "tangnano20k", sdram_clock_degrees=292.5,
        ),
    ]
}  # fmt: skip


def constraints_folder() -> Path:
    """Where the boards' files are: in the installed package, or in the repository."""
    for folder in (Path(__file__).with_name("constraints"), Path(__file__).parents[3] / "constraints"):
        if folder.is_dir():
            return folder
    raise TilewrightError("the constraint files are missing: install the package again")
