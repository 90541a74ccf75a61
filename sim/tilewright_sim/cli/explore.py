"""The command ``explore``."""

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tilewright.base import TilewrightError, check_folder, missing_package, write_files
from tilewright.cores import CORES
from tilewright.flows import ReportTarget
from tilewright.flows.asic import find_opensta, read_libraries
from tilewright.tools import NEXTPNR, YOSYS
from tilewright_sim.console import Printer, console
from tilewright_sim.explore import (
    DEFAULT_MHZ,
    DEFAULT_SHAPES,
    Cache,
    Exploration,
    Task,
    check_page,
    generator_digest,
    load_sweep,
    measure,
    page,
    result_table,
    skipped_table,
)
from tilewright_sim.models.cycles import Bus
from tilewright_sim.workers import Outcome, cluster, run_tasks

from .common.options import (
    bandwidth_option,
    freq_option,
    jobs_option,
    latency_option,
    liberty_option,
    memory_area_option,
    only_with,
    output_option,
    preset_option,
    scheduler_option,
    seeds_option,
    set_option,
    shape_option,
    target_option,
    toml_option,
)
from .common.status import FAILED, INTERRUPTED

__all__ = ["explore"]

_MEASURES = {"area": "area", "fmax": "timing", "energy": "power", "cycles": "cycles"}
_RULE = (
    "The bottleneck of a point is the clock, if a requested clock was not reached; otherwise a resource that works in "
    "at least 95 % of the cycles; otherwise the knob that saves most cycles when it alone is doubled in the cycle "
    "model, if it saves at least 5 %; otherwise the latency of the memory and of the pipelines."
)


@click.command()
@click.argument("core", metavar="CORE", type=click.Choice(["tile", "accelerator"]))
@click.option("--sweep", "sweeps", multiple=True, metavar="FIELD=V,V,…", help="Values of a field to try. Repeatable.")
@preset_option()
@toml_option
@set_option
@target_option(default="ecp5")
@liberty_option
@memory_area_option
@click.option(
    "--measure",
    "measures",
    default="area,cycles",
    show_default=True,
    help="What to measure, separated by commas: area, fmax, energy, cycles.",
)
@shape_option
@freq_option
@seeds_option(default=1)
@latency_option(default=64)
@bandwidth_option
@output_option(default=Path("build/explore"), show_default=True)
@jobs_option
@scheduler_option
@click.option("--fresh", is_flag=True, help="Measure again instead of using cached results.")
def explore(
    core: str, sweeps: tuple[str, ...], preset: str | None, path: Path | None, settings: tuple[str, ...],
    target: str, liberty: tuple[Path, ...], memory_um2_per_bit: float | None, measures: str,
    shapes: tuple[tuple[int, int, int], ...],
    freq: float | None, seeds: int, latency: int, bandwidth: float, output: Path, jobs: int | None,
    scheduler: str | None, fresh: bool,
) -> int:  # fmt: skip
    """Measure every combination of the swept fields of CORE (tile or accelerator), and show the Pareto front.

    Writes points.csv, points.json and explore.html (works offline) into the output folder. Results are cached: after
    Ctrl-C, or with more values, the same command continues where it stopped. Invalid combinations are listed and
    skipped. Fields of the preset, the file and --set are fixed; those of --sweep vary.

    Exit status: 0 all points measured, 1 some points failed, 2 invalid input, 130 interrupted by Ctrl-C or
    SIGTERM (the results so far are written).

    \b
    Examples:
      tilewright explore tile --sweep dot=1,2,4,8 --sweep rows=8,16 --sweep cols=4,8,16
      tilewright explore accelerator -p small --sweep data_bits=32,64 --sweep requant_lanes=2,4 --measure cycles
      tilewright explore tile -c sweep.toml --measure area,fmax,cycles --scheduler tcp://host:8786
    sweep.toml:
      [sweep]
      rows = [4, 8, 16]
      dot = [1, 4]
      [tile]
      multiplier = "dsp"
    """
    place = _target(target, liberty, memory_um2_per_bit)
    parts = _parts(measures, place)
    only_with("seeds", "with --measure fmax", "timing" in parts and place.family != "asic")
    only_with("liberty memory_um2_per_bit", "with --target asic", place.family == "asic")
    only_with("jobs", "without --scheduler", scheduler is None)
    sizes = tuple(dict.fromkeys(shapes)) or DEFAULT_SHAPES
    sweep = load_sweep(CORES[core].config, preset, path, settings, sweeps)
    check_page()
    _check_tools(parts, place, scheduler)
    check_folder(output)
    points, skipped = sweep.points()
    if skipped:
        console.print(skipped_table(skipped, len(points)))
    if not points:
        raise TilewrightError("no point of the sweep can be built: change its values; the list gives the reasons")
    bus = Bus(latency=latency, bandwidth=bandwidth)
    tasks = {
        point.number: Task(
            core=core, config=point.config, target=place, parts=parts, shapes=sizes, bus=bus, seeds=seeds,
            freq=freq, power_shape=sizes[0] if shapes else None, digest=generator_digest(),
        )
        for point in points
    }  # fmt: skip
    about = {
        "core": core, "target": place.name, "measure": measures, "fixed": dict(sweep.fixed), "rule": _RULE,
        "about": _about(parts, freq, seeds, bus, place),
    }  # fmt: skip
    results = Exploration(points, skipped, tasks, list(sweep.axes))
    status = _run(results, tasks, Cache(), fresh, scheduler, jobs or os.cpu_count() or 1, output, about)
    Printer().print(result_table(results))
    return status


