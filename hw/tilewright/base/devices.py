"""The FPGAs that designs are placed on: their names, packages, speed grades and resources."""

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["DEFAULT_DEVICES", "DEVICES", "Device"]


@dataclass(frozen=True)
class Device:
    """An FPGA in a package.

    Parameters
    ----------
    family : str
        ``ecp5``, ``ice40``, ``gowin`` or ``gatemate``.
    name : str
        Its name behind the family on the command line: ``45k`` of ``ecp5-45k``.
    part : str
        Its name in the data sheet.
    package : str
        As nextpnr calls it.
    speed_grade : int or None
        None where the part has only one.
    resources : dict of int
        What it holds, by column of the area report: ``lut4``, ``ff``, ``dsp``, ``bram``, ``spram``.
    database : str
        Name of the chip's data for nextpnr and the packer, where the part does not tell it.
    derating : float
        What of nextpnr's Fmax is believed, where its users say that it is too high.
    not_timed : str
        The paths that nextpnr does not analyse though they start and end in registers, for reports.
    """

    family: Literal["ecp5", "ice40", "gowin", "gatemate"]
    name: str
    part: str
    package: str
    speed_grade: int | None
    resources: dict[str, int]
    database: str = ""
    derating: float = 1.0
    not_timed: str = ""

    @property
    def target(self) -> str:
        """The target on the command line."""
        return f"{self.family}-{self.name}"

    @property
    def about(self) -> str:
        """Its name in the data sheet, with the speed grade."""
        return self.part if self.speed_grade is None else f"{self.part}, speed grade {self.speed_grade}"

    def packaged(self, package: str, speed_grade: int | None = None) -> "Device":
        """Return the same chip in another package, and of another speed grade if that is given."""
        return replace(self, package=package, speed_grade=speed_grade or self.speed_grade)


# "Compared to the vendor tooling the numbers are about 20% higher and I don't entirely trust them" (the author of
# nextpnr's timing for Gowin, YosysHQ/nextpnr pull request 1345): 1 / 1.2, rounded down.
_GOWIN_DERATING = 0.8
# Resources: Lattice FPGA-DS-02012 (ECP5), FPGA-DS-02008 (UltraPlus), FPGA-DS-02029 (LP/HX); Gowin DS226 (GW2AR);
# Cologne Chip DS1001 (GateMate), a CPE as two LUT4. DSP blocks of Gowin are halves, and block RAMs of GateMate too.
DEVICES = {
    device.target: device
    for device in [
        Device("ecp5", "25k", "LFE5U-25F", "CABGA381", 6, {"lut4": 24288, "ff": 24288, "dsp": 28, "bram": 56}),
        Device("ecp5", "45k", "LFE5U-45F", "CABGA554", 6, {"lut4": 43848, "ff": 43848, "dsp": 72, "bram": 108}),
        Device("ecp5", "85k", "LFE5U-85F", "CABGA756", 6, {"lut4": 83640, "ff": 83640, "dsp": 156, "bram": 208}),
        Device(
            "ice40", "up5k", "iCE40UP5K", "sg48", None, {"lut4": 5280, "ff": 5280, "dsp": 8, "bram": 30, "spram": 4},
        ),
        Device("ice40", "hx8k", "iCE40HX8K", "ct256", None, {"lut4": 7680, "ff": 7680, "dsp": 0, "bram": 32}),
        Device(
            "gowin", "gw2ar-18", "GW2AR-LV18QN88C8/I7", "QN88", None,
            {"lut4": 20736, "ff": 15552, "dsp": 96, "bram": 46},
            "GW2A-18C", _GOWIN_DERATING, "through DSP blocks and out of block RAMs",
        ),
        Device("gatemate", "ccgm1a1", "CCGM1A1", "FBGA320", None, {"lut4": 40960, "ff": 40960, "dsp": 0, "bram": 64}),
    ]
}  # fmt: skip
"""By target; each in its largest package, or its only one."""
DEFAULT_DEVICES = {
    "ecp5": DEVICES["ecp5-85k"],
    "ice40": DEVICES["ice40-hx8k"],
    "gowin": DEVICES["gowin-gw2ar-18"],
    "gatemate": DEVICES["gatemate-ccgm1a1"],
}
"""The device of a target that only names a family."""
