"""Generate Verilog, run a bench on it, and say what fails."""

import hashlib
import re
from pathlib import Path

from tilewright.base import Config, Family, ToolError
from tilewright.cores import Core
from tilewright_sim.benches import CONFIG_FILE, EFFORT
from tilewright_sim.testbench.runner import BenchRun, locked, plain_text

from .sources import Netlist, write_sources

__all__ = ["run_bench"]

FOLDER = Path("build") / "rtl"
TAIL_LINES = 40


def run_bench(
    core: Core,
    config: Config,
    bench: str,
    *,
    simulator: str = "verilator",
    family: Family = "generic",
    folder: Path = FOLDER,
    seed: int = 1,
    effort: str = "default",
    testcase: str | None = None,
    netlist: Netlist | None = None,
) -> None:
    """Generate a core's Verilog and run every test of a bench on it.

    The bench finds ``config.json`` at the path in `CONFIG_FILE` and the effort in `EFFORT`; for ECP5 it runs with the
    models of the primitives. Verilog that did not change is not compiled again, and processes may
    share the folder. A bench that fails is run again, with the same seed, to leave a waveform.

    Parameters
    ----------
    core : Core
    config : Config
        One of the core's configurations.
    bench : str
        Name of the module with the cocotb tests.
    simulator : str
        One of `SIMULATORS`.
    family : str
        Target of the Verilog.
    folder : Path
        Where builds, logs and waveforms go.
    seed : int
        Seed of ``random`` in the bench. ``COCOTB_RANDOM_SEED`` in the environment wins.
    effort : str
        ``quick``, ``default`` or ``long``.
    testcase : str or None
        Run only the tests whose names end like this.
    netlist : callable or None
        See `Netlist`.

    Raises
    ------
    AssertionError
        If a test of the bench fails, or there is none. The message has the end of the log, and ends with the
        paths of waveform and log.
    ToolError
        If the simulator is missing or cannot compile the Verilog.
    """
    digest = hashlib.sha256(f"{core.name} {family} {config.to_json()}".encode()).hexdigest()[:16]
    verilog = folder.absolute() / "verilog" / f"{core.module}-{family}-{digest}"
    with locked(verilog):
        sources = write_sources(core, config, verilog, family, netlist)
    name = f"{bench.rpartition('.')[2]}-{simulator}-{family}-{digest}-{seed}-{effort}"
    run = BenchRun(
        simulator=simulator,
        top=core.module,
        sources=sources,
        bench=bench,
        builds=folder.absolute() / "builds",
        folder=folder.absolute() / "runs" / (f"{name}-{testcase}" if testcase else name),
        variables={CONFIG_FILE: str(verilog / "config.json"), EFFORT: effort},
        seed=seed,
        test_filter=rf"\..*{re.escape(testcase)}$" if testcase else None,
    )
    build, _ = run.build(waves=False)
    result = run.simulate(build)
    if result.failure is None:
        return
    told = f"{result.failure} in {bench} on {simulator}, for {core.name} {config.to_json()}, target {family}"
    tail = "\n".join(plain_text(result.log).splitlines()[-TAIL_LINES:])
    try:
        build, waveform = run.build(waves=True)
        again = run.simulate(build, waveform)
    except ToolError as error:
        raise AssertionError(f"{told}\n{tail}\nno waveform: {error}\nlog: {result.log}") from None
    note = "" if again.failure else "\nit passed when run again for the waveform"
    raise AssertionError(f"{told}\n{tail}{note}\nwaveform: {waveform}\nlog: {again.log}")
