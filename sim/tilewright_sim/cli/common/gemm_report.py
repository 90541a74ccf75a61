"""The report of ``tilewright gemm`` about a run, as text, as a table and as JSON."""

from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.registers import ALL_ENGINES, ENGINES
from tilewright_sim.console import FigureTable
from tilewright_sim.host import GemmResult
from tilewright_sim.models.cycles import Estimate

__all__ = ["report", "summary", "where_the_time_went"]


def report(config: AcceleratorConfig, result: GemmResult, k: int, guess: Estimate | None) -> dict[str, Any]:
    """Return all measurements of a run, by name."""
    m, n = result.c.shape
    counted = "read_words" in result.counters  # the variant `compact` counts only cycles
    words = result.counters["read_words"] + result.counters["write_words"] if counted else None
    return {
        "m": m, "n": n, "k": k,
        "result": str(result.c.dtype),
        "config": config.model_dump(),
        "cycles": result.cycles,
        "estimated_cycles": guess.cycles if guess else None,
        "utilisation": result.utilisation,
        "macs_per_cycle": m * n * k / result.cycles,
        "bus_bytes": words * config.word_bytes if words is not None else None,
        "descriptors": result.descriptors,
        "seconds": result.seconds,
        "counters": result.counters,
    }  # fmt: skip


def summary(figures: dict[str, Any]) -> str:
    """Return the main measurements as a few lines of text."""
    guess = figures["estimated_cycles"]
    estimated = f" (estimated {guess:,})" if guess else ""
    moved = "" if figures["bus_bytes"] is None else f", {figures['bus_bytes']:,} bytes on the bus"
    return (
        f"C[{figures['m']}, {figures['n']}] {figures['result']}, K = {figures['k']}: "
        f"{figures['cycles']:,} cycles{estimated}\n"
        f"multipliers busy {figures['utilisation']:.2%}, {figures['macs_per_cycle']:.1f} MAC per cycle{moved}"
    )


def where_the_time_went(counters: dict[str, int]) -> FigureTable | str:
    """Return a table of the counters: a row for each engine, a column for each cause, in percent of the cycles."""
    if f"{ENGINES[0]}_busy" not in counters:
        return "the variant `compact` has no counters for this table"
    table = FigureTable(title="where the time went, % of the cycles", title_justify="left")
    table.add_column("")
    for activity in Activity.__members__:
        table.add_column(activity.lower(), justify="right")
    for engine in (name for name in ALL_ENGINES if f"{name}_idle" in counters):
        shares = [
            100 * counters[f"{engine}_{name.lower()}"] / max(counters["cycles"], 1) for name in Activity.__members__
        ]
        table.add_row(engine.replace("_", " "), *(f"{share:.1f}" for share in shares))
    return table
