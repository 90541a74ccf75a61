"""What ``tilewright gemm`` says about a run, as a table and as JSON."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator_config import AcceleratorConfig, Activity
from tilewright.cycle_model import Estimate
from tilewright.errors import TilewrightError
from tilewright.registers import WALKERS
from tilewright.terminal import FigureTable

from . import golden
from .requant import Requant
from .runtime import GemmResult

__all__ = ["check_result", "report", "summary", "where_the_time_went"]


def check_result(
    c: NDArray, a: NDArray, b: NDArray, bias: NDArray | None, requant: Requant | None, rounding: golden.Rounding
) -> None:
    """Raise `TilewrightError` unless C is what numpy computes, bit for bit."""
    # Products of int8 are exact in float64, and so are sums of fewer than 2**39 of them; this is much faster.
    want = (a.astype(np.float64) @ b.T.astype(np.float64)).astype(np.int64)
    want = golden.wrap32(want if bias is None else want + bias)
    if requant is not None:
        limits = (requant.zero_point, requant.minimum, requant.maximum)
        want = golden.requantize(want, requant.multiplier, requant.shift, *limits, rounding)
    wrong = np.argwhere(c != want)
    if len(wrong):
        row, column = wrong[0]
        raise TilewrightError(
            f"{len(wrong)} of {c.size} results differ from numpy's, the first at [{row}, {column}]: "
            f"{c[row, column]} instead of {want[row, column]}"
        )


def report(config: AcceleratorConfig, result: GemmResult, k: int, guess: Estimate | None) -> dict[str, Any]:
    """Return all figures of a run."""
    m, n = result.c.shape
    counted = "read_words" in result.counters  # the variant `compact` counts cycles alone
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
    """Return the figures in a few lines."""
    guess = figures["estimated_cycles"]
    estimated = f" (estimated {guess:,})" if guess else ""
    moved = "" if figures["bus_bytes"] is None else f", {figures['bus_bytes']:,} bytes on the bus"
    return (
        f"C[{figures['m']}, {figures['n']}] {figures['result']}, K = {figures['k']}: "
        f"{figures['cycles']:,} cycles{estimated}\n"
        f"multipliers busy {figures['utilisation']:.2%}, {figures['macs_per_cycle']:.1f} MAC per cycle{moved}"
    )


def where_the_time_went(counters: dict[str, int]) -> FigureTable | str:
    """Return a table of the counters: a row for each walker, a column for each cause, in percent of the cycles."""
    if f"{WALKERS[0]}_busy" not in counters:
        return "the variant `compact` does not count where the time goes"
    table = FigureTable(title="where the time went, % of the cycles", title_justify="left")
    table.add_column("")
    for activity in Activity.__members__:
        table.add_column(activity.lower(), justify="right")
    for walker in WALKERS:
        shares = [
            100 * counters[f"{walker}_{name.lower()}"] / max(counters["cycles"], 1) for name in Activity.__members__
        ]
        table.add_row(walker.replace("_", " "), *(f"{share:.1f}" for share in shares))
    return table
