"""The report about a run or an estimate of a network: measurements, a table, and a page."""

import html
import json
from math import ceil
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.console import FigureTable
from tilewright_sim.models.cycles import Bus, bus_cycles
from tilewright_sim.nn.graph import Graph, Product

from .convolution import gemms
from .network import NetworkEstimate
from .session import LayerRun, NetworkRun

__all__ = ["network_figures", "network_page", "network_summary", "network_table"]

_WAITING = 0.7
"""Below this share of the cycles, a lower bound does not explain them."""
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } th, td { padding: .15rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th.text, td.text { text-align: left; } tr.host { color: #777; } .different { background: #b00020; color: #fff; }
.bar { display: inline-block; height: .7rem; background: #4878cf; } td.share { min-width: 12rem; text-align: left; }
"""


def network_figures(
    graph: Graph, config: AcceleratorConfig, bus: Bus, result: NetworkRun | NetworkEstimate
) -> dict[str, Any]:
    """Return all measurements of a run, or of an estimate, by name."""
    runs = result.runs if isinstance(result, NetworkRun) else 1
    layers = [_layer(graph, config, bus, layer, runs) for layer in result.layers]
    on_chip = [layer for layer in layers if layer["where"] == "accelerator"]
    macs = sum(layer["macs"] for layer in on_chip)
    figures = {
        "network": graph.source,
        "config": config.model_dump(),
        "latency": bus.latency,
        "bandwidth": bus.bandwidth,
        "layers": layers,
        "macs": macs,
        "cycles": result.cycles,
        "utilisation": runs * macs / (config.tile.rows * config.tile.cols * max(result.cycles, 1)),
    }
    if isinstance(result, NetworkRun):
        figures |= {
            "runs": runs, "submissions": len(result.submissions), "seconds": result.seconds,
            "compared": sum(layer.compared for layer in result.layers),
            "different": sum(layer.different for layer in result.layers),
        }  # fmt: skip
    else:
        figures["submissions"] = result.submissions
    return figures


def _layer(graph: Graph, config: AcceleratorConfig, bus: Bus, layer: LayerRun, runs: int) -> dict[str, Any]:
    node, product = layer.node, layer.node.product
    result = graph.tensors[node.outputs[0]] if node.outputs else None
    figures: dict[str, Any] = {
        "index": node.index, "operator": node.operator, "joined": node.joined, "where": layer.where,
        "shape": list(result.shape) if result else [], "type": str(result.dtype) if result else "",
        "cycles": layer.cycles,
        "compared": layer.compared, "different": layer.different, "largest_difference": layer.largest,
    }  # fmt: skip
    if product is None:
        return figures
    m, n, k = product.shape
    cells = config.tile.rows * config.tile.cols
    return figures | {
        "m": m, "n": n, "k": k, "batch": product.batch, "macs": product.macs,
        "utilisation": runs * product.macs / (cells * max(layer.cycles, 1)),
        "bound": _bound(product, config, bus, layer.cycles / runs),
    }  # fmt: skip


def _bound(product: Product, config: AcceleratorConfig, bus: Bus, cycles: float) -> str:
    """Return what takes the most of a layer's time.

    ``multipliers``; ``tile shape``, if they multiply zeros because K, N or M does not fill the tile or the weights are
    block-diagonal; ``bus``; or ``latency``, if none of these explains the cycles.
    """
    queue = gemms(product, config)
    rows, cols = config.tile.rows, config.tile.cols
    busy = product.macs / (rows * cols)
    tile = sum(ceil(one.k / rows) * ceil(one.n / cols) * max(one.m, cols) for one in queue)
    moved = bus_cycles(config, queue, bus)
    if max(tile, moved) < _WAITING * cycles:
        return "latency"
    if moved > tile:
        return "bus"
    return "multipliers" if busy > 0.9 * tile else "tile shape"


def _compared(layer: dict[str, Any]) -> str:
    if not layer["compared"]:
        return ""
    if not layer["different"]:
        return "equal"
    return f"{layer['different']:,} of {layer['compared']:,} differ, by {layer['largest_difference']:g} at most"


def _cells(layer: dict[str, Any]) -> list[str]:
    shape = "×".join(map(str, layer["shape"]))
    where = f"host, {layer['type']}" if layer["where"] == "host" and "float" in layer["type"] else layer["where"]
    operator = f"{layer['operator']} +{layer['joined']}" if layer["joined"] else layer["operator"]
    if "macs" not in layer:
        return [str(layer["index"]), operator, shape, where, "", "", "", "", ""]
    batch = f"{layer['batch']} · " if layer["batch"] > 1 else ""
    product = f"{batch}{layer['m']}×{layer['n']}×{layer['k']}"
    numbers = [f"{layer['macs']:,}", f"{layer['cycles']:,}", f"{layer['utilisation']:.1%}"]
    return [str(layer["index"]), operator, shape, where, product, *numbers, layer["bound"]]


_HEADINGS = ("", "operator", "result", "where", "M×N×K", "MACs", "cycles", "busy", "bound by")


def network_table(figures: dict[str, Any]) -> FigureTable:
    """Return a table with a row for each operator."""
    checked = bool(figures.get("compared"))
    table = FigureTable()
    for heading in (*_HEADINGS, *(["check"] if checked else [])):
        numbers = heading in ("", "MACs", "cycles", "busy")
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=heading != "check")
    for layer in figures["layers"]:
        table.add_row(*_cells(layer), *([_compared(layer)] if checked else []))
    return table


def network_summary(figures: dict[str, Any], reference: str = "") -> list[str]:
    """Return the lines below the table."""
    estimated = "seconds" not in figures
    line = f"{figures['cycles']:,} cycles{' estimated' if estimated else ''}"
    runs = figures.get("runs", 1)
    line += f" for {runs} runs" if runs > 1 else ""
    line += f" in {figures['submissions']} submissions, {figures['macs']:,} multiply-accumulates"
    lines = [f"{line}, multipliers busy {figures['utilisation']:.2%}"]
    if not estimated:
        lines.append(f"simulated in {figures['seconds']:.1f} s")
    if figures.get("compared"):
        different = figures["different"]
        result = f"{different:,} differ" if different else "all are equal"
        lines.append(f"{figures['compared']:,} values compared with {reference}: {result}")
    return lines


def network_page(figures: dict[str, Any], reference: str = "") -> str:
    """Return the report as an HTML page that opens offline."""
    title = html.escape(f"{figures['network']} on the accelerator")
    longest = max((layer["cycles"] for layer in figures["layers"]), default=1) or 1
    checked = bool(figures.get("compared"))
    rows = []
    for layer in figures["layers"]:
        cells = [f'<td class="text">{html.escape(cell)}</td>' for cell in _cells(layer)[:5]]
        cells += [f"<td>{html.escape(cell)}</td>" for cell in _cells(layer)[5:]]
        cells.append(
            f'<td class="share"><span class="bar" style="width:{100 * layer["cycles"] / longest:.2f}%"></span>'
        )
        kind = "different" if layer["different"] else "text"
        cells += [f'<td class="{kind}">{html.escape(_compared(layer))}</td>'] if checked else []
        rows.append(f'<tr class="{layer["where"]}">{"".join(cells)}</tr>')
    headings = [f'<th class="text">{name}</th>' for name in (*_HEADINGS, "share", *(["check"] if checked else []))]
    fields = ", ".join(f"{name} = {value}" for name, value in figures["config"].items())
    data = json.dumps(figures).replace("</", "<\\/")
    body = [f"<h1>{title}</h1>", *(f"<p>{html.escape(line)}</p>" for line in network_summary(figures, reference))]
    body += [f"<p><code>{html.escape(fields)}</code></p>", f"<table><tr>{''.join(headings)}</tr>", *rows, "</table>"]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'</head>\n<body>\n{chr(10).join(body)}\n<script type="application/json" id="report">{data}</script>\n'
        "</body></html>\n"
    )
