"""One bench on one design."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cocotb_tools.config

from tilewright.base import ToolError
from tilewright_sim.verilated import plain_scratch

from .results import BenchResult, plain_text
from .simulation import Simulation
from .simulators import MAKE_FLAGS, SIMULATORS, runner, runner_environment, simulator_environment

__all__ = ["BenchRun", "locked"]

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class BenchRun:
    """One bench on one design: how to compile it, and how to simulate it.

    Parameters
    ----------
    simulator : str
    top : str
        Name of the Verilog module.
    sources : list of Path
    bench : str
        Name of the module with the cocotb tests.
    builds : Path
        Folder that caches compiled designs by their content.
    folder : Path
        Folder of the run: logs, results, waveforms.
    variables : dict of str
        Added to the environment of the bench.
    seed : int
    test_filter : str or None
        Regular expression for the full names of the tests to run.
    limit_seconds : int or None
        Simulations that take longer are killed; None for no limit.
    coverage : bool
        Whether to count lines, branches and toggles, with Verilator only: see `coverage_file`.
    """

    simulator: str
    top: str
    sources: list[Path]
    bench: str
    builds: Path
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    seed: int = 1
    test_filter: str | None = None
    limit_seconds: int | None = TIMEOUT_SECONDS
    coverage: bool = False

    def build(self, *, waves: bool) -> tuple[Path, Path | None]:
        """Compile the design unless it is cached; return its folder and the path of the waveform that a run will write.

        Raises
        ------
        ToolError
            If the simulator is missing or cannot compile the Verilog.
        """
        if not waves:
            return self._compile([]), None
        waveform = self.folder / "waves.fst"
        if self.simulator not in SIMULATORS:  # the simulator itself chooses the file in the folder of the run
            return self._compile([]), self.folder / "waves"
        if self.simulator == "icarus":
            return self._compile([], waves=True), waveform
        try:
            return self._compile(["--trace-fst"], waves=True), waveform
        except ToolError:  # FST needs zlib's headers, VCD does not
            return self._compile(["--trace-vcd"], waves=True), waveform.with_suffix(".vcd")

    def log(self, waves: bool = False) -> Path:
        """Return the path of the log of the simulation."""
        return self.folder / ("waves" if waves else "plain") / "log.txt"

    @property
    def coverage_file(self) -> Path:
        """The file in which Verilator leaves the coverage of a run without a waveform."""
        return self.log().with_name("coverage.dat")

    def simulate(self, build: Path, waveform: Path | None = None) -> BenchResult:
        """Run the bench to its end; write a waveform if a path is given."""
        return self.start(build, waveform).wait()

    def start(self, build: Path, waveform: Path | None = None) -> Simulation:
        """Start the bench in the background; otherwise the same as `simulate`."""
        log = self.log(waveform is not None)
        folder = log.parent
        folder.mkdir(parents=True, exist_ok=True)
        arguments: dict[str, Any] = {"waves": True} if waveform else {}
        if not waveform:
            self.coverage_file.unlink(missing_ok=True)
        if self.simulator == "verilator":
            # Registers start with random values in Verilator; in Icarus they start as X.
            arguments["test_args"] = ["+verilator+rand+reset+2", f"+verilator+seed+{self.seed}"]
            if waveform:
                arguments["test_args"] += ["--trace-file", str(waveform)]
        elif self.simulator == "icarus" and waveform:
            arguments["plusargs"] = [f"+dumpfile_path={waveform}"]
        limited = self.limit_seconds is not None and shutil.which("timeout")
        limit = {"SIM_CMD_PREFIX": f"timeout {self.limit_seconds}"} if limited else {}
        # A binary that was linked through another path to cocotb's libraries finds them with this.
        found = os.pathsep.join(
            filter(None, [str(cocotb_tools.config.libs_dir), os.environ.get("LD_LIBRARY_PATH", "")])
        )
        results = folder / "results.xml"
        with runner_environment(self._environment() | self.variables | limit | {"LD_LIBRARY_PATH": found}):
            cocotb = runner(self.simulator)
            cocotb.test(
                test_module=self.bench,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=build,
                test_dir=folder,
                results_xml=str(results),
                seed=self.seed,
                test_filter=self.test_filter,
                log_file=log,
                **arguments,
            )
            return Simulation(cocotb.noted, dict(cocotb.env), folder, log, results)

    def _environment(self) -> dict[str, str]:
        return simulator_environment(self.simulator)

    def _compile(self, extra: list[str], waves: bool = False) -> Path:
        environment = self._environment()
        flags = (["--x-initial", "unique", "--assert"] if self.simulator == "verilator" else []) + extra
        if self.simulator == "icarus" and any(path.name == f"{self.top}_checks.sv" for path in self.sources):
            flags += ["-s", f"{self.top}_bound"]  # a module of their own, since there is no `bind`
        flags += ["--coverage-line", "--coverage-toggle"] if self.coverage else []
        about = [self.simulator, self.top, flags, waves, MAKE_FLAGS, *_versions(environment)]
        content = hashlib.sha256(repr(about).encode())
        for path in self.sources:
            content.update(path.read_bytes())
        build = self.builds / f"{self.simulator}-{self.top}-{content.hexdigest()[:16]}"
        with locked(build):
            done = build / "done"
            if done.exists():
                return build
            shutil.rmtree(build, ignore_errors=True)
            log = self.builds / f"{build.name}.log"
            with (
                plain_scratch(build.parent, "tilewright-build") as work,
                runner_environment(environment),
            ):
                try:
                    runner(self.simulator).build(
                        sources=self.sources,
                        hdl_toplevel=self.top,
                        build_args=flags,
                        build_dir=work / "build",
                        timescale=("1ns", "1ns"),
                        waves=waves,
                        log_file=log,
                    )
                except (RuntimeError, SystemExit):
                    text = plain_text(log)
                    said = [line for line in text.splitlines() if "rror" in line] or text.splitlines() or ["no message"]
                    raise ToolError(f"{self.simulator} could not compile {self.top}: {said[0]}; see {log}") from None
                shutil.move(work / "build", build)
            done.touch()
        return build


def _versions(environment: dict[str, str]) -> list[str]:
    """Return what a compiled simulation depends on besides its sources and flags."""
    return [version("cocotb"), str(cocotb_tools.config.libs_dir), environment.get("VERILATOR_ROOT", "")]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process at a time create the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
