"""The command ``board-sim``, and the part of ``gemm`` that runs on a board."""

import json
import time
from dataclasses import replace
from pathlib import Path

import click
from numpy.typing import NDArray

from tilewright.boards import BOARDS
from tilewright_sim.console import Printer, console
from tilewright_sim.host import check_result, write_matrix
from tilewright_sim.host.serial import Board
from tilewright_sim.models import gemm as golden
from tilewright_sim.verilated import BoardSimulator, simulated_board_config

from .common.gemm_report import report, summary, where_the_time_went
from .common.options import board_option, set_option

__all__ = ["board_sim", "gemm_on_board"]


def gemm_on_board(
    port: str, baud: int, a: NDArray, b: NDArray, bias: NDArray | None, requant: golden.Requant | None,
    output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Multiply on the board at a serial port, check the result and print a report."""
    with console.status(f"multiplying on the board at {port}"), Board(port, baud) as chip:
        if requant:
            requant = replace(requant, rounding=chip.config.roundings[0])
        start = time.perf_counter()
        result = chip.gemm(a, b, bias=bias, requant=requant)
        seconds = time.perf_counter() - start
        config, clock_hz = chip.config, chip.serial.information.clock_hz
    check_result(result.c, a, b, bias, requant)
    if output:
        write_matrix(output, result.c)
    figures = report(config, result, a.shape[1], None) | {"clock_hz": clock_hz, "seconds_with_transfers": seconds}
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"{summary(figures)}\nall {result.c.size:,} results equal numpy's")
    click.echo(f"{result.cycles / clock_hz * 1e3:.3f} ms at {clock_hz / 1e6:g} MHz; {seconds:.1f} s with all transfers")
    Printer().print(where_the_time_went(result.counters))


@click.command("board-sim")
@board_option
@set_option
def board_sim(board: str, settings: tuple[str, ...]) -> None:
    """Simulate a board until Ctrl-C; its serial port is a pseudo-terminal.

    \b
    Prints the name of the port, which any program may open, for example in another terminal:
      tilewright gemm --port PORT --random 16x16x64
    """
    config = simulated_board_config(board, settings)
    with console.status("compiling the board, if it is the first run of this configuration: up to a minute"):
        simulated = BoardSimulator(config)
    with simulated:
        click.echo(simulated.port)
        console.print(f"a simulated {BOARDS[board].title}; Ctrl-C ends it", highlight=False)
        while True:
            time.sleep(1)
