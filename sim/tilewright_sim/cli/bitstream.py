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

from .options import board_option

__all__ = ["bitstream", "program_command"]


@click.command()
@board_option
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="A TOML file with a table [board].")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set a field; repeatable.")
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100), help="Placements to try.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def bitstream(name: str, path: Path | None, settings: tuple[str, ...], output: Path, seeds: int, as_json: bool) -> None:
    """Build the bitstream of a whole system for a board, with Yosys and nextpnr, and check its timing.

    Writes NAME.bit (or .bin), NAME.json with the report, and NAME.v. A design that does not fit or misses timing is an
    error, and nothing is written.

    \b
    Examples:
      tilewright bitstream --board colorlight-i5 -o build/
      tilewright bitstream --board ulx3s-85f --set clock_hz=60_000_000 --set baud=1_000_000
    """
    board = BOARDS[name]
    config = load_config(BoardConfig, name, path, settings)
    with console.status("") as status:
        report = build_bitstream(board, config, output, list(range(1, seeds + 1)), status.update)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    Printer().print(_table(report))
    click.echo(f"{output / board.bitstream}: load it with `tilewright program --board {name} -o {output}`")


@click.command("program")
@board_option
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option("--flash", is_flag=True, help="Into the flash memory, where it stays; the icebreaker always does so.")
@click.option("--dry-run", is_flag=True, help="Only print the command.")
def program_command(name: str, output: Path, flash: bool, dry_run: bool) -> None:
    """Load the bitstream that `tilewright bitstream` wrote into a board, with openFPGALoader."""
    if dry_run:
        click.echo(shlex.join(loader_command(BOARDS[name], output, flash)))
        return
    with console.status(f"loading {output / BOARDS[name].bitstream}"):
        done = program(BOARDS[name], output, flash)
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
