"""Generate a core, compile it, and run its bench, in several simulators at once."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tilewright.base import Config, Family, ToolError
from tilewright.cores import Core
from tilewright_sim.benches import BENCHES, CONFIG_FILE, COVERAGE_FILE, EFFORT, LONGEST
from tilewright_sim.testbench.runner import BenchResult, BenchRun, Simulation, plain_text, simulator_environment

from .plan import matching
from .report import Report, VerifiedTest
from .rtl_coverage import read_points
from .sources import write_sources

__all__ = ["Settings", "verify"]

Progress = Callable[[str, int, int], None]
"""Called with what is done, and how many tests have ended of how many."""
POLL_SECONDS = 0.2
EXPLAINED = 3
"""Failed tests that are run again, with smaller sizes and for a waveform, at most."""
LIMITS = (32, 16, 8, 4, 2, 1)
"""Of random sizes, tried until a test passes."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to run the regression.

    Parameters
    ----------
    folder : Path
        Where Verilog, compiled designs, logs and waveforms go.
    simulator : str
        A simulator that cocotb knows.
    family : str
        Target of the Verilog.
    seed : int
    effort : str
        ``quick``, ``default`` or ``long``.
    tests : str or None
        Which tests; see `matching`.
    jobs : int
        Simulations at once.
    longest : int or None
        Largest size of what is random.
    rtl_coverage : bool
        Whether to count lines, branches and toggles of the Verilog; with Verilator only.
    """

    folder: Path
    simulator: str = "verilator"
    family: Family = "generic"
    seed: int = 1
    effort: str = "default"
    tests: str | None = None
    jobs: int = 2
    longest: int | None = None
    rtl_coverage: bool = False


def verify(
    core: Core, config: Config, settings: Settings, progress: Progress = lambda what, done, count: None
) -> Report:
    """Run the tests of a core on one configuration; those that fail are run again to leave a waveform.

    Raises
    ------
    TilewrightError
        If no test matches, the simulator is missing or cannot compile the Verilog, or the folder cannot be written.
    """
    simulator_environment(settings.simulator)
    names = matching(core, config, settings.tests)
    progress("generating Verilog", 0, len(names))
    folder = settings.folder.absolute()
    sources = write_sources(core, config, folder / "verilog", settings.family)
    run = BenchRun(
        simulator=settings.simulator,
        top=core.module,
        sources=sources,
        bench=BENCHES[core.name],
        builds=folder / "builds",
        folder=folder / "runs",
        variables=_variables(folder / "verilog" / "config.json", settings),
        seed=settings.seed,
        limit_seconds=None,
        coverage=settings.rtl_coverage,
    )
    progress(f"compiling for {settings.simulator}", 0, len(names))
    build, _ = run.build(waves=False)
    shares = [names[n :: settings.jobs] for n in range(min(settings.jobs, len(names)))]
    runs = [_part(run, str(n + 1), share) for n, share in enumerate(shares)]
    results = _simulate(runs, build, len(names), progress)
    found = {test.name: test for part, share in zip(results, shares, strict=True) for test in _tests(part, share, run)}
    report = Report(
        core=core.name,
        simulator=settings.simulator,
        target=settings.family,
        effort=settings.effort,
        config=config.described(),
        tests=[found[name] for name in names],
        coverage=_coverage(runs),
        rtl=read_points(run.coverage_file for run in runs if run.coverage_file.exists()),
    )
    for number, test in enumerate(report.failures[:EXPLAINED]):
        again = _part(run, f"failed-{number + 1}", [test.name])
        progress(f"looking for a smaller case of {test.name}", len(names), len(names))
        smallest, again = _shrunk(test, again, build, settings.longest)
        progress(f"running {test.name} again for a waveform", len(names), len(names))
        report = report.updated(replace(smallest, waveform=_waveform(again)))
    return report


def _variables(config_file: Path, settings: Settings) -> dict[str, str]:
    limit = {LONGEST: str(settings.longest)} if settings.longest else {}
    return {CONFIG_FILE: str(config_file), EFFORT: settings.effort, **limit}


def _part(run: BenchRun, name: str, tests: list[str]) -> BenchRun:
    """The run of some of the tests."""
    wanted = "|".join(map(re.escape, tests))
    folder = run.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    coverage = folder / "coverage.json"
    coverage.unlink(missing_ok=True)
    variables = run.variables | {COVERAGE_FILE: str(coverage)}
    return replace(run, folder=folder, variables=variables, test_filter=rf"^{re.escape(run.bench)}\.({wanted})$")


def _simulate(runs: list[BenchRun], build: Path, count: int, progress: Progress) -> list[BenchResult]:
    """Run all of them to their ends; whatever ends this call earlier ends them."""
    started: list[Simulation] = []
    try:
        for run in runs:
            started.append(run.start(build))
        while any(simulation.running for simulation in started):
            texts = [plain_text(simulation.log) for simulation in started]
            progress(_current(texts), sum(map(_ended, texts)), count)
            time.sleep(POLL_SECONDS)
        return [simulation.wait() for simulation in started]
    except BaseException:
        for simulation in started:
            simulation.stop()
        raise


def _ended(text: str) -> int:
    return len(re.findall(r"cocotb\.regression +(?:\S+ (?:passed|failed)|skipping )", text))


def _current(texts: list[str]) -> str:
    names = [re.findall(r"running \S*?\.?([^\s.]+) \(", text)[-1:] for text in texts]
    return ", ".join(name for found in names for name in found) or "starting the simulator"


def _tests(result: BenchResult, wanted: list[str], run: BenchRun) -> list[VerifiedTest]:
    """The results of the tests of one part, with those that the simulation did not come to."""
    found = {test.name: test for test in result.tests}
    tests = []
    for name in wanted:
        test = found.get(name)
        tests.append(
            VerifiedTest(
                name=name,
                seed=run.seed,
                status=test.status if test else "not run",
                seconds=test.seconds if test else 0.0,
                cycles=test.cycles if test else 0,
                message=test.message if test else result.failure or "",
                log=result.log,
            )
        )
    return tests


def _coverage(runs: list[BenchRun]) -> Counter[str]:
    total: Counter[str] = Counter()
    for run in runs:
        file = Path(run.variables[COVERAGE_FILE])
        if file.exists():
            total.update(json.loads(file.read_text(encoding="utf-8")))
    return total


def _shrunk(test: VerifiedTest, run: BenchRun, build: Path, longest: int | None) -> tuple[VerifiedTest, BenchRun]:
    """The test, and its run, with the smallest sizes of the same seed with which it still fails."""
    test = replace(test, longest=longest)
    for limit in LIMITS:
        if longest is not None and limit >= longest:
            continue
        smaller = replace(run, variables=run.variables | {LONGEST: str(limit)})
        (result,) = _tests(smaller.simulate(build), [test.name], smaller)
        if not result.failed:
            break
        test, run = replace(result, longest=limit), smaller
    return test, run


def _waveform(run: BenchRun) -> Path | None:
    """Run a test again; return its waveform, None if it cannot be had."""
    try:
        build, waveform = run.build(waves=True)
    except ToolError:
        return None
    run.simulate(build, waveform)
    return waveform if waveform and os.path.exists(waveform) else None
