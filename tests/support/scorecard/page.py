"""The card as Markdown and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .figure import Figure

__all__ = ["page", "recorded"]

HEAD = """# Score card

How well the hardware is tested. Every figure is from a run of `scripts/scorecard`, which writes this page; a row that
was run in part says how much of it. What the rows are is in [verification](../verification.md#score-card).

| figure | measured | target | of the work | state |
| --- | --- | --- | --- | --- |
"""


def page(figures: list[Figure]) -> str:
    """Return the page: a table, and behind it the details of each figure."""
    rows = [
        f"| {figure.name} | {figure.value} | {figure.target} | {figure.run} | {figure.state} |" for figure in figures
    ]
    parts = [HEAD + "\n".join(rows) + "\n"]
    for figure in figures:
        if figure.details:
            parts.append(f"## {figure.name}\n\n" + _paragraphs(figure.details) + "\n")
    return "\n".join(parts)


def _paragraphs(lines: Sequence[str]) -> str:
    """Lines of a table or of code stay together; others become a list."""
    text, code, before = [], False, ""
    for line in lines:
        if line.startswith("```"):
            code = not code
        plain = not (code or line.startswith(("|", "```")) or not line)
        if plain and line.endswith(":"):
            text.append(line)
        elif plain:
            text += [""] * (bool(before) and before.startswith("|")) + [f"- {line}"]
        else:
            text.append(line)
        before = line
    return "\n".join(text)


def recorded(figures: list[Figure], short: dict[str, Any]) -> str:
    """Return the figures, and what the short form repeats, as JSON."""
    content = {"figures": [asdict(figure) for figure in figures], "short": short}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
