"""The commands ``bitstream`` and ``program``."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import click

from tilewright.base import load_config
from tilewright.boards import BOARDS, BoardConfig
from tilewright.flows.fpga import BitstreamReport, build_bitstream, loader_command, program
from tilewright_sim.console import FigureTable, Printer, console

from .common.options import board_option, json_option, output_option, seeds_option, set_option, toml_option

__all__ = ["bitstream", "program_command"]


@click.command()
@board_option
@toml_option
@set_option
@output_option(default=Path("build"), show_default=True)
@seeds_option(default=3)
@json_option
def bitstream(
    board: str, path: Path | None, settings: tuple[str, ...], output: Path, seeds: int, as_json: bool
) -> None:
    """Build the bitstream of a whole system for a board, with Yosys and nextpnr, and check its timing.

    A TOML file has a table [board].

    Writes NAME.bit (or .bin, .fs), NAME.json with the report, and NAME.v. Fails and writes nothing if the design does
    not fit or misses timing.

    \b
    Examples:
      tilewright bitstream --board colorlight-i5 -o build/
      tilewright bitstream --board ulx3s-85f --set clock_hz=60_000_000 --set baud=1_000_000
    """
    chosen = BOARDS[board]
    config = load_config(BoardConfig, board, path, settings)
    with console.status("") as status:
        report = build_bitstream(chosen, config, output, list(range(1, seeds + 1)), status.update)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    Printer().print(_table(report))
    click.echo(f"{output / chosen.bitstream}: load it with `tilewright program --board {board} -o {output}`")


@click.command("program")
@board_option
@output_option(default=Path("build"), show_default=True)
@click.option("--flash", is_flag=True, help="Write to the flash memory, permanently; the only way on the icebreaker.")
@click.option("--dry-run", is_flag=True, help="Print the command without running it.")
def program_command(board: str, output: Path, flash: bool, dry_run: bool) -> None:
    """Load a bitstream of `tilewright bitstream` into a board with openFPGALoader."""
    if dry_run:
        click.echo(shlex.join(loader_command(BOARDS[board], output, flash)))
        return
    with console.status(f"loading {output / BOARDS[board].bitstream}"):
        done = program(BOARDS[board], output, flash)
    click.echo(done)


def _table(report: BitstreamReport) -> FigureTable:
    title = (
        f"{report.board} ({report.device}): {report.clock_mhz:g} MHz met, Fmax {report.reached_mhz:.1f} MHz with "
        f"seed {report.seed}, built in {report.seconds:.0f} s"
    )
    table = FigureTable(title=title, title_justify="left")
    for heading in ("", "used", "of", "%"):
        table.add_column(heading, justify="left" if not heading else "right")
    for kind, used in report.used.items():
        has = report.available[kind]
        table.add_row(kind, f"{used:,}", f"{has:,}", f"{100 * used / has:.0f}")
    return table
