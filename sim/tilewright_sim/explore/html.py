"""The page for the browser: Pareto front and roofline, in one file that needs no network."""

import json
from importlib import resources
from typing import Any

from tilewright.base import missing_package

__all__ = ["check_page", "page"]


def check_page() -> None:
    """Fail before the work rather than after.

    Raises
    ------
    ToolError
        If plotly is not installed.
    """
    try:
        import plotly  # noqa: F401  # its presence is the question
    except ImportError:
        raise missing_package("plotly", "explore") from None


def page(exploration: dict[str, Any]) -> str:
    """Return the page of what `Exploration.to_json` returned, as HTML of 5 MB, most of them plotly's.

    `page.js` computes the front of the chosen axes in the browser by the same rule as `pareto`.
    """
    from plotly.offline import get_plotlyjs

    folder = resources.files(__package__)
    parts = {
        "DATA": json.dumps(exploration).replace("<", "\\u003c"),
        "PLOTLY": get_plotlyjs(),
        "SCRIPT": (folder / "page.js").read_text(encoding="utf-8"),
    }
    before, *rest = (folder / "page.html").read_text(encoding="utf-8").split("@@")
    # Between the marks the template names what belongs there; a mark in plotly or in the data is never looked at.
    return before + "".join(text if place % 2 else parts[text] for place, text in enumerate(rest))
