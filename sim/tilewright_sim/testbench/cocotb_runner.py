"""Run cocotb benches on generated Verilog, in Verilator or in Icarus Verilog."""

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import cocotb_tools.config
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Runner, Verilator, get_runner

from tilewright.base import Config, Family, ToolError
from tilewright.cores import Core
from tilewright.verilog import generate
from tilewright_sim.verilated import plain_paths, plain_scratch, run_group, shared_objects, verilator_environment

__all__ = ["SIMULATORS", "Simulator", "run_bench", "simulator_environment"]

Simulator = Literal["verilator", "icarus"]
SIMULATORS: tuple[Simulator, ...] = get_args(Simulator)

FOLDER = Path("build") / "rtl"
TIMEOUT_SECONDS = 900
TAIL_LINES = 40
# A bench runs for seconds, so what counts is the time to compile.
MAKE_FLAGS = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O1"


def run_bench(
    core: Core,
    config: Config,
    bench: Path,
    *,
    simulator: Simulator = "verilator",
    family: Family = "generic",
    folder: Path = FOLDER,
    seed: int = 1,
    testcase: str | None = None,
    netlist: Callable[[Path, Core], list[Path]] | None = None,
) -> None:
    """Generate a core's Verilog and run every test of a bench on it.

    The bench finds the configuration as JSON in ``HW_CONFIG`` and the target in ``HW_FAMILY``; for ECP5 it runs
    with the models of the primitives. Verilog that did not change is not compiled again, and processes may share
    the folder. A bench that fails is run again, with the same seed, to leave a waveform.

    Parameters
    ----------
    core : Core
    config : Config
        One of the core's configurations.
    bench : Path
        Python file with the cocotb tests.
    simulator : str
        ``verilator`` or ``icarus``.
    family : str
        Target of the Verilog.
    folder : Path
        Where builds, logs and waveforms go.
    seed : int
        Seed of ``random`` in the bench. ``COCOTB_RANDOM_SEED`` in the environment wins.
    testcase : str or None
        Run only the tests whose names end like this.
    netlist : callable or None
        Makes a netlist of the generated Verilog in its folder, and returns the files to simulate in its place.

    Raises
    ------
    AssertionError
        If a test of the bench fails, or there is none. The message has the end of the log, and ends with the
        paths of waveform and log.
    ToolError
        If the simulator is missing or cannot compile the Verilog.
    """
    environment = simulator_environment(simulator)
    digest = hashlib.sha256(f"{core.name} {family} {config.to_json()}".encode()).hexdigest()[:16]
    verilog = folder.absolute() / "verilog" / f"{core.module}-{family}-{digest}"
    with _locked(verilog):
        sources = [path for path in generate(core, config, verilog, family) if path.suffix == ".v"]
        if netlist is not None:
            sources = netlist(verilog, core)
    run = _Run(
        simulator=simulator,
        top=core.module,
        sources=sources,
        bench=bench.absolute(),
        folder=folder.absolute(),
        environment=environment | {"HW_CONFIG": config.to_json(), "HW_FAMILY": family},
        seed=seed,
        testcase=testcase,
        name=f"{bench.stem}-{simulator}-{family}-{digest}-{seed}" + (f"-{testcase}" if testcase else ""),
    )
    build, _ = run.build(waves=False)
    failure, log = run.simulate(build)
    if failure is None:
        return
    told = f"{failure} in {bench.name} on {simulator}, for {core.name} {config.to_json()}, target {family}"
    tail = "\n".join(_plain(log).splitlines()[-TAIL_LINES:])
    try:
        build, waveform = run.build(waves=True)
        again, log = run.simulate(build, waveform)
    except ToolError as error:
        raise AssertionError(f"{told}\n{tail}\nno waveform: {error}\nlog: {log}") from None
    note = "" if again else "\nit passed when run again for the waveform"
    raise AssertionError(f"{told}\n{tail}{note}\nwaveform: {waveform}\nlog: {log}")


