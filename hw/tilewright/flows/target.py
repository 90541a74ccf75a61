"""Targets of the flows: an FPGA family and device, or standard cells from Liberty files."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tilewright.base import DEFAULT_DEVICES, DEVICES, Device, Family, TilewrightError

__all__ = ["TARGETS", "ReportTarget", "family_of"]


TARGETS = ["generic", *DEVICES, "xc7", "nexus", "asic"]


@dataclass(frozen=True)
class ReportTarget:
    """What a flow measures for.

    Parameters
    ----------
    family : str
        One of `FAMILIES`, or ``asic``.
    device : Device or None
        For place and route.
    liberty : tuple of Path
        Of an asic: Liberty files that belong together, plain or compressed with gzip.
    memory_um2_per_bit : float or None
        Of an asic: area of a bit of memory in µm², macro and periphery; None leaves memories out of the sum.
    """

    family: Family | Literal["asic"]
    device: Device | None = None
    liberty: tuple[Path, ...] = ()
    memory_um2_per_bit: float | None = None

    @classmethod
    def parse(cls, name: str, liberty: Sequence[Path] = (), memory_um2_per_bit: float | None = None) -> "ReportTarget":
        """Return the target called ``name``, one of `TARGETS`, or a family for its device of `DEFAULT_DEVICES`.

        Raises
        ------
        TilewrightError
            If the target is unknown, or Liberty files are missing or not applicable.
        """
        _check(name)
        family = name.partition("-")[0]
        if family == "asic" and not liberty:
            raise TilewrightError("--target asic needs the standard cells: give --liberty FILE, once for each file")
        if family != "asic" and liberty:
            raise TilewrightError(f"--liberty is for --target asic, not for {name}")
        if memory_um2_per_bit is not None and (family != "asic" or not 0 < memory_um2_per_bit < 1e6):
            raise TilewrightError("--memory-um2-per-bit must be more than 0, and is for --target asic")
        return cls(
            family,  # type: ignore[arg-type]  # checked above
            DEVICES.get(name) or DEFAULT_DEVICES.get(name),
            tuple(liberty),
            memory_um2_per_bit,
        )

    @property
    def name(self) -> str:
        """As on the command line."""
        return self.device.target if self.device else self.family

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
    if name not in (*TARGETS, *DEFAULT_DEVICES):
        close = difflib.get_close_matches(name, TARGETS, 1, 0.4)
        hint = f"; nearest: {close[0]}" if close else ""
        raise TilewrightError(f"--target {name}: must be one of {', '.join(TARGETS)}{hint}")