def _run(
    results: Exploration, tasks: dict[int, Task], cache: Cache, fresh: bool, scheduler: str | None, jobs: int,
    output: Path, about: dict[str, Any],
) -> int:  # fmt: skip
    """Measure the points that are not cached; write all results, also after a failure; return the exit status."""
    open_tasks = {}
    for number, task in tasks.items():
        known = {} if fresh else cache.load(task)
        results.add(number, known)
        missing = [part for part in task.parts if part not in known]
        if missing:
            open_tasks[number] = task.only(missing)
    if len(open_tasks) < len(tasks):
        console.print(f"{len(tasks) - len(open_tasks)} of {len(tasks)} points are known already", highlight=False)

    measured = 0

    def done(number: int, outcome: Outcome) -> None:
        nonlocal measured
        measured += 1
        cache.store(tasks[number], outcome.values)
        results.add(number, outcome.values, outcome.error)

    interrupted = False
    terminate = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # batch systems send SIGTERM: treat it like Ctrl-C
    try:
        if open_tasks:
            workers = min(jobs, len(open_tasks))
            with cluster(scheduler, workers) as client:
                run_tasks(client, open_tasks, done, measure, len(tasks))
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: the same command continues from here", highlight=False)
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second signal must not lose results
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            failed = isinstance(sys.exc_info()[1], TilewrightError)
            if measured or not failed:  # if the scheduler cannot be reached, earlier files stay as they are
                _write(results, output, about)
        finally:
            signal.signal(signal.SIGINT, before)
            signal.signal(signal.SIGTERM, terminate)
    if interrupted:
        return INTERRUPTED
    for number, error in results.errors.items():
        console.print(f"point {number} failed: {error}", highlight=False)
    return FAILED if results.errors else 0


def _write(results: Exploration, output: Path, about: dict[str, Any]) -> None:
    exploration = results.to_json(about)
    files = {
        "points.csv": results.to_csv(),
        "points.json": json.dumps(exploration, indent=1) + "\n",
        "explore.html": page(exploration),
    }
    for file in write_files(output, files):
        console.print(str(file), highlight=False)


def _target(name: str, liberty: Sequence[Path], memory_um2_per_bit: float | None) -> ReportTarget:
    for file in liberty:
        if not os.access(file, os.R_OK) or file.is_dir():
            raise TilewrightError(f"cannot read {file}: {'it is a folder' if file.is_dir() else 'no such file'}")
    return ReportTarget.parse(name, [file.resolve() for file in liberty], memory_um2_per_bit)


def _parts(measures: str, target: ReportTarget) -> tuple[str, ...]:
    names = [name.strip() for name in measures.split(",")]
    for name in names:
        if name not in _MEASURES:
            raise TilewrightError(f"--measure {measures}: {name!r} is not one of {', '.join(_MEASURES)}")
    if "fmax" in names and target.family != "asic" and target.device is None:
        raise TilewrightError(f"--measure fmax: there is no place and route for {target.name}; try --target ecp5")
    if "energy" in names and target.family != "asic":
        raise TilewrightError(f"--measure energy: not for {target.name}; give --target asic and --liberty FILE")
    return tuple(part for name, part in _MEASURES.items() if name in names)


def _check_tools(parts: Sequence[str], target: ReportTarget, scheduler: str | None) -> None:
    """Fail before the first point rather than at each point; remote workers check for themselves."""
    if importlib.util.find_spec("distributed") is None:
        raise missing_package("Dask", "explore")
    if set(parts) == {"cycles"}:
        return
    if target.family == "asic":
        read_libraries(target.liberty)
    if scheduler:
        return
    YOSYS.find("explore")
    if target.family == "asic":
        find_opensta()
    elif "timing" in parts:
        NEXTPNR[target.family].find()


def _about(parts: Sequence[str], freq: float | None, seeds: int, bus: Bus, target: ReportTarget) -> str:
    if "timing" in parts:
        placed = (
            "" if target.family == "asic" else f", the median of {seeds} placements" if seeds > 1 else ", placed once"
        )
        clock = f"Throughput is at each point's Fmax{placed}."
    else:
        given = f"{freq:g} MHz" if freq else f"{DEFAULT_MHZ:g} MHz, as none was given"
        clock = f"Throughput is at a clock of {given}: Fmax was not measured."
    return (
        f"{clock} Cycles are the cycle model's, of an accelerator with a memory latency of {bus.latency} cycles and "
        f"{bus.bandwidth:g} beats per cycle. Peak throughput is that of all multipliers busy."
    )