def simulator_environment(simulator: Simulator) -> dict[str, str]:
    """Return the environment in which a simulator runs.

    Raises
    ------
    ToolError
        If it is missing; the message says how to get it.
    """
    match simulator:
        case "verilator":
            return verilator_environment() | {"MAKEFLAGS": MAKE_FLAGS}
        case "icarus":
            if shutil.which("iverilog") is None or shutil.which("vvp") is None:
                raise ToolError("Icarus Verilog is missing: run `apt-get install iverilog`")
            return dict(os.environ)


class _PortsOnly(Verilator):
    """Verilator with nothing but the top's ports to touch: three times faster to compile than all signals.

    Its own library, most of what is compiled then, is compiled once for all designs.
    """

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        at = verilate.index("--public-flat-rw")
        return [[*verilate[:at], "--public-depth", "1", *verilate[at + 1 :]], make]

    def _execute_cmds(self, cmds, cwd, stdout=None) -> None:
        root = [Path(self.env["VERILATOR_ROOT"])] if "VERILATOR_ROOT" in self.env else []
        libraries = [cocotb_tools.config.libs_dir, cocotb_tools.config.share_dir]
        files = [Path(argument).parent for command in cmds for argument in command if argument.endswith(".v")]
        folders = list(dict.fromkeys([Path(cwd), *root, *libraries, *files]))
        with plain_paths(folders) as links:
            names = {str(folder): str(link) for folder, link in zip(folders, links, strict=True)}
            environment = self.env | {"VERILATOR_ROOT": names[str(root[0])]} if root else self.env
            for command in cmds:
                if Path(command[0]).name in ("verilator", "make"):
                    plain = [_renamed(argument, names) for argument in command]
                    self._compile_one(plain, cwd, environment, stdout)
                else:
                    super()._execute_cmds([command], cwd, stdout)

    def _compile_one(self, command: list[str], cwd, environment: dict[str, str], stdout) -> None:
        with ExitStack() as stack:
            if command[0] == "make":
                makefiles = [path.read_text("utf-8", "replace") for path in Path(cwd).glob("V*_classes.mk")]
                settings = re.findall(r"^VM_\w+ = .*$", "\n".join(makefiles), re.M)
                settings += [environment.get(name, "") for name in ("MAKEFLAGS", "CXX", "CXXFLAGS")]
                stack.enter_context(shared_objects(Path(cwd), settings, environment))
            done = run_group(command, environment, Path(cwd), stdout)
        if done.returncode:
            raise RuntimeError(f"command failed with return code {done.returncode}")


