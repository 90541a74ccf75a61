"""The command ``verify``."""

import os
import shlex
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tilewright.base import check_folder, check_output, write_files
from tilewright.flows import family_of
from tilewright_sim.benches import EFFORTS
from tilewright_sim.console import FigureTable, Printer, console
from tilewright_sim.verify import Report, Settings, VerifiedTest, junit, page
from tilewright_sim.verify import verify as run_regression

from .options import (
    FILE,
    chosen,
    config_options,
    distinct_files,
    html_option,
    jobs_option,
    output_option,
    seed_option,
    target_option,
)

__all__ = ["verify"]

OUTPUT = Path("build/verify")


@click.command()
@config_options
@click.option(
    "--sim", "simulator", default="verilator", show_default=True, metavar="NAME",
    help="icarus, verilator, or another simulator that cocotb knows.",
)  # fmt: skip
@seed_option(default=1)
@click.option(
    "--tests", "pattern", metavar="PATTERN", help="Only tests whose names contain this; * and ? as in file names."
)
@click.option(
    "--effort", default="default", show_default=True, type=click.Choice(EFFORTS), help="How much each test does."
)
@click.option("--longest", metavar="SIZE", type=click.IntRange(1, 1 << 16), help="Largest random size of any data.")
@target_option(default="generic")
@jobs_option
@click.option("--junit", "junit_file", type=FILE, help="Write the results as JUnit XML.")
@html_option
@output_option(default=OUTPUT, show_default=True)
def verify(
    core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], simulator: str, seed: int,
    pattern: str | None, effort: str, longest: int | None, target: str, jobs: int | None, junit_file: Path | None,
    html_file: Path | None, output: Path,
) -> int:  # fmt: skip
    """Run the regression of CORE on the Verilog of one configuration, in a simulator.

    Results are compared with the golden model, and the rules of the buses are checked in every cycle. --output gets the
    Verilog, logs and, where a test fails, waveforms.

    Exit status 1 if a test fails; the command that repeats it is printed.

    \b
    Examples:
      tilewright verify accelerator --preset nano --effort quick
      tilewright verify accelerator --config my.toml --sim icarus --tests abort
      tilewright verify tile --set rows=12 --set dot=4 --seed 7 --html tile.html
    """
    distinct_files({"--junit": junit_file, "--html": html_file}, {"--config": path})
    for file in filter(None, (junit_file, html_file)):
        check_output(file)
    check_folder(output)
    chosen_core, config = chosen(core, preset, path, settings)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("")
        report = run_regression(
            chosen_core,
            config,
            Settings(
                folder=output, simulator=simulator, family=family_of(target), seed=seed, effort=effort, tests=pattern,
                jobs=jobs or os.cpu_count() or 1, longest=longest,
            ),
            lambda what, done, count: bar.update(task, description=what, completed=done, total=count),
        )  # fmt: skip
    again = [_command(test, simulator, effort, target, output) for test in report.failures]
    if junit_file:
        write_files(junit_file.parent, {junit_file.name: junit(report)})
    if html_file:
        write_files(html_file.parent, {html_file.name: page(report, html_file.parent, again)})
    _print(report, again)
    return 1 if report.failures else 0


def _command(test: VerifiedTest, simulator: str, effort: str, target: str, output: Path) -> str:
    """What runs a test again, with the configuration that was chosen on this command line."""
    chosen_by = click.get_current_context().params
    words = ["tilewright", "verify", chosen_by["core"]]
    words += ["--preset", chosen_by["preset"]] if chosen_by["preset"] else []
    words += ["--config", str(chosen_by["path"])] if chosen_by["path"] else []
    words += [word for setting in chosen_by["settings"] for word in ("--set", setting)]
    words += ["--sim", simulator, "--seed", str(test.seed), "--effort", effort, "--tests", test.name]
    words += ["--longest", str(test.longest)] if test.longest else []
    words += ["--target", target] if target != "generic" else []
    words += ["--output", str(output)] if output != OUTPUT else []
    return shlex.join(words)


def _print(report: Report, again: list[str]) -> None:
    out = Printer()
    table = FigureTable()
    table.add_column("test")
    for heading in ("seed", "cycles", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("result")
    for test in report.tests:
        result = f"skipped: {test.message}" if test.status == "skipped" else test.status
        table.add_row(test.name, str(test.seed), f"{test.cycles:,}", f"{test.seconds:.1f}", result)
    out.print(table)
    for test, command in zip(report.failures, again, strict=True):
        out.print(f"\n{test.name}: {test.message}", soft_wrap=True)
        if test.waveform:
            out.print(f"  waveform: {test.waveform}", soft_wrap=True)
        out.print(f"  log: {test.log}", soft_wrap=True)
        out.print(f"  repeat: {command}", soft_wrap=True)
    out.print(f"{report.core} on {report.simulator}: {report.summary}", soft_wrap=True)
