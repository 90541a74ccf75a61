"""Measure reports, and compare the tile in standard cells with a naive array."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, load_config
from tilewright.flows import ReportTarget
from tilewright.flows.asic import Library, adder_cells, find_flop, map_verilog, read_libraries
from tilewright.tile import TileConfig
from tilewright_sim.cost import Report, measure

from .libraries import libraries
from .results import Measurement

__all__ = ["NAIVE", "bench_report", "naive_area"]

NAIVE = Path(__file__).with_name("naive_array.v")


def naive_area(library: Library) -> float:
    """Return the cell area of the naive array in the same flow, in the unit of area of the library."""
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        (folder / NAIVE.name).write_text(NAIVE.read_text(encoding="utf-8"), encoding="utf-8")
        netlist = map_verilog(folder, "naive_array", library, find_flop(library), adder_cells(library))
        return netlist.cell_area


def bench_report() -> Iterator[Measurement]:
    """Measure reports; yield each result as soon as it is known. Takes about ten minutes on two cores.

    Libraries that are not installed are left out.

    Raises
    ------
    TilewrightError
        If no library is installed.
    """
    present = libraries()
    if not present:
        raise TilewrightError("no standard cells found: run `apt-get install qflow-tech-osu018`, or set TILEWRIGHT_PDK")
    if "asap7" in present:
        yield from _asap7(present["asap7"])
    for name, files in present.items():
        yield _against_naive(name, files)
    yield from _accelerator()


def _tile_on(files: tuple[Path, ...], freq: float | None, energy: bool) -> Report:
    config = load_config(TileConfig, "small")
    return measure("tile", config, ReportTarget.parse("asic", files), freq=freq, energy=energy)


def _asap7(files: tuple[Path, ...]) -> Iterator[Measurement]:
    report = _tile_on(files, 1000, True)
    command = "tilewright report tile --preset small --target asic --liberty … --freq 1000 --power"
    timing, power, area = report.timing or {}, report.power or {}, report.area["um2_per_multiplier"]
    yield Measurement(
        "asap7, 8×8 int8 tile at 1 GHz: cells per multiplier, timing met, only the clock net ideal",
        "≤ 50 µm², slack ≥ 0",
        f"{area:.1f} µm², slack {1000 * timing['slack_ns']:.0f} ps",
        area <= 50 and timing["met"],
        command,
    )
    yield Measurement(
        "asap7, 8×8 int8 tile at 1 GHz: energy on random data, cells only",
        "≤ 0.25 pJ per MAC",
        f"{power['pj_per_mac']:.3f} pJ per MAC ({power['total_mw']:.1f} mW)",
        power["pj_per_mac"] <= 0.25,
        command,
    )
    whole, parts = report.area["total"]["cell_um2"], sum(m["cell_um2"] for m in report.area["modules"])
    yield Measurement(
        "sum of the areas of the modules compared with the total, asap7 tile",
        "within 1 %",
        f"{abs(parts / whole - 1):.4%} off",
        abs(parts / whole - 1) <= 0.01,
        command,
    )


def _against_naive(name: str, files: tuple[Path, ...]) -> Measurement:
    ours = _tile_on(files, None, False).area["total"]["cell_um2"]
    naive = naive_area(read_libraries(files))
    return Measurement(
        f"{name}, 8×8 int8 tile against a naive array (`a * b` and 32 bits a cell) by the same flow: cell area",
        "< 1",
        f"{ours / naive:.3f} ({ours:,.0f} to {naive:,.0f} µm²)",
        ours < naive,
        "tilewright bench report",
    )


def _accelerator() -> Iterator[Measurement]:
    config = AcceleratorConfig.preset("small")
    for seeds, target, text in (((), 60, "without place and route"), ((1,), 360, "with place and route, one seed")):
        start = time.perf_counter()
        measure("accelerator", config, "ecp5-85k", seeds=seeds, shapes=[(64, 64, 64)])
        seconds = time.perf_counter() - start
        option = " --seeds 1" if seeds else ""
        yield Measurement(
            f"report of the 8×8 accelerator on ECP5, {text}",
            f"≤ {target} s",
            f"{seconds:.0f} s",
            seconds <= target,
            f"tilewright report accelerator --preset small --target ecp5-85k{option}",
        )
