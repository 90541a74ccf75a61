"""The command ``report``."""

import json
from pathlib import Path

import click
import numpy as np

from tilewright.base import TilewrightError, check_folder, check_output, write_files
from tilewright.flows import ReportTarget
from tilewright.flows.fpga import LUT4_EQUIVALENTS
from tilewright_sim.console import Printer, console
from tilewright_sim.cost import WORKLOADS, measure, page, view
from tilewright_sim.host import check_matrix, load_matrix
from tilewright_sim.models.cycles import Bus

from .common.options import (
    FILE,
    chosen,
    config_options,
    distinct_files,
    freq_option,
    html_option,
    json_option,
    latency_option,
    liberty_option,
    memory_area_option,
    only_with,
    output_option,
    seeds_option,
    shape_option,
    target_option,
)

__all__ = ["report"]


@click.command(epilog="\b\n" + LUT4_EQUIVALENTS)
@config_options
@target_option(default="generic")
@liberty_option
@memory_area_option
@freq_option
@seeds_option(default=None, show_default=False)
@shape_option
@click.option("--power", is_flag=True, help="Simulate work and measure power; target asic.")
@click.option("--data", type=click.Choice(WORKLOADS), default="random", show_default=True, help="Data of that work.")
@click.option("--matrices", nargs=2, type=FILE, metavar="A.npy B.npy", help="These instead: int8 [M, K] and [N, K].")
@latency_option(default=0)
@click.option("--depth", type=click.IntRange(0), help="Levels of modules in the tables: 2 for an accelerator, else 4.")
@html_option
@output_option()
@json_option
def report(
    core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], target: str,
    liberty: tuple[Path, ...], memory_um2_per_bit: float | None, freq: float | None, seeds: int | None,
    shapes: tuple[tuple[int, int, int], ...], power: bool, data: str, matrices: tuple[Path, Path] | None, latency: int,
    depth: int | None, html_file: Path | None, output: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Say what a configuration of CORE costs: area by module, timing, cycles, power.

    With --output, Verilog, SDC and netlist are kept in that folder.

    Exit status 1 if a clock was asked for with --freq and missed, 2 if something could not be measured, 130 if Ctrl-C
    left out seeds.

    \b
    Examples:
      tilewright report accelerator --preset small --target ecp5-45k
      tilewright report tile --preset small --set multiplier=dsp --target ecp5-85k --seeds 3 --freq 180
      tilewright report tile --target asic --liberty cells.lib --freq 100 --power --html report.html
      tilewright report dma-writer --target asic --liberty cells.lib --power
    """
    only_with("matrices data", "with --power", power)
    only_with("data", "without --matrices", not matrices)
    only_with("latency", "with --shape or --power", bool(shapes) or power)
    only_with("liberty memory_um2_per_bit", "with --target asic", target == "asic")
    only_with("depth", "without --json", not as_json)
    distinct_files({"--html": html_file}, {"--config": path} | {f"--liberty {file}": file for file in liberty})
    if html_file:
        check_folder(html_file.parent)
        check_output(html_file)
    if output:
        check_folder(output)
    place = ReportTarget.parse(target, liberty, memory_um2_per_bit)
    if freq is not None and place.family != "asic" and not seeds and output is None:
        how = "add --seeds 1, or more" if place.device else f"the target {place.name} has no timing; try ecp5 or ice40"
        raise TilewrightError(f"--freq {freq:g} is checked by place and route: {how}")
    chosen_core, config = chosen(core, preset, path, settings)
    pair = None
    if matrices:
        a, b = (check_matrix(load_matrix(file), str(file)) for file in matrices)
        if a.shape[1] != b.shape[1]:
            raise TilewrightError(f"{matrices[0]} is {list(a.shape)} and {matrices[1]} {list(b.shape)}: K must agree")
        pair = np.asarray(a), np.asarray(b)
    with console.status("") as status:
        found = measure(
            chosen_core, config, place, freq=freq, seeds=range(1, (seeds or 0) + 1), shapes=shapes, energy=power,
            data=pair or data, bus=Bus(latency=latency), output=output, progress=status.update,
        )  # fmt: skip
    if html_file:
        write_files(html_file.parent, {html_file.name: page(found)})
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        Printer().print(view(found, depth if depth is not None else 2 if core == "accelerator" else 4))
    if not found.met:
        timing = found.timing or {}
        click.echo(
            f"tilewright: timing missed: {timing['requested_mhz']:g} MHz asked for, {timing['best_mhz']:.1f} reached",
            err=True,
        )
        return 1
    return 130 if found.interrupted else 0
