"""A report as one HTML file that opens offline."""

import html
import json
from typing import Any

from tilewright.base import missing_package

from .report import Report
from .tables import COLUMNS, steps_by_component, summary, timing_line, tree

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
tr.sum td { font-weight: 600; border-top: 2px solid #888; }
.missed { background: #b00020; color: #fff; padding: .6rem 1rem; font-weight: 700; }
.met { background: #e3f4e5; padding: .6rem 1rem; }
.note { color: #666; }
code { background: #f3f3f3; padding: 0 .2rem; }
"""


def page(report: Report) -> str:
    """Return a report as an HTML page.

    Raises
    ------
    ToolError
        If plotly is missing.
    """
    try:
        import plotly.graph_objects as go
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise missing_package("plotly, which draws the charts,", "report") from None
    title = f"{report.core} on {report.target}"
    body = [f"<h1>{html.escape(title)}</h1>", _configuration(report)]
    if report.timing:
        line = timing_line(report).plain
        style = {True: "met", False: "missed", None: ""}[report.timing["met"]]
        body.append(f'<p class="{style}" id="timing">{html.escape(line)}</p>')
    body += ["<h2>Area by module</h2>", _treemap(go, report), _area(report)]
    if report.timing:
        body += ["<h2>Critical path</h2>", _path(report)]
    if report.cycles:
        body += [f"<h2>Cycles</h2><p>{html.escape(report.cycles[0]['source'])}</p>", _cycles(report)]
    if report.power:
        body += ["<h2>Power</h2>", f"<p>{html.escape(summary(report.power))}</p>", _power(go, report)]
        body += [f'<p class="note">{html.escape(limit)}</p>' for limit in report.power["limits"]]
    body += ["<h2>Notes</h2>", *(f'<p class="note">{html.escape(note)}</p>' for note in report.notes)]
    data = json.dumps(report.to_dict()).replace("</", "<\\/")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>\n<body>\n"
        + "\n".join(body)
        + f'\n<script type="application/json" id="report">{data}</script>\n</body></html>\n'
    )


def _configuration(report: Report) -> str:
    fields = ", ".join(f"{name} = {value}" for name, value in report.config.items())
    return f"<p><code>{html.escape(fields)}</code></p>"


def _main_column(report: Report) -> str:
    return "cell_um2" if "cell_um2" in report.area["total"] else "lut4"


def _treemap(go: Any, report: Report) -> str:
    column = _main_column(report)
    modules = tree(report.area["modules"])
    figure = go.Figure(
        go.Treemap(
            ids=[m["name"] for m in modules],
            labels=[f"{m['name'].rsplit('/', 1)[-1]} ×{m['instances']}" for m in modules],
            parents=[m["name"].rpartition("/")[0] for m in modules],
            values=[m["whole"][column] for m in modules],
            branchvalues="total",
            texttemplate="%{label}<br>%{value:,.0f}",
        )
    )
    figure.update_layout(margin={"t": 10, "l": 0, "r": 0, "b": 0}, height=420)
    return f"<p>{COLUMNS[column]}; click a module to enter it.</p>" + _figure(figure, "area")


def _figure(figure: Any, name: str) -> str:
    return figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False})


def _table(headings: list[str], rows: list[list[str]], last_is_sum: bool = False) -> str:
    lines = ["<table><tr>", *(f"<th>{html.escape(heading)}</th>" for heading in headings), "</tr>"]
    for number, row in enumerate(rows):
        mark = ' class="sum"' if last_is_sum and number == len(rows) - 1 else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>")
    return "".join([*lines, "</table>"])


def _area(report: Report) -> str:
    total = report.area["total"]
    names = [name for name in COLUMNS if name in total]
    rows = []
    for module in tree(report.area["modules"]):
        label = "\u2003" * module["name"].count("/") + module["name"].rsplit("/", 1)[-1]
        if any(module["whole"][name] for name in names):
            rows.append([label, str(module["instances"]), *(f"{module['whole'][name]:,.0f}" for name in names)])
    rows.append(["total", "", *(f"{total[name]:,.0f}" for name in names)])
    return _table(["module, submodules included", "×", *(COLUMNS[name] for name in names)], rows, True)


def _path(report: Report) -> str:
    parts = steps_by_component((report.timing or {})["critical_path"])
    rows = [[p["component"], " → ".join(p["signals"]), str(p["steps"]), f"{p['ns']:.3f}"] for p in parts]
    return _table(["component", "signals", "steps", "ns"], rows)


def _cycles(report: Report) -> str:
    rows = [
        [f"{row['m']} × {row['n']} × {row['k']}", f"{row['cycles']:,}", f"{row['utilisation']:.1%}"]
        + ([f"{row['energy_nj']:.4g}"] if row.get("energy_nj") else [])
        for row in report.cycles
    ]
    energy = ["nJ"] if any(row.get("energy_nj") for row in report.cycles) else []
    return _table(["M × N × K", "cycles", "multipliers busy", *energy], rows)


def _power(go: Any, report: Report) -> str:
    modules = (report.power or {})["modules"]
    kinds = {"internal_mw": "internal", "switching_mw": "switching", "leakage_mw": "leakage"}
    names = [module["name"] for module in modules]
    figure = go.Figure([
        go.Bar(name=label, y=names, x=[m[key] for m in modules], orientation="h") for key, label in kinds.items()
    ])
    figure.update_layout(barmode="stack", xaxis_title="mW, submodules excluded", height=120 + 26 * len(modules))
    figure.update_layout(margin={"t": 10, "l": 320, "r": 0, "b": 40}, yaxis={"autorange": "reversed"})
    return _figure(figure, "power")
