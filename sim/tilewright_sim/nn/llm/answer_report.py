"""The report of ``tilewright llm`` about an answer, as tables and as JSON."""

from typing import Any

from tilewright_sim.console import FigureTable

from .clocks import Clock
from .cycle_accounting import KINDS, LINEAR, VECTOR, Account, Tally
from .perplexity import Comparison

__all__ = ["accuracy_table", "live_line", "report", "summary", "table", "where_the_cycles_went"]

PHASES = ("prefill", "decode")
_WHERE = {"simulator": " in the simulator", "board": " with transfers", "model": " in numpy"}


def report(account: Account, clock: Clock) -> dict[str, Any]:
    """Return the measurements of both phases and of every kind of layer."""
    phases = {phase: _phase(account, phase, clock) for phase in PHASES if account.tokens.get(phase)}
    return {
        "config": account.config.model_dump(),
        "clock": {"mhz": clock.mhz, "origin": clock.origin, "measured": clock.measured},
        "phases": phases,
        "cycles_from": account.on,
        "cycles": account.total().cycles,
        "simulator_seconds": account.total().seconds,
    }


def _phase(account: Account, phase: str, clock: Clock) -> dict[str, Any]:
    tokens = account.tokens[phase]
    per_token = account.total(phase).cycles / tokens
    kinds = {kind: _tally(account, account.total(phase, (kind,))) for kind in KINDS}
    return {
        "tokens": tokens,
        "cycles_per_token": per_token,
        "tokens_per_second": clock.mhz * 1e6 / max(per_token, 1),
        "simulated_seconds_per_token": account.seconds[phase] / tokens,
        **_tally(account, account.total(phase)),
        "linear_layers": _tally(account, account.total(phase, LINEAR)),
        "vector_operations": _tally(account, account.total(phase, VECTOR)),
        "kinds": {kind: figures for kind, figures in kinds.items() if figures["cycles"]},
    }


def _tally(account: Account, tally: Tally) -> dict[str, Any]:
    return {
        "cycles": tally.cycles,
        "bus_share": account.bus_share(tally),
        "multipliers_busy": account.busy(tally),
        "submissions": tally.submissions,
        "descriptors": tally.descriptors,
    }


def live_line(account: Account, clock: Clock, answered: int, running: int = 0) -> str:
    """Return the progress as one line; ``running`` cycles are not in the accounting yet."""
    total = account.total()
    cycles = total.cycles + running
    return (
        f"{answered} tokens   {cycles:,} cycles = {cycles / clock.mhz / 1e6:.3f} s at {clock.mhz:g} MHz   "
        f"multipliers {account.busy(total):.1%}   bus {account.bus_share(total):.1%}"
    )


def table(figures: dict[str, Any]) -> FigureTable:
    """Return the measurements of both phases as a table."""
    made, where = FigureTable(), _WHERE[figures["cycles_from"]]
    for heading in ("", *figures["phases"]):
        made.add_column(heading, justify="right" if heading else "left")
    rows = {
        "tokens read": lambda phase: f"{phase['tokens']}",
        "cycles per token": lambda phase: f"{phase['cycles_per_token']:,.0f}",
        "of these, in vector operations": lambda phase: (
            f"{phase['vector_operations']['cycles'] / phase['tokens']:,.0f}"
        ),
        "share of the bus roofline": lambda phase: f"{phase['bus_share']:.2%}",
        "multipliers busy": lambda phase: f"{phase['multipliers_busy']:.2%}",
        "multipliers busy in the linear layers": lambda phase: f"{phase['linear_layers']['multipliers_busy']:.2%}",
        f"tokens per second at {figures['clock']['mhz']:g} MHz": lambda phase: f"{phase['tokens_per_second']:,.2f}",
        "submissions per token": lambda phase: f"{phase['submissions'] / phase['tokens']:,.4g}",
        f"seconds per token{where}": lambda phase: f"{phase['simulated_seconds_per_token']:.2f}",
    }
    parts = {
        "of these, in vector operations": "vector_operations",
        "multipliers busy in the linear layers": "linear_layers",
    }
    for name, part in parts.items():  # unknown where a submission has all of a token
        if not any(phase[part]["cycles"] for phase in figures["phases"].values()):
            del rows[name]
    for name, cell in rows.items():
        made.add_row(name, *(cell(phase) for phase in figures["phases"].values()))
    return made


def where_the_cycles_went(figures: dict[str, Any]) -> FigureTable:
    """Return a table with a row for each kind of layer: its share of the cycles in both phases."""
    made = FigureTable(title="where the cycles went", title_justify="left")
    for heading in ("", *figures["phases"]):
        made.add_column(heading, justify="right" if heading else "left")
    present = {kind for phase in figures["phases"].values() for kind in phase["kinds"]}
    for kind, name in KINDS.items():
        if kind not in present:
            continue
        shares = [
            phase["kinds"].get(kind, {"cycles": 0})["cycles"] / phase["cycles"] for phase in figures["phases"].values()
        ]
        made.add_row(name, *(f"{share:.1%}" for share in shares))
    return made


def summary(figures: dict[str, Any]) -> list[str]:
    """Return the lines below the tables."""
    clock, compared = figures["clock"], figures.get("compared")
    lines = [f"clock: {clock['mhz']:g} MHz ({clock['origin']})"]
    if compared is not None:
        vectors = figures.get("compared_vectors")
        more = "" if vectors is None else f" and {vectors:,} results of vector operations"
        lines.append(f"all {compared:,} sums{more} of the hardware equal the golden model's")
    seconds = f"{figures['simulator_seconds']:.0f} s"
    how = {
        "simulator": f"simulated in {seconds}",
        "board": f"on the board in {seconds}",
        "model": "estimated by the cycle model",
    }[figures["cycles_from"]]
    lines.append(
        f"{figures['cycles']:,} cycles from doorbells to interrupts, {how}; {figures['seconds']:.0f} s in all, "
        f"{figures['peak_bytes'] / 1e9:.2f} GB of memory"
    )
    return lines


def accuracy_table(found: dict[str, dict[str, Comparison]]) -> FigureTable:
    """Return a table of the accuracy cost of number formats, with a row for each text and format."""
    table = FigureTable(title="against the file's own weights in float arithmetic", title_justify="left")
    table.add_column("text")
    table.add_column("format")
    for heading in ("tokens", "perplexity, float", "perplexity", "change", "KL divergence", "equal top token"):
        table.add_column(heading, justify="right")
    for text, formats in found.items():
        for name, one in formats.items():
            table.add_row(
                text,
                name,
                f"{one.tokens:,}",
                f"{one.of_float:.2f}",
                f"{one.of_format:.2f}",
                f"{one.cost:+.1%}",
                f"{one.divergence:.4f}",
                f"{one.equal_top:.1%}",
            )
    return table
