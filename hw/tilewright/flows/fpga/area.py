"""The resources of a design on an FPGA family, counted by Yosys."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
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
           register 4; a CARRY4 sits behind counted LUTs and counts 0
  gowin    a LUT1 to LUT4 is 1, an ALU 1 (it takes a LUT's place), a RAM16SDP4 8 (it takes a whole CFU)
  nexus    a LUT4 is 1, a CCU2 2, a WIDEFN9 2 (two LUT4 and a multiplexer), a DPR16X4 6 (with its write port)
  gatemate half a CPE is 1: a CC_LUT1, CC_LUT2, CC_L2T4, CC_MX2 or CC_ADDF; a CC_L2T5 or CC_MX4 is 2, a CC_MX8 4;
           a CC_MULT is made of CPEs: one with a product of 16 bits is 226"""


def _multiplier_of_cpes(product_bits: int) -> int:
    """The halves of CPEs of a CC_MULT as nextpnr makes it, see its ``himbaechel/uarch/gatemate/pack_mult.cc``.

    Both factors are extended to the product's bits. There is a column for each two bits, of a cell for each two bits
    and five more, and one column for the first factor.
    """
    pairs = -(-product_bits // 2)
    return 2 * (pairs * (pairs + 5) + pairs + 1)


# Types whose size is a parameter: `_name` writes it behind the type.
_SIZES = {"CC_MULT": "P_WIDTH"}
# What each cell type counts, by column of the report, if it has a size as a function of it; patterns match the whole
# name.
_COUNTS: dict[Family, dict[str, dict[str, int | Callable[[int], int]]]] = {
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
    "gowin": {
        "lut4": {"LUT[1-4]|ALU": 1, "RAM16SDP4": 8},
        "carry": {"ALU": 1},
        "ff": {"DFFN?(S|R|P|C)?E?": 1},
        "dsp": {"MULT9X9": 1, "MULT18X18": 2, "MULT36X36": 8},
        "bram": {"(SP|SDP|DP)X?9?B?": 1},
    },
    "nexus": {
        "lut4": {"LUT4|INV": 1, "CCU2|WIDEFN9": 2, "DPR16X4": 6},
        "carry": {"CCU2": 1},
        "ff": {"FD1P3[BDIJ]X": 1},
        "dsp": {"MULT9X9|MULT18X18|MULTPREADD18X18|MULTADDSUB18X18": 1, "MULT18X36": 2, "MULT36X36": 4},
        "bram": {"(PDP|PDPSC|DP)16K": 1},
        "spram": {"DPSC512K": 1},
    },
    "gatemate": {
        "lut4": {
            "CC_LUT[1-4]|CC_L2T4|CC_MX2|CC_ADDF": 1, "CC_L2T5|CC_MX4": 2, "CC_MX8": 4,
            r"CC_MULT (?P<size>\d+)": _multiplier_of_cpes,
        },
        "carry": {"CC_ADDF": 1},
        "ff": {"CC_DFF": 1},
        "bram": {"CC_BRAM_20K": 1, "CC_BRAM_40K": 2},
    },
}  # fmt: skip
_COLUMNS = {"lut4": "LUT4", "ff": "flip-flops", "dsp": "DSP blocks", "bram": "block RAMs", "spram": "large RAMs"}
# Synthesis leaves these without a place on the chip, or they are parts of what is counted.
_FREE = re.compile(
    r"\$scopeinfo|PFUMX|L6MUX21|MUXF[78]|MUX2_LUT[5-8]|BUFG|IBUF|OBUF|GND|VCC|VHI|VLO|"
    r"IOBUF|TBUF|OBZ?|IB|BB|CC_(I|O|IO|TO)BUF|CC_BUFG|"  # pads of ports
    r"EHXPLLL|ODDRX1F|TRELLIS_IO|SB_PLL40_PAD|rPLL|ODDR"  # around a board's system
)


@dataclass(frozen=True)
class Area:
    """The resources of a design.

    ``lut4`` is in LUT4-equivalents (`LUT4_EQUIVALENTS`); the others count cells: carry chain cells, flip-flops,
    DSP blocks (on Gowin halves, of 9 x 9 bits), block RAMs (RAMB36E1 and CC_BRAM_40K as two). ``multipliers`` is how
    many multipliers the design has, 0 if none. ``spram`` counts the large RAMs of an iCE40UP or a Nexus, which only a
    board's system has; `report` leaves them out.
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
    return count_cells(Counter(map(_name, netlist["cells"].values())), family, multipliers)


def areas_by_module(netlist: dict[str, Any], hierarchy: Hierarchy, family: Family, multipliers: int = 0) -> ModuleAreas:
    """Count the cells of a flat netlist by the module that they belong to, see `hierarchy.owners`."""
    branches = {path: hierarchy.branch(path) for path in hierarchy.kinds}
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    owner = owners(netlist, hierarchy)
    for name, cell in netlist["cells"].items():
        cells[branches[owner[name]]][_name(cell)] += 1
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
    """Count cells, given as how many there are of each type; a type of `_SIZES` has its size behind it.

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
                if match := re.fullmatch(pattern, cell):
                    totals[column] += number * (weight if isinstance(weight, int) else weight(int(match["size"])))
                    known = True
        if not known:
            raise AssertionError(f"area report for {family} does not know the cell {cell}")
    return Area(**totals, multipliers=multipliers)


def _name(cell: Mapping[str, Any]) -> str:
    """A cell's type, and its size if it is one of `_SIZES`."""
    size = _SIZES.get(cell["type"])
    return f"{cell['type']} {int(cell['parameters'][size], 2)}" if size else cell["type"]


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
