"""Points of the Verilog that no test has to reach, each with its reason: by name, or because of the Verilog itself."""

import re

from tilewright_sim.verify.rtl_coverage import CoveragePoint

from .tied import TIED, UNDEFINED_DEFAULT, UNDEFINED_PART, Verilog

__all__ = ["REASONS", "UNNEEDED", "waived"]

UNNEEDED: dict[str, str] = {
    r"toggle .*\b(m_axi_(ar|aw)(id|size|burst|lock|cache|prot|qos)|m_axi_[rb]id)\b": (
        "signals of AXI4 that have one value: identifier 0, the word's size, INCR"
    ),
    r"toggle .*\b(s_axil_(ar|aw)prot)\b": "an input that is not used",
}
"""Reasons by a pattern of ``KIND MODULE DETAIL``."""
REASONS = (*UNNEEDED.values(), UNDEFINED_DEFAULT, UNDEFINED_PART, TIED)


def waived(point: CoveragePoint, verilog: Verilog) -> str | None:
    """Return why a point of a Verilog file need not be reached, or None."""
    told = f"{point.kind} {point.module} {point.detail}"
    named = next((reason for pattern, reason in UNNEEDED.items() if re.search(pattern, told)), None)
    return named or verilog.unreachable(point) or None
