"""The resources of a design on an FPGA family, counted by Yosys."""

import re
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from tilewright.base import Config, Family
from tilewright.cores import Core
from tilewright.flows import load_netlist, owners, read_hierarchy
from tilewright.tools import run_yosys
from tilewright.verilog import generate

__all__ = ["LUT4_EQUIVALENTS", "SYNTHESIS", "Area", "ModuleArea", "ModuleAreas", "measure_area", "measure_modules"]

LUT4_EQUIVALENTS = """\
LUT4-equivalents count logic in 4-input LUTs, so that targets compare:
  generic  a $lut of up to 4 inputs is 1; there are no carry cells
  ecp5     a LUT4 is 1, a CCU2C 2 (two LUT4 and their carry), a TRELLIS_DPR16X4 6 (with its write port)
  ice40    an SB_LUT4 is 1; an SB_CARRY sits in the cell of a LUT and counts 0
  xc7      a LUT1 to LUT4 is 1, a LUT5 2, a LUT6 4 (by its 64 bits), a LUT used as memory or shift
           register 4; a CARRY4 sits behind counted LUTs and counts 0"""

# Never `synth_ice40 -dsp`: Yosys 0.70 takes each SB_MAC16 for one 16-bit multiplier of its own making, and sets its
# parameters anew. A `MultiplierPair` then computes something else, and no message says so.
SYNTHESIS: dict[Family, str] = {
    "generic": "synth -flatten -lut 4",
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40",
    "xc7": "synth_xilinx -flatten -noiopad",
}

# What each cell type counts, by column of the report; patterns match the whole type.
_COUNTS: dict[Family, dict[str, dict[str, int]]] = {
    "generic": {"lut4": {r"\$lut": 1}, "ff": {r"\$_(S?DFF|ALDFF|DLATCH).*": 1}},
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
        "lut4": {"INV|LUT[1-4]": 1, "LUT5": 2, "LUT6": 4, "SRL.*|RAM(32|64|128|256).*": 4},
        "carry": {"CARRY4": 1},
        "ff": {"FD[RSCP]E.*": 1},
        "dsp": {"DSP48E1": 1},
        "bram": {"RAMB18E1": 1, "RAMB36E1": 2},
    },
}
# Synthesis leaves these without a place on the chip, or they are parts of what is counted.
_FREE = re.compile(r"\$scopeinfo|PFUMX|L6MUX21|MUXF[78]|BUFG|IBUF|OBUF|GND|VCC|VHI|VLO")


@dataclass(frozen=True)
class Area:
    """The resources of a design.

    ``lut4`` is in LUT4-equivalents (`LUT4_EQUIVALENTS`); the others count cells: carry chain cells, flip-flops,
    DSP blocks, block RAMs (RAMB36E1 as two). ``multipliers`` is how many multipliers the design has, 0 if none.
    """

    lut4: int
    carry: int
    ff: int
    dsp: int
    bram: int
    multipliers: int

    def report(self) -> dict[str, dict[str, float]]:
        """Return the counts as ``total`` and, where there are multipliers, ``per_multiplier``."""
        total = {name: value for name, value in asdict(self).items() if name != "multipliers"}
        if not self.multipliers:
            return {"total": total}
        return {"total": total, "per_multiplier": {name: value / self.multipliers for name, value in total.items()}}


def measure_area(core: Core, config: Config, family: Family) -> Area:
    """Synthesize a core for a family and count its cells.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    return measure_modules(core, config, family).total


@dataclass(frozen=True)
class ModuleArea:
    """The resources of a module's instances at one level of the hierarchy, without their children.

    Parameters
    ----------
    name : str
        Kinds from the top, as ``tile/column_block/column``.
    instances : int
    area : Area
    memory_bits : int
        Bits of memories as written in the Verilog, whatever they became.
    """

    name: str
    instances: int
    area: Area
    memory_bits: int


@dataclass(frozen=True)
class ModuleAreas:
    """A design's area, in total and by module: the modules add up to the total."""

    total: Area
    memory_bits: int
    modules: list[ModuleArea]


def measure_modules(core: Core, config: Config, family: Family) -> ModuleAreas:
    """Synthesize a core for a family, flat, and count its cells by the module that they belong to.

    Which cell belongs where says `hierarchy.owners`.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        generate(core, config, folder, family)
        verilog = f"{core.module}.v"
        run_yosys(
            [f"read_verilog {verilog}", f"{SYNTHESIS[family]} -top {core.module}", "write_json netlist.json"], folder
        )
        hierarchy = read_hierarchy(folder / verilog, core.module)
        netlist = load_netlist(folder / "netlist.json", core.module)
    multipliers = getattr(config, "rows", 0) * getattr(config, "cols", 0)
    branches = {path: hierarchy.branch(path) for path in hierarchy.kinds}
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    owner = owners(netlist, hierarchy)
    for name, cell in netlist["cells"].items():
        cells[branches[owner[name]]][cell["type"]] += 1
    total = _count(dict(sum(cells.values(), Counter())), family, multipliers)
    bits: Counter[str] = Counter()
    for path, number in hierarchy.memory_bits.items():
        bits[branches[path]] += number
    instances = Counter(branches.values())
    modules = [
        ModuleArea(branch, instances[branch], _count(dict(cells[branch]), family, 0), bits[branch])
        for branch in sorted(instances)
    ]
    return ModuleAreas(total, bits.total(), modules)


def _count(cells: dict[str, int], family: Family, multipliers: int) -> Area:
    totals = dict.fromkeys(("lut4", "carry", "ff", "dsp", "bram"), 0)
    for cell, number in cells.items():
        known = bool(_FREE.fullmatch(cell))
        for column, patterns in _COUNTS[family].items():
            for pattern, weight in patterns.items():
                if re.fullmatch(pattern, cell):
                    totals[column] += weight * number
                    known = True
        if not known:
            raise AssertionError(f"area report for {family} does not know the cell {cell}")
    return Area(**totals, multipliers=multipliers)
