"""Points of the Verilog that no test has to reach, each with its reason."""

import re

from tilewright_sim.verify.rtl_coverage import CoveragePoint

__all__ = ["UNNEEDED", "waived"]

UNNEEDED: dict[str, str] = {
    r"toggle .*\b(m_axi_(ar|aw)(id|size|burst|lock|cache|prot|qos)|m_axi_[rb]id)\b": (
        "signals of AXI4 that have one value: identifier 0, the word's size, INCR"
    ),
    r"toggle .*\b(s_axil_(ar|aw)prot)\b": "an input that is not used",
}
"""Reasons by a pattern of ``KIND MODULE DETAIL``."""


def waived(point: CoveragePoint) -> str | None:
    """Return why a point need not be reached, or None."""
    told = f"{point.kind} {point.module} {point.detail}"
    return next((reason for pattern, reason in UNNEEDED.items() if re.search(pattern, told)), None)
