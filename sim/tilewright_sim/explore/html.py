"""The page for the browser: Pareto front and roofline in one file, which works offline."""

import json
from importlib import resources
from typing import Any

from tilewright.base import missing_package

__all__ = ["check_page", "page"]


def check_page() -> None:
    """Check for plotly before the measurements rather than after them.

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
    """Return the page for a result of `Exploration.to_json`: 5 MB of HTML, most of it plotly.

    `page.js` computes the front of the selected axes in the browser, by the same rule as `pareto`.
    """
    from plotly.offline import get_plotlyjs

    folder = resources.files(__package__)
    parts = {
        "DATA": json.dumps(exploration).replace("<", "\\u003c"),
        "PLOTLY": get_plotlyjs(),
        "SCRIPT": (folder / "page.js").read_text(encoding="utf-8"),
    }
    before, *rest = (folder / "page.html").read_text(encoding="utf-8").split("@@")
    # The template is split at its marks first, so a mark inside plotly or the data is never replaced.
    return before + "".join(text if place % 2 else parts[text] for place, text in enumerate(rest))