def _renamed(text: str, names: dict[str, str]) -> str:
    """Replace the names of folders, those inside others first."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text


def _runner(simulator: Simulator) -> Runner:
    return _PortsOnly() if simulator == "verilator" else get_runner(simulator)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One bench on one design: how to compile it, and how to simulate it."""

    simulator: Simulator
    top: str
    sources: list[Path]
    bench: Path
    folder: Path
    environment: dict[str, str]
    seed: int
    testcase: str | None
    name: str

    def build(self, *, waves: bool) -> tuple[Path, Path | None]:
        """Compile the design unless it is compiled; return the folder, and the waveform that a run will write."""
        if not waves:
            return self._compile([]), None
        waveform = self.folder / "runs" / self.name / "waves.fst"
        if self.simulator == "icarus":
            return self._compile([], waves=True), waveform
        try:
            return self._compile(["--trace-fst"], waves=True), waveform
        except ToolError:  # FST needs zlib's headers, VCD nothing
            return self._compile(["--trace-vcd"], waves=True), waveform.with_suffix(".vcd")

    def simulate(self, build: Path, waveform: Path | None = None) -> tuple[str | None, Path]:
        """Run the bench; return what failed, None if nothing did, and the log."""
        folder = self.folder / "runs" / self.name / ("waves" if waveform else "plain")
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "log.txt"
        # Registers start random in Verilator, as they start X in Icarus.
        random_start = ["+verilator+rand+reset+2", f"+verilator+seed+{self.seed}"]
        arguments: dict[str, Any] = {"verilator": {"test_args": random_start}, "icarus": {}}[self.simulator]
        if waveform:
            arguments["waves"] = True
            match self.simulator:
                case "verilator":
                    arguments["test_args"] += ["--trace-file", str(waveform)]
                case "icarus":
                    arguments["plusargs"] = [f"+dumpfile_path={waveform}"]
        limit = {"SIM_CMD_PREFIX": f"timeout {TIMEOUT_SECONDS}"} if shutil.which("timeout") else {}
        # What was linked while cocotb's folder had another name finds its libraries so.
        found = os.pathsep.join(
            filter(None, [str(cocotb_tools.config.libs_dir), os.environ.get("LD_LIBRARY_PATH", "")])
        )
        with _environment(self.environment | limit | {"LD_LIBRARY_PATH": found}, self.bench.parent):
            runner = _runner(self.simulator)
            try:
                results = runner.test(
                    test_module=self.bench.stem,
                    hdl_toplevel=self.top,
                    hdl_toplevel_lang="verilog",
                    build_dir=build,
                    test_dir=folder,
                    results_xml=str(folder / "results.xml"),
                    seed=self.seed,
                    testcase=self.testcase,
                    log_file=log,
                    **arguments,
                )
                tests, failures = get_results(results)
            except (RuntimeError, SystemExit) as error:
                return f"the simulation broke off ({error})", log
        if not tests:
            return "no test ran", log
        return (f"{failures} of {tests} tests failed" if failures else None), log

    def _compile(self, extra: list[str], waves: bool = False) -> Path:
        flags = {"verilator": ["--x-initial", "unique"], "icarus": []}[self.simulator] + extra
        about = [self.simulator, self.top, flags, waves, MAKE_FLAGS, *_versions(self.environment)]
        content = hashlib.sha256(repr(about).encode())
        for path in self.sources:
            content.update(path.read_bytes())
        build = self.folder / "builds" / f"{self.simulator}-{self.top}-{content.hexdigest()[:16]}"
        with _locked(build):
            done = build / "done"
            if done.exists():
                return build
            shutil.rmtree(build, ignore_errors=True)
            log = self.folder / "builds" / f"{build.name}.log"
            with (
                plain_scratch(build.parent, "tilewright-build") as work,
                _environment(self.environment, self.bench.parent),
            ):
                try:
                    _runner(self.simulator).build(
                        sources=self.sources,
                        hdl_toplevel=self.top,
                        build_args=flags,
                        build_dir=work / "build",
                        timescale=("1ns", "1ns"),
                        waves=waves,
                        log_file=log,
                    )
                except (RuntimeError, SystemExit):
                    text = _plain(log)
                    said = [line for line in text.splitlines() if "rror" in line] or text.splitlines() or ["no message"]
                    raise ToolError(f"{self.simulator} could not compile {self.top}: {said[0]}; see {log}") from None
                shutil.move(work / "build", build)
            done.touch()
        return build


def _versions(environment: dict[str, str]) -> list[str]:
    """What else a compiled simulation depends on."""
    return [version("cocotb"), str(cocotb_tools.config.libs_dir), environment.get("VERILATOR_ROOT", "")]


def _plain(log: Path) -> str:
    """The text of a log without colours."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@contextmanager
def _environment(environment: dict[str, str], modules: Path) -> Iterator[None]:
    """Give cocotb's runner its environment; it takes ``os.environ`` and ``sys.path`` and nothing else.

    It behaves otherwise when it finds itself in pytest, which is hidden from it.
    """
    before, path = dict(os.environ), list(sys.path)
    os.environ.update(environment)
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    sys.path.insert(0, str(modules))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.path[:] = path


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make a folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
