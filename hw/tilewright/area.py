"""How much a design takes on an FPGA family, counted by Yosys."""

import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from .config import Config
from .products import Product
from .target import Family
from .verilog import generate
from .yosys import run_yosys

__all__ = ["LUT4_EQUIVALENTS", "Area", "measure_area"]

LUT4_EQUIVALENTS = """\
LUT4-equivalents count logic in 4-input LUTs, so that targets and carry chains compare:
  generic  a $lut of up to 4 inputs is 1; there are no carry cells
  ecp5     a LUT4 is 1, a CCU2C 2 (it is two LUT4 and their carry), a TRELLIS_DPR16X4 6 (with its write port)
  ice40    an SB_LUT4 is 1; an SB_CARRY shares the cell of a LUT and counts 0, or 1 where there are more of them
  xc7      a LUT1 to LUT4 is 1, a LUT5 2, a LUT6 4 (by its 64 bits); a CARRY4 sits behind counted LUTs and counts 0"""

# For each family: how it is synthesized, and which cells are what. A pattern matches the whole cell type;
# the number is what one cell counts.
_FLOWS: dict[str, str] = {
    "generic": "synth -flatten -lut 4 -top {top}",
    "ecp5": "synth_ecp5 -top {top}",
    "ice40": "synth_ice40 -top {top}",
    "ice40-dsp": "synth_ice40 -dsp -top {top}",
    "xc7": "synth_xilinx -flatten -noiopad -top {top}",
}
_CELLS: dict[Family, dict[str, dict[str, float]]] = {
    "generic": {
        "lut4": {r"\$lut": 1},
        "ff": {r"\$_S?DFF.*|\$_DLATCH.*": 1},
    },
    "ecp5": {
        "lut4": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        "carry": {"CCU2C": 1},
        "ff": {"TRELLIS_FF": 1},
        "dsp": {"MULT18X18D": 1, "ALU54B": 1},
        "bram": {"DP16KD": 1, "PDPW16KD": 1},
    },
    "ice40": {
        "lut4": {"SB_LUT4": 1},
        "carry": {"SB_CARRY": 1},
        "ff": {"SB_DFF.*": 1},
        "dsp": {"SB_MAC16": 1},
        "bram": {"SB_RAM40.*": 1},
    },
    "xc7": {
        "lut4": {"LUT[1-4]": 1, "LUT5": 2, "LUT6": 4, "SRL16E": 1, "SRLC32E": 4, "RAM.*": 4},
        "carry": {"CARRY4": 1},
        "ff": {"FD[RSCP]E": 1},
        "dsp": {"DSP48E1": 1},
        "bram": {"RAMB18E1": 1, "RAMB36E1": 2},
    },
}
