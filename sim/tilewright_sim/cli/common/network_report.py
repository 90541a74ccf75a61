"""The report of ``tilewright model run`` and of ``tilewright estimate --network``, as text or as JSON."""

import json
from typing import Any

import click

from tilewright_sim.console import Printer
from tilewright_sim.nn.networks import network_summary, network_table

__all__ = ["print_network"]


def print_network(figures: dict[str, Any], as_json: bool, reference: str = "") -> None:
    """Print measurements or estimates, and outputs if the network ran; ``reference``: what it was compared with."""
    if as_json:
        click.echo(json.dumps(figures))
        return
    Printer(highlight=False).print(network_table(figures))
    for line in network_summary(figures, reference):
        click.echo(line)
    for output in figures.get("outputs", []):
        first = ", ".join(f"{value:.6g}" for value in output["first"])
        click.echo(f"output {output['name']} {output['type']} {output['shape']}: {first}")
