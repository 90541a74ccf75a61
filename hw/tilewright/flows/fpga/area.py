"""The resources of a design on an FPGA family, counted by Yosys."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilewright.base import Device, Family, TilewrightError
from tilewright.flows import Hierarchy, owners

__all__ = [
    "LUT4_EQUIVALENTS",
    "Area",
    "DoesNotFitError",
    "ModuleArea",
    "ModuleAreas",
    "areas_by_module",
    "check_fits",
    "count_cells",
    "total_area",
]

LUT4_EQUIVALENTS = """\
LUT4-equivalents count logic in 4-input LUTs, so that targets compare:
  generic  a $lut of up to 4 inputs is 1; there are no carry cells
  ecp5     a LUT4 is 1, a CCU2C 2 (two LUT4 and their carry), a TRELLIS_DPR16X4 6 (with its write port)
  ice40    an SB_LUT4 is 1; an SB_CARRY sits in the cell of a LUT and counts 0
  xc7      a LUT1 to LUT4 is 1, a LUT5 2, a LUT6 4 (by its 64 bits), a LUT used as memory or shift
           register 4; a CARRY4 sits behind counted LUTs and counts 0"""

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
        "spram": {"SB_SPRAM256KA": 1},
    },
    "xc7": {
        "lut4": {"INV|LUT[1-4]": 1, "LUT5": 2, "LUT6": 4, "SRL.*|RAM(32|64|128|256).*": 4},
        "carry": {"CARRY4": 1},
        "ff": {"FD[RSCP]E.*": 1},
        "dsp": {"DSP48E1": 1},
        "bram": {"RAMB18E1": 1, "RAMB36E1": 2},
    },
}
_COLUMNS = {"lut4": "LUT4", "ff": "flip-flops", "dsp": "DSP blocks", "bram": "block RAMs", "spram": "single-port RAMs"}
# Synthesis leaves these without a place on the chip, or they are parts of what is counted.
_FREE = re.compile(
    r"\$scopeinfo|PFUMX|L6MUX21|MUXF[78]|BUFG|IBUF|OBUF|GND|VCC|VHI|VLO|"
    r"EHXPLLL|ODDRX1F|TRELLIS_IO|SB_PLL40_PAD"  # around a board's system
)


@dataclass(frozen=True)
class Area:
    """The resources of a design.

    ``lut4`` is in LUT4-equivalents (`LUT4_EQUIVALENTS`); the others count cells: carry chain cells, flip-flops,
    DSP blocks, block RAMs (RAMB36E1 as two). ``multipliers`` is how many multipliers the design has, 0 if none.
    ``spram`` counts the large RAMs of an iCE40UP, which only a board's system has; `report` leaves them out.
    """

    lut4: int
    carry: int
    ff: int
    dsp: int
    bram: int
    multipliers: int
    spram: int = 0

    def report(self) -> dict[str, dict[str, float]]:
        """Return the counts as ``total`` and, where there are multipliers, ``per_multiplier``."""
        total = {name: getattr(self, name) for name in ("lut4", "carry", "ff", "dsp", "bram")}
        if not self.multipliers:
            return {"total": total}
        return {"total": total, "per_multiplier": {name: value / self.multipliers for name, value in total.items()}}


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

    def report(self) -> dict[str, Any]:
        """Return the part ``area`` of a report, see `FlowResults`."""
        modules = [
            {"name": m.name, "instances": m.instances, **m.area.report()["total"], "memory_bits": m.memory_bits}
            for m in self.modules
        ]
        total = self.total.report()["total"] | {"memory_bits": self.memory_bits}
        return {"total": total, "multipliers": self.total.multipliers, "modules": modules}


def total_area(netlist: Mapping[str, Any], family: Family, multipliers: int = 0) -> Area:
    """Count the cells of a flat netlist, as Yosys writes it for a family."""
    return count_cells(Counter(cell["type"] for cell in netlist["cells"].values()), family, multipliers)


def areas_by_module(netlist: dict[str, Any], hierarchy: Hierarchy, family: Family, multipliers: int = 0) -> ModuleAreas:
    """Count the cells of a flat netlist by the module that they belong to, see `hierarchy.owners`."""
    branches = {path: hierarchy.branch(path) for path in hierarchy.kinds}
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    owner = owners(netlist, hierarchy)
    for name, cell in netlist["cells"].items():
        cells[branches[owner[name]]][cell["type"]] += 1
    bits: Counter[str] = Counter()
    for path, number in hierarchy.memory_bits.items():
        bits[branches[path]] += number
    instances = Counter(branches.values())
    modules = [
        ModuleArea(branch, instances[branch], count_cells(cells[branch], family), bits[branch])
        for branch in sorted(instances)
    ]
    return ModuleAreas(total_area(netlist, family, multipliers), bits.total(), modules)


def count_cells(cells: Mapping[str, int], family: Family, multipliers: int = 0) -> Area:
    """Count cells, given as how many there are of each type.

    Raises
    ------
    AssertionError
        If a type is unknown: nothing may count as nothing.
    """
    totals = dict.fromkeys(("lut4", "carry", "ff", "dsp", "bram", "spram"), 0)
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


class DoesNotFitError(TilewrightError):
    """A design that is larger than the device; the message says by how much."""


def check_fits(area: Area, device: Device) -> None:
    """Compare an area with what a device holds.

    Raises
    ------
    DoesNotFitError
        With every resource that is short, and by how much.
    """
    short = [
        f"{used:,} {_COLUMNS[name]} of {held:,} ({used - held:,} too many)"
        for name, held in device.resources.items()
        if (used := getattr(area, name)) > held
    ]
    if short:
        raise DoesNotFitError(f"the design does not fit {device.target} ({device.about}): it takes {', '.join(short)}")
