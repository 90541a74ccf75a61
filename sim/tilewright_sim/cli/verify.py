"""The command ``verify``."""

import os
import shlex
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tilewright.base import check_folder, check_output, load_values, write_files
from tilewright.cores import CORES
from tilewright.flows import family_of
from tilewright_sim.benches import EFFORTS
from tilewright_sim.console import FigureTable, Printer, console
from tilewright_sim.verify import (
    KINDS,
    Kind,
    Report,
    Settings,
    VerifiedTest,
    coverage_json,
    covered,
    junit,
    page,
    totals,
)
from tilewright_sim.verify import verify as run_regression

from .common.options import (
    FILE,
    chosen,
    config_options,
    configuration_words,
    distinct_files,
    html_option,
    jobs_option,
    only_with,
    output_option,
    scheduler_option,
    seed_option,
    target_option,
)
from .common.status import FAILED

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
@click.option(
    "--random", "products", metavar="COUNT", type=click.IntRange(1, 1_000_000_000),
    help="Instead, so many random jobs on random configurations.",
)  # fmt: skip
@click.option("--faults", is_flag=True, help="With --random: errors, aborts, resets and slow memories in each trial.")
@click.option(
    "--bit-flips", "flips", metavar="COUNT", type=click.IntRange(1, 1_000_000_000),
    help="Instead, so many flipped bits in the memories of random configurations with ecc.",
)  # fmt: skip
@scheduler_option
@click.option(
    "--rtl-coverage", is_flag=True,
    help="Count the lines, branches and toggles of the Verilog; with --sim verilator.",
)  # fmt: skip
@click.option("--longest", metavar="SIZE", type=click.IntRange(1, 1 << 16), help="Largest random size of any data.")
@target_option(default="generic")
@jobs_option
@click.option("--junit", "junit_file", type=FILE, help="Write the results as JUnit XML.")
@html_option
@output_option(default=OUTPUT, show_default=True)
def verify(
    core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], simulator: str, seed: int,
    pattern: str | None, effort: str, products: int | None, faults: bool, flips: int | None, scheduler: str | None,
    rtl_coverage: bool, longest: int | None, target: str, jobs: int | None, junit_file: Path | None,
    html_file: Path | None, output: Path,
) -> int:  # fmt: skip
    """Run the regression of CORE on the Verilog of one configuration, in a simulator.

    Results are compared with the golden model, and the rules of the buses are checked in every cycle. --output gets the
    Verilog, logs and, where a test fails, waveforms.

    With --random, configurations are drawn instead: each is generated, linted, compiled with Verilator, and computes
    some hundred random products, of int8 or block formats, and jobs of the vector engine if it has one, in random
    memories; every byte of the memory is compared. Fields of the preset, the
    file and --set are held. What was right is kept in --output: after Ctrl-C, or with a larger COUNT, the same command
    continues.

    With --bit-flips it is the same, with `ecc`: while descriptors run, one or two bits of stored words are flipped.
    With one, every result must be right; with two, the descriptor that used the word must fail.

    Exit status 1 if a test fails; the command that repeats it is printed.

    \b
    Examples:
      tilewright verify accelerator --preset nano --effort quick
      tilewright verify accelerator --config my.toml --sim icarus --tests abort
      tilewright verify tile --set rows=12 --set dot=4 --seed 7 --html tile.html
      tilewright verify accelerator --random 100000 --html campaign.html
      tilewright verify accelerator --bit-flips 1000000
    """
    distinct_files({"--junit": junit_file, "--html": html_file}, {"--config": path})
    for file in filter(None, (junit_file, html_file)):
        check_output(file)
    check_folder(output)
    only_with("flips", "without --random", products is None)
    random_trials = products or flips
    only_with("pattern simulator effort longest rtl_coverage target", "without --random", random_trials is None)
    only_with("rtl_coverage", "with --sim verilator", simulator == "verilator")
    only_with("faults", "with --random", products is not None)
    only_with("scheduler", "with --random or --bit-flips", random_trials is not None)
    only_with("jobs", "without --scheduler", scheduler is None)
    processes = jobs or os.cpu_count() or 1
    if random_trials is not None:
        if core != "accelerator":
            option = "--random" if products else "--bit-flips"
            raise click.UsageError(f"{option} is for the accelerator, not for {core}")
        from .verify_random import held_with_ecc, print_campaign, run_campaign

        held = load_values(CORES[core].config, preset, path, settings)
        kind: Kind = "flips" if flips else "faults" if faults else "products"
        if flips:
            held = held_with_ecc(held)
        report, again = run_campaign(random_trials, kind, seed, held, output, scheduler, processes)
        _write(report, again, junit_file, html_file)
        print_campaign(report, again)
        return FAILED if report.failures else 0
    chosen_core, config = chosen(core, preset, path, settings)
    wanted = Settings(
        folder=output, simulator=simulator, family=family_of(target), seed=seed, effort=effort, tests=pattern,
        jobs=processes, longest=longest, rtl_coverage=rtl_coverage,
    )  # fmt: skip
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("")
        report = run_regression(
            chosen_core, config, wanted,
            lambda what, done, count: bar.update(task, description=what, completed=done, total=count),
        )  # fmt: skip
    again = [_command(test, simulator, effort, target, output) for test in report.failures]
    if report.rtl:
        write_files(output, {"coverage.json": coverage_json(report.rtl)})
    _write(report, again, junit_file, html_file)
    _print(report, again)
    return FAILED if report.failures else 0


def _write(report: Report, again: list[str], junit_file: Path | None, html_file: Path | None) -> None:
    if junit_file:
        write_files(junit_file.parent, {junit_file.name: junit(report)})
    if html_file:
        write_files(html_file.parent, {html_file.name: page(report, html_file.parent, again)})


def _command(test: VerifiedTest, simulator: str, effort: str, target: str, output: Path) -> str:
    """What runs a test again, with the configuration that was chosen on this command line."""
    words = ["tilewright", "verify", click.get_current_context().params["core"], *configuration_words()]
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
    if report.rtl:
        out.print(_rtl_table(report))
    out.print(f"{report.core} on {report.simulator}: {report.summary}", soft_wrap=True)


def _rtl_table(report: Report) -> FigureTable:
    """The share of points that were reached, by module; coverage.json lists the others."""
    table = FigureTable()
    table.add_column("module")
    for heading in ("lines", "branches", "toggles"):
        table.add_column(heading, justify="right")
    found = covered(report.rtl)
    for module, kinds in [*found.items(), ("all", totals(found))]:
        table.add_row(module, *(str(kinds[kind]) for kind in KINDS))
    return table
