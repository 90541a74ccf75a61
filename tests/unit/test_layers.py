"""The import rules: which rooms may import which, and through which files.

Hardware knows nothing of tools, tools nothing of simulation, simulation nothing of commands.
"""

import ast
import graphlib
import re
from functools import cache
from pathlib import Path

import tilewright
import tilewright_sim

# A room may import the rooms of earlier rows, by their faces. Rooms of the same row do not know each other.
ORDER = {
    tilewright: [
        "errors", "base", "formats", "bus storage arithmetic tools", "tile dma memory",
        "block_tile dma.single_beat memory.sdram",
        "accelerator.contract",
        "accelerator.registers accelerator.load accelerator.execute accelerator.epilogue accelerator.vector",
        "accelerator.frontend accelerator.store accelerator.compact accelerator.driver", "accelerator", "link",
        "boards", "cores", "verilog", "packaging", "flows", "flows.fpga flows.asic", "litex",
    ],
    tilewright_sim: [
        "packing closing console cache", "models workers", "models.cycles", "verilated", "testbench host",
        "testbench.cocotb testbench.runner host.serial benches.jobs", "nn nn.graph benches",
        "nn.importers benches.beside",
        "verify", "nn.digits nn.llm nn.networks", "cost scaling", "explore benchmarks soc", "cli",
    ],
}  # fmt: skip
RANK = {
    f"{package.__name__}.{room}": (package is tilewright_sim, row)
    for package, rows in ORDER.items()
    for row, rooms in enumerate(rows)
    for room in rooms.split()
}
NOT_IN_HARDWARE = {"click", "rich", "numpy", "tilewright_sim"}


def room(module: str) -> str:
    while module and module not in RANK:
        module = module.rpartition(".")[0]
    return module


@cache
def imports():
    """Return (importing module, imported module or name) for every import of both packages."""
    return tuple(_imports())


def _imports():
    for package in ORDER:
        root = Path(package.__file__).parent.parent
        for path in sorted(Path(package.__file__).parent.rglob("*.py")):
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            here = module.split(".")[:-1]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from ((module, name.name) for name in node.names)
                elif isinstance(node, ast.ImportFrom):
                    above = here[: len(here) - node.level + 1] if node.level else []
                    target = ".".join([*above, *([node.module] if node.module else [])])
                    whole = target in ("tilewright", "tilewright_sim")
                    yield from ((module, f"{target}.{name.name}" if whole else target) for name in node.names)


def test_rooms_import_only_rooms_below():
    for module, target in imports():
        source, wanted = room(module), room(target)
        if source and wanted and source != wanted:
            assert RANK[wanted] < RANK[source], f"{module} imports {target}"


def test_rooms_are_entered_by_their_face():
    for module, target in imports():
        if room(target) and room(module) and room(module) != room(target):
            assert target == room(target), f"{module} imports {target}: import it from {room(target)}"


def test_files_of_the_hardware_do_not_import_each_other_in_a_circle():
    """Not even for types alone. A package's face is no file of its own here: it imports what stands inside."""
    files = {module for module, _ in imports() if re.match(r"tilewright\.(?!.*__init__)", module)}
    edges = {module: set() for module in files}
    for module, target in imports():
        if module in files and target in files:
            edges[module].add(target)
    assert sum(map(len, edges.values())) > 50
    list(graphlib.TopologicalSorter(edges).static_order())  # raises `CycleError` with the circle


def test_every_file_has_a_room():
    for module, _ in imports():
        assert room(module) or module.endswith(".__init__"), module


def test_hardware_needs_no_simulation_and_no_console():
    for module, target in imports():
        if module.startswith("tilewright."):
            assert target.split(".")[0] not in NOT_IN_HARDWARE, f"{module} imports {target}"


def test_the_fast_selection_touches_every_room():
    """A room is touched by a file in the same place among the tests, or one that imports it."""
    tests = Path(__file__).parents[1]
    files = set()
    for line in (tests / "fast.txt").read_text(encoding="utf-8").split():
        path = tests.parent / line.partition("::")[0]
        files |= set(path.rglob("test_*.py")) if path.is_dir() else {path}
    touched = set()
    for path in files:
        kind, *place, name = path.relative_to(tests).with_suffix("").parts
        package = [] if kind == "unit" else ["tilewright"]
        touched.add(room(".".join([*package, *place, name.removeprefix("test_")])))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                touched |= {room(f"{node.module}.{name.name}") for name in node.names}
    assert sorted(set(RANK) - touched) == []


def test_every_file_says_what_it_is():
    for package in ORDER:
        for path in Path(package.__file__).parent.rglob("*.py"):
            about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert len(about.split()) >= 2, path


def test_private_doors_into_amaranth_are_in_one_file():
    doors = Path(tilewright.__file__).parent / "base" / "amaranth_doors.py"
    for package in ORDER:
        for path in Path(package.__file__).parent.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert path == doors or not re.search(r"amaranth\.\w+\._|amaranth\._|_MustUse", text), path
