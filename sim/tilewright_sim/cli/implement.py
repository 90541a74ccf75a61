"""The commands ``area`` and ``fmax``."""

import json
from pathlib import Path
from typing import Any

import click

from tilewright.base import Config
from tilewright.flows import ReportTarget
from tilewright.flows.fpga import LUT4_EQUIVALENTS, Area, FpgaFlow
from tilewright_sim.console import FigureTable, Printer, console

from .common.options import chosen, config_options, json_option, seeds_option, target_option

__all__ = ["area", "area_table", "fmax"]


@click.command(epilog="\b\n" + LUT4_EQUIVALENTS)
@config_options
@target_option(default="generic")
@json_option
def area(
    core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], target: str, as_json: bool
) -> None:
    """Count the cells of CORE after synthesis with Yosys, in total and per multiplier."""
    if target == "asic":
        raise click.UsageError("area counts cells of FPGAs: use `tilewright report` for --target asic")
    chosen_core, config = chosen(core, preset, path, settings)
    flow = FpgaFlow(chosen_core, config, ReportTarget.parse(target))
    with console.status(f"synthesizing for {target}; the first run on a machine takes a minute longer"):
        measured = flow.areas().total
    if as_json:
        click.echo(json.dumps({"core": core, "target": target, "config": config.model_dump(), **measured.report()}))
    else:
        Printer().print(area_table(measured, f"{core} {_brief(config)}, {target}"))


def area_table(measured: Area, title: str) -> FigureTable:
    """Return the table of an area report."""
    table = FigureTable(title=title, title_justify="left")
    table.add_column("")
    columns = {"lut4": "LUT4-equivalents", "carry": "carry cells", "ff": "FF", "dsp": "DSP", "bram": "BRAM"}
    for heading in columns.values():
        table.add_column(heading, justify="right")
    report = measured.report()
    table.add_row("total", *(f"{report['total'][name]:,}" for name in columns))
    if "per_multiplier" in report:
        table.add_row("per multiplier", *(f"{report['per_multiplier'][name]:.1f}" for name in columns))
    return table


@click.command()
@config_options
@seeds_option(default=3)
def fmax(core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], seeds: int) -> None:
    """Place and route CORE for ECP5-85k, speed grade 6, with all ports registered; print the Fmax of each seed."""
    chosen_core, config = chosen(core, preset, path, settings)
    best = 0.0
    with console.status("synthesizing, then placing and routing; a minute or more for each seed"):
        for placement in FpgaFlow(chosen_core, config, "ecp5-85k").placements(range(1, seeds + 1)):
            click.echo(f"seed {placement.seed}: {placement.mhz:.1f} MHz")
            best = max(best, placement.mhz)
    click.echo(f"best: {best:.1f} MHz")


def _brief(config: Config) -> str:
    values: dict[str, Any] = config.model_dump()
    return " ".join(f"{name}={value}" for name, value in values.items())
