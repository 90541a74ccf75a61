"""Mutants of the generated Verilog: Yosys changes a cell or a connection, and the benches run on what comes out."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from support.configs import COMPACT, TINY
from support.scorecard.sources import sources_digest

from tilewright.base import ToolError
from tilewright.cores import CORES
from tilewright.tools import run_yosys
from tilewright.verilog import generate
from tilewright_sim.benches import BENCHES, CONFIG_FILE, EFFORT
from tilewright_sim.testbench.runner import BenchRun, plain_text

from .equivalence import equivalent

__all__ = ["DESIGNS", "Design", "mutations", "try_mutation"]

SEED = 15
LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Design:
    """Verilog to be changed.

    Parameters
    ----------
    core : str
    fields : tuple
        Names and values of its configuration.
    count : int
        Mutants.
    first : str
        The bench's test that runs before all others: it is fast and kills most.
    """

    core: str
    fields: tuple[tuple[str, Any], ...]
    count: int
    first: str

    def kept(self, folder: Path) -> Path:
        """Return a folder with the Verilog, generated once for the sources."""
        kept = folder / "netlists" / f"{sources_digest('hw')}-{DESIGNS.index(self)}"
        if not list(kept.glob("*.v")):
            self.written(kept)
        return kept

    def name(self, folder: Path) -> str:
        """Return the core, and the hash of the Verilog, which names the mutants."""
        verilog = self.kept(folder) / f"{CORES[self.core].module}.v"
        return f"{self.core}-{hashlib.sha256(verilog.read_bytes()).hexdigest()[:8]}"

    def written(self, folder: Path) -> Path:
        """Write the Verilog and its ``config.json``; return the Verilog."""
        core = CORES[self.core]
        files = generate(core, core.config(**dict(self.fields)), folder)
        return next(path for path in files if path.suffix == ".v")


def _design(core: str, fields: dict[str, Any], count: int, first: str) -> Design:
    return Design(core, tuple(fields.items()), count, first)


DESIGNS = [
    _design("tile", {"rows": 2, "cols": 3, "dot": 2, "activation_bits": 4, "weight_bits": 4}, 60, "results_equal"),
    _design("dma-reader", {"data_bits": 32, "max_burst": 4, "outstanding": 2, "unaligned": True}, 70, "reads_match"),
    _design("dma-writer", {"data_bits": 32, "max_burst": 4, "outstanding": 2, "unaligned": True}, 70, "writes_match"),
    _design("sdram", {"power_up_us": 1}, 60, "moves_every_byte"),
    _design("accelerator", TINY, 100, "random_queues"),
    _design("accelerator", COMPACT, 80, "random_queues"),
]  # fmt: skip


def _read(design: Design) -> list[str]:
    module = CORES[design.core].module
    return [f"read_verilog {module}.v", f"hierarchy -check -top {module}", "proc"]


def mutations(design: Design, folder: Path) -> list[str]:
    """Return Yosys's commands for the mutants of a design, drawn by the seed and kept in a folder."""
    kept = design.kept(folder) / "mutations.txt"
    if not kept.exists():
        run_yosys([*_read(design), f"mutate -list {design.count} -seed {SEED} -none -o mutations.txt"], kept.parent)
    return [line for line in kept.read_text(encoding="utf-8").splitlines() if "-mode none" not in line][: design.count]


def try_mutation(design: Design, mutation: str, scratch: Path) -> dict[str, Any]:
    """Return what became of a mutant, as an entry of a journal."""
    start = monotonic()
    shutil.rmtree(scratch, ignore_errors=True)
    design.written(scratch)
    command = " ".join(word for word in mutation.split() if not word.startswith("-src"))
    run_yosys(
        [*_read(design), "write_rtlil before.il", command, "write_rtlil after.il", "write_verilog -noattr mutant.v"],
        scratch,
    )
    result: dict[str, Any] = {"result": "survived"}
    for tests in (design.first, None):
        verdict = _simulated(design, scratch, tests)
        if verdict:
            result = verdict
        if verdict.get("result") == "killed":
            break
    if result["result"] != "killed" and (same := equivalent([scratch / "before.il"], [scratch / "after.il"], scratch)):
        result = {"result": same}
    return result | {"seconds": round(monotonic() - start, 1), "diff": mutation}


def _simulated(design: Design, scratch: Path, tests: str | None) -> dict[str, Any]:
    """Return how the bench, or some of its tests, finds the mutant; nothing if it does not."""
    core = CORES[design.core]
    run = BenchRun(
        simulator="icarus", top=core.module, sources=[scratch / "mutant.v"], bench=BENCHES[core.name],
        builds=scratch / "builds", folder=scratch / "runs",
        variables={CONFIG_FILE: str(scratch / "config.json"), EFFORT: "quick"},
        test_filter=rf".*{tests}.*" if tests else None, limit_seconds=LIMIT_SECONDS,
    )  # fmt: skip
    try:
        build, _ = run.build(waves=False)
    except ToolError as error:
        return {"result": "not built", "why": str(error)[:200]}
    begun = monotonic()
    ended = run.simulate(build)
    if ended.failure is None:
        return {}
    if monotonic() - begun >= LIMIT_SECONDS:
        return {"result": "timed out", "by": tests or "all"}
    said = [line.strip() for line in plain_text(ended.log).splitlines() if "Error" in line or "assert" in line]
    return {
        "result": "killed",
        "by": f"{BENCHES[core.name].rpartition('.')[2]} {tests or ''}".strip(),
        "why": (said or [""])[0][:200],
    }
