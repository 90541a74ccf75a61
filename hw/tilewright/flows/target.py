"""Targets of a report: an FPGA family and device, or standard cells from Liberty files."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tilewright.base import Family, TilewrightError

__all__ = ["DEVICES", "TARGETS", "Device", "ReportTarget", "family_of"]


@dataclass(frozen=True)
class Device:
    """A chip that nextpnr places and routes for.

    Parameters
    ----------
    name : str
        What it is called on the command line, behind the family: ``45k`` of ``ecp5-45k``.
    options : tuple of str
        nextpnr's options for it.
    capacity : dict of int
        What it holds, by column of the area report: ``lut4``, ``ff``, ``dsp``, ``bram``.
    about : str
        Its name in the data sheet.
    """

    name: str
    options: tuple[str, ...]
    capacity: dict[str, int]
    about: str


# Capacities: Lattice FPGA-DS-02012 (ECP5), FPGA-DS-02008 (UltraPlus), FPGA-DS-02029 (LP/HX).
DEVICES: dict[str, dict[str, Device]] = {
    "ecp5": {
        device.name: device
        for device in [
            Device(
                "25k", ("--25k", "--package", "CABGA381", "--speed", "6"),
                {"lut4": 24288, "ff": 24288, "dsp": 28, "bram": 56}, "LFE5U-25F, speed grade 6",
            ),
            Device(
                "45k", ("--45k", "--package", "CABGA554", "--speed", "6"),
                {"lut4": 43848, "ff": 43848, "dsp": 72, "bram": 108}, "LFE5U-45F, speed grade 6",
            ),
            Device(
                "85k", ("--85k", "--package", "CABGA756", "--speed", "6"),
                {"lut4": 83640, "ff": 83640, "dsp": 156, "bram": 208}, "LFE5U-85F, speed grade 6",
            ),
        ]
    },
    "ice40": {
        device.name: device
        for device in [
            Device(
                "up5k", ("--up5k", "--package", "sg48"),
                {"lut4": 5280, "ff": 5280, "dsp": 8, "bram": 30}, "iCE40UP5K",
            ),
            Device(
                "hx8k", ("--hx8k", "--package", "ct256"),
                {"lut4": 7680, "ff": 7680, "dsp": 0, "bram": 32}, "iCE40HX8K",
            ),
        ]
    },
}  # fmt: skip
_DEFAULT = {"ecp5": "85k", "ice40": "hx8k"}
TARGETS = [
    "generic",
    *(f"{family}-{name}" for family, devices in DEVICES.items() for name in devices),
    "xc7",
    "asic",
]


@dataclass(frozen=True)
class ReportTarget:
    """A target of `report.measure`.

    Parameters
    ----------
    family : str
        ``generic``, ``ice40``, ``ecp5``, ``xc7`` or ``asic``.
    device : Device or None
        For place and route.
    liberty : tuple of Path
        Of an asic: Liberty files that belong together, plain or compressed with gzip.
    memory_um2_per_bit : float or None
        Of an asic: area of a bit of memory in µm², macro and periphery; None leaves memories out of the sum.
    """

    family: Literal["generic", "ice40", "ecp5", "xc7", "asic"]
    device: Device | None = None
    liberty: tuple[Path, ...] = ()
    memory_um2_per_bit: float | None = None

    @classmethod
    def parse(cls, name: str, liberty: Sequence[Path] = (), memory_um2_per_bit: float | None = None) -> "ReportTarget":
        """Return the target called ``name``, one of `TARGETS`; ``ecp5`` is ``ecp5-85k``, ``ice40`` ``ice40-hx8k``.

        Raises
        ------
        TilewrightError
            If the target is unknown, or Liberty files are missing or not applicable.
        """
        family, _, device = name.partition("-")
        known = DEVICES.get(family, {})
        _check(name)
        if family == "asic" and not liberty:
            raise TilewrightError("--target asic needs the standard cells: give --liberty FILE, once for each file")
        if family != "asic" and liberty:
            raise TilewrightError(f"--liberty is for --target asic, not for {name}")
        if memory_um2_per_bit is not None and (family != "asic" or not 0 < memory_um2_per_bit < 1e6):
            raise TilewrightError("--memory-um2-per-bit must be more than 0, and is for --target asic")
        return cls(
            family,  # type: ignore[arg-type]  # checked above
            known.get(device or _DEFAULT.get(family, "")),
            tuple(liberty),
            memory_um2_per_bit,
        )

    @property
    def name(self) -> str:
        """As on the command line."""
        return f"{self.family}-{self.device.name}" if self.device else self.family

    @property
    def verilog_family(self) -> Family:
        """Whose primitives the Verilog may instantiate."""
        return "generic" if self.family == "asic" else self.family


def family_of(name: str) -> Family:
    """Return whose primitives the Verilog for a target may instantiate; see `ReportTarget.parse`."""
    _check(name)
    family = name.partition("-")[0]
    return "generic" if family == "asic" else family  # type: ignore[return-value]  # checked above


def _check(name: str) -> None:
    if name not in (*TARGETS, *_DEFAULT):
        close = difflib.get_close_matches(name, TARGETS, 1, 0.4)
        hint = f"; nearest: {close[0]}" if close else ""
        raise TilewrightError(f"--target {name}: must be one of {', '.join(TARGETS)}{hint}")
