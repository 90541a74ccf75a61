"""The simulators that run benches, and how to start each of them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cocotb_tools.config
from cocotb_tools.runner import SUPPORTED_RUNNERS, Runner, Verilator, get_runner

from tilewright.base import ToolError
from tilewright_sim.verilated import make_design, plain_paths, run_group, verilator_environment

__all__ = ["MAKE_FLAGS", "SIMULATORS", "runner", "runner_environment", "simulator_environment"]

SIMULATORS = ("verilator", "icarus")
"""The simulators of the regression."""
# A bench runs only for seconds, so these flags minimise the compile time.
MAKE_FLAGS = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O1"


def simulator_environment(simulator: str) -> dict[str, str]:
    """Return the environment variables for a simulator.

    Raises
    ------
    ToolError
        If cocotb does not support the simulator or it is not installed; the message says how to install it.
    """
    match simulator:
        case "verilator":
            return verilator_environment() | {"MAKEFLAGS": MAKE_FLAGS}
        case "icarus":
            if shutil.which("iverilog") is None or shutil.which("vvp") is None:
                raise ToolError("Icarus Verilog is missing: run `apt-get install iverilog`")
            return dict(os.environ)
    try:
        get_runner(simulator)._simulator_in_path()
    except ValueError:
        known = ", ".join(sorted(SUPPORTED_RUNNERS))
        raise ToolError(f"{simulator} is not a simulator that cocotb knows: {known}") from None
    except SystemExit as error:
        said = str(error).removeprefix("ERROR: ")
        raise ToolError(f"{simulator} is missing: {said}") from None
    return dict(os.environ)


class _Grouped(Runner):
    """Runs compilers in a process group that ends with this process; records the commands of a simulation only."""

    simulating = False

    def test(self, *args, **options) -> Path:
        self.simulating = True
        self.noted: list[list[str]] = []
        return super().test(*args, **options)

    def _execute_cmds(self, cmds, cwd, stdout=None) -> None:
        for command in cmds:
            words = [str(word) for word in command]
            if self.simulating:
                self.noted.append(words)
            else:
                done = run_group(words, self.env, Path(cwd), stdout)
                if done.returncode:
                    raise RuntimeError(f"command failed with return code {done.returncode}")


class _PortsOnly(_Grouped, Verilator):
    """Verilator with access to the top-level ports only, which compiles three times faster than access to all signals.

    Verilator's own library, most of the remaining code, is compiled once for all designs.
    """

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        at = verilate.index("--public-flat-rw")
        return [[*verilate[:at], "--public-depth", "1", *verilate[at + 1 :]], make]

    def _execute_cmds(self, cmds, cwd, stdout=None) -> None:
        if self.simulating:
            super()._execute_cmds(cmds, cwd, stdout)
            return
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
        if command[0] == "make":
            arguments = [*command[1 : command.index("-C")], *command[command.index("-f") + 2 :]]
            settings = [environment.get(name, "") for name in ("MAKEFLAGS", "CXX", "CXXFLAGS")]
            done = make_design(Path(cwd), settings, environment, arguments, stdout)
        else:
            done = run_group(command, environment, Path(cwd), stdout)
        if done.returncode:
            raise RuntimeError(f"command failed with return code {done.returncode}")


def _renamed(text: str, names: dict[str, str]) -> str:
    """Replace the names of folders, nested folders first."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text


def runner(simulator: str) -> Any:
    """Return cocotb's runner of a simulator."""
    if simulator == "verilator":
        return _PortsOnly()
    known = type(get_runner(simulator))
    return type(known.__name__, (_Grouped, known), {})()


@contextmanager
def runner_environment(environment: dict[str, str]) -> Iterator[None]:
    """Set ``os.environ`` for cocotb's runner, which accepts no other environment.

    The runner behaves differently under pytest, so pytest's variables are hidden from it.
    """
    before = dict(os.environ)
    os.environ.update(environment)
    # By default cocotb has pytest rewrite the assertions of every imported module, even numpy, which takes seconds.
    # Loading the plugins of pytest takes seconds too.
    os.environ.setdefault("COCOTB_REWRITE_ASSERTION_FILES", "*/benches/*.py")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
