"""Map a core to the standard cells of Liberty files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.base import Config, TilewrightError
from tilewright.cores import Core
from tilewright.flows import Hierarchy, load_netlist, owners, read_hierarchy
from tilewright.tools import run_yosys
from tilewright.verilog import CLOCK_MHZ, generate

from .buffering import finish_netlist
from .full_adders import adder_cells, map_adders
from .liberty import LibCell, Library, evaluate, read_text

__all__ = ["MEMORY", "AsicNetlist", "Flop", "check_gates", "find_flop", "map_to_cells", "map_verilog"]

MEMORY = "$mem_v2"
# A memory under this name is unknown to technology mapping, which leaves it alone.
_BOX = "tilewright_memory"
_MAP = Path(__file__).with_name("asic_cells.v")
# Area is what it strives for: timing is checked afterwards, and the adders are where the time goes.
_ABC = "strash; &get -n; &fraig -x; &put; scorr; dc2; dch -f; map -B 0.9; topo; stime -p"


@dataclass(frozen=True)
class Flop:
    """A flip-flop at the rising edge: its pins, whether its output is inverted, and what its other pins are tied to."""

    cell: LibCell
    clock: str
    data: str
    output: str
    inverted: bool
    ties: dict[str, int]


@dataclass(frozen=True)
class AsicNetlist:
    """A core in library cells.

    Parameters
    ----------
    top : str
    module : dict
        The flat netlist, as written by Yosys' ``write_json``; its cells are library cells and memories (``$mem_v2``).
    library : Library
    flop : Flop
    hierarchy : Hierarchy
    owner : dict of str
        For each cell the path of its instance.
    buffers : int
        Put in behind cells that would drive too much.
    adders : str
        ``full adders`` of the library in chains, or ``lookahead`` in gates.
    """

    top: str
    module: dict[str, Any]
    library: Library
    flop: Flop
    hierarchy: Hierarchy
    owner: dict[str, str]
    buffers: int
    adders: str

    def area_of(self, cell: str) -> float:
        """Area of one cell; a memory has none here."""
        kind = self.library.cells.get(self.module["cells"][cell]["type"])
        return kind.area if kind else 0.0

    @property
    def cell_area(self) -> float:
        """Area of all library cells."""
        return sum(map(self.area_of, self.module["cells"]))

    def memory_bits(self, cell: str) -> int:
        """Bits of a memory, 0 for every other cell."""
        parameters = self.module["cells"][cell]["parameters"]
        if self.module["cells"][cell]["type"] != MEMORY:
            return 0
        return int(parameters["SIZE"], 2) * int(parameters["WIDTH"], 2)


def find_flop(library: Library) -> Flop:
    """Return the smallest flip-flop that is clocked by a rising edge and whose resets can be tied off.

    Raises
    ------
    TilewrightError
        If there is none.
    """
    for cell in library.usable():
        if not cell.ff or len(cell.state) != 2:
            continue
        clock = cell.ff.get("clocked_on", "").strip("() ")
        others = [pin.name for pin in cell.inputs if pin.name != clock]
        resets = [cell.ff[key] for key in ("clear", "preset") if key in cell.ff]
        next_state = cell.ff.get("next_state", "")
        for data in others:
            if clock not in cell.pins or next_state.strip("() ") not in (data, f"!{data}", f"{data}'"):
                continue
            rest = [name for name in others if name != data]
            ties = _ties(resets, rest)
            if ties is None:
                continue
            for pin in cell.outputs:
                function = pin.function.strip("() ")
                if function in cell.state:
                    inverted = (evaluate(next_state, {data: 0}) == 1) != (function == cell.state[1])
                    return Flop(cell, clock, data, pin.name, inverted, ties)
    names = ", ".join(file.name for file in library.files)
    raise TilewrightError(
        f"{names}: no flip-flop with a rising clock; give the Liberty file that holds the flip-flops as well"
    )


def check_gates(library: Library) -> None:
    """Refuse a library that lacks what any logic can be made of: an inverter, and a gate of two inputs.

    Raises
    ------
    TilewrightError
        If it does.
    """
    pairs = [(1, 1, 1, 0), (1, 0, 0, 0), (0, 0, 0, 1), (0, 1, 1, 1)]  # NAND, NOR, AND, OR
    if not library.gate(1, (1, 0)) or not any(library.gate(2, table) for table in pairs):
        names = ", ".join(file.name for file in library.files)
        raise TilewrightError(
            f"{names}: no inverter, or no gate of two inputs; give the Liberty files of gates as well"
        )


def _ties(resets: list[str], pins: list[str]) -> dict[str, int] | None:
    """Values that keep resets inactive; None if another pin would be left."""
    ties: dict[str, int] = {}
    for pin in pins:
        for value in (0, 1):
            try:
                if all(
                    evaluate(reset, {**dict.fromkeys(pins, 1 - value), **ties, pin: value}) == 0
                    for reset in resets
                    if pin in reset
                ) and any(pin in reset for reset in resets):
                    ties[pin] = value
                    break
            except KeyError:
                return None
        else:
            return None
    return ties


def map_to_cells(
    core: Core,
    config: Config,
    library: Library,
    folder: Path,
    *,
    fast: bool = False,
    clock_mhz: float = CLOCK_MHZ,
) -> AsicNetlist:
    """Synthesize a core to library cells, in ``folder``, which also keeps what the tools wrote.

    Products and sums become the library's full adders, where it has some; ``fast`` takes carry lookahead made of gates
    instead. Memories stay what they are. Nets with too large a load are buffered, resets and enables included; only the
    clock is ideal. ``clock_mhz`` is for the constraints written beside; mapping strives for area.

    Raises
    ------
    TilewrightError
        If the library has no flip-flop or too few gates.
    ToolError
        If Yosys is missing or fails.
    """
    flop = find_flop(library)
    check_gates(library)
    adders = {} if fast else adder_cells(library)
    generate(core, config, folder, clock_mhz=clock_mhz)
    return map_verilog(folder, core.module, library, flop, adders)


def map_verilog(folder: Path, top: str, library: Library, flop: Flop, adders: dict) -> AsicNetlist:
    """Map the Verilog ``{top}.v`` in ``folder``; see `map_to_cells`."""
    hierarchy = read_hierarchy(folder / f"{top}.v", top)
    (folder / _MAP.name).write_text(_MAP.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "flops.v").write_text(_flop_rule(flop), encoding="utf-8")
    (folder / "cells.v").write_text(_boxes(library), encoding="utf-8")
    (folder / "abc.script").write_text(_ABC.replace("; ", "\n") + "\n", encoding="utf-8")
    for number, file in enumerate(library.combinational):
        (folder / f"gates{number}.lib").write_text(read_text(file), encoding="utf-8")
    multiply = f"techmap -map {_MAP.name} t:$mul" if adders else "booth"
    adds = [f"techmap -map {_MAP.name}", "opt_expr", "techmap t:$fa %n"] if adders else ["techmap"]
    run_yosys(
        [
            f"read_verilog {top}.v", f"hierarchy -check -top {top}", "proc", "flatten", "opt", "opt_dff", "wreduce",
            "opt_clean", "peepopt", "opt", multiply, "alumacc", "maccmap", "share", "opt", "memory -nomap", "opt_clean",
            "opt -fast -full", f"chtype -set {_BOX} t:{MEMORY}", f"setparam -unset INIT t:{_BOX}", *adds,
            "opt -fast -full", "dfflegalize -cell $_DFF_P_ x", "opt_clean", "write_json coarse.json",
        ],
        folder,
    )  # fmt: skip
    design = json.loads((folder / "coarse.json").read_text(encoding="utf-8"))
    _direct_memories(design["modules"][top])
    if adders:
        map_adders(design["modules"][top], adders, flop.inverted)
    (folder / "adders.json").write_text(json.dumps(design), encoding="utf-8")
    gates = " ".join(f"-liberty gates{number}.lib" for number in range(len(library.combinational)))
    run_yosys(
        [
            "read_verilog -lib cells.v", "read_json adders.json", f"hierarchy -top {top}", "techmap -map flops.v",
            "simplemap", "opt_clean", f"abc {gates} -script abc.script", "opt_clean", "write_json mapped.json",
        ],
        folder,
    )  # fmt: skip
    module = load_netlist(folder / "mapped.json", top)
    module["cells"] = {name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"}
    _direct_memories(module)
    for cell in module["cells"].values():
        if cell["type"] == _BOX:
            cell["type"] = MEMORY
    buffers = finish_netlist(module, library, set(module["ports"].get("clk", {"bits": []})["bits"]))
    style = "full adders" if adders else "lookahead"
    return AsicNetlist(top, module, library, flop, hierarchy, owners(module, hierarchy), buffers, style)


def _direct_memories(module: dict[str, Any]) -> None:
    """Say which ports of memories are outputs: Yosys does not know it of a type that it does not know."""
    for cell in module["cells"].values():
        if cell["type"] == _BOX:
            cell["port_directions"] = {port: "output" if port == "RD_DATA" else "input" for port in cell["connections"]}


def _flop_rule(flop: Flop) -> str:
    """Techmap rule from ``$_DFF_P_`` to the flip-flop; an inverted output is made good at the data input, where the
    inverter often goes into the gate before it."""
    ties = "".join(f", .{pin}(1'b{value})" for pin, value in flop.ties.items())
    return (
        '(* techmap_celltype = "$_DFF_P_" *)\n'
        "module tilewright_flop(input D, input C, output Q);\n"
        f"  {flop.cell.name} _TECHMAP_REPLACE_ (.{flop.data}({'~' if flop.inverted else ''}D), .{flop.clock}(C), "
        f".{flop.output}(Q){ties});\n"
        "endmodule\n"
    )


def _boxes(library: Library) -> str:
    """The library's cells as black boxes, so that Yosys knows directions."""
    return "\n".join(
        f"(* blackbox *) module {cell.name}("
        + ", ".join(f"{p.direction} {p.name}" for p in cell.pins.values() if p.direction in ("input", "output"))
        + "); endmodule"
        for cell in library.cells.values()
    )
