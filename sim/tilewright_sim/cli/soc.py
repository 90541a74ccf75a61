"""The command ``soc``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import check_folder, load_values
from tilewright_sim.console import FigureTable, Printer, console

from .common.options import SHAPE, only_with, output_option, preset_option, seeds_option, set_option, toml_option

if TYPE_CHECKING:
    from tilewright.litex import SocBoard

__all__ = ["SOC_BOARD_NAMES", "soc"]

SOC_BOARD_NAMES = ["ulx3s-85f", "orangecrab-85f"]
"""Those of `tilewright.litex.SOC_BOARDS`, known without LiteX."""


@click.command()
@click.argument("shape", metavar="[MxNxK]", type=SHAPE, default="256x256x256")
@click.option("--sim", "simulated", is_flag=True, help="Simulate the SoC in Verilator.")
@click.option("--board", "-b", type=click.Choice(SOC_BOARD_NAMES), help="Name of the board.")
@preset_option(show_default="nano, or what fits the board")
@toml_option
@set_option
@click.option("--images", default=20, show_default=True, type=click.IntRange(1, 450), help="Test images to run.")
@output_option(default=Path("build/soc"), show_default=True)
@seeds_option(default=3)
@click.option(
    "--no-build", is_flag=True, help="With --board: write Verilog, constraints and firmware, but no bitstream."
)
def soc(
    shape: tuple[int, int, int], simulated: bool, board: str | None, preset: str | None, path: Path | None,
    settings: tuple[str, ...], images: int, output: Path, seeds: int, no_build: bool,
) -> int:  # fmt: skip
    """Build a LiteX SoC with VexRiscv, LiteDRAM and an accelerator, and firmware that uses it.

    The firmware multiplies matrices, C[M, N] = A[M, K] · B[N, K]ᵀ, and reads handwritten digits through the generated C
    driver, checks all results and prints them. With --sim, the cycles of the products stand beside the estimate for the
    latency and the bandwidth that the memory had; exit status 1 if the firmware finds a mistake. With --board, Yosys
    and nextpnr make a bitstream.

    \b
    Needs riscv64-unknown-elf-gcc: apt-get install gcc-riscv64-unknown-elf
    Examples:
      tilewright soc --sim
      tilewright soc 64x512x512 --sim --preset small
      tilewright soc --board ulx3s-85f -o build/
      tilewright soc --board orangecrab-85f -o build/
    """
    if simulated == (board is not None):
        raise click.UsageError("give either --sim or --board BOARD")
    only_with("seeds no_build", "with --board", board is not None)
    only_with("seeds", "without --no-build", not no_build)
    chosen = None
    if board is not None:
        from tilewright.litex import SOC_BOARDS  # LiteX is imported only where it is needed

        chosen = SOC_BOARDS[board]
    start = chosen.accelerator if chosen and not preset else AcceleratorConfig.preset_values(preset or "nano")
    config = AcceleratorConfig(**start | load_values(AcceleratorConfig, None, path, settings))
    check_folder(output)
    if chosen is None:
        return _simulate(config, output, shape, images)
    _build(chosen, config, output, shape, images, [] if no_build else list(range(1, seeds + 1)))
    return 0


def _step(text: str) -> None:
    console.print(f"{text} …", highlight=False)


def _simulate(config: AcceleratorConfig, output: Path, shape: tuple[int, int, int], images: int) -> int:
    from tilewright_sim.soc import simulate

    run = simulate(config, output, shape, images, _step, lambda line: click.echo(f"  {line}"))
    title = f"cycles from doorbell to interrupt; memory: latency {run.latency}, {run.bandwidth:.2f} beats per cycle"
    table = FigureTable(title=title, title_justify="left")
    for heading in ("GEMM", "cycles", "estimate", "difference", "multipliers busy"):
        table.add_column(heading, justify="left" if heading == "GEMM" else "right")
    for product in run.products:
        difference = product.run.cycles / product.estimated - 1
        table.add_row(
            "x".join(map(str, product.shape)), f"{product.run.cycles:,}", f"{product.estimated:,}",
            f"{difference:+.1%}", f"{product.utilisation:.1%}",
        )  # fmt: skip
    Printer().print(table)
    click.echo(f"driver: {run.firmware.driver_bytes:,} bytes of code and constants on rv32im")
    if not run.passed:
        end = run.lines[-1] if run.lines else "it printed nothing"
        console.print(f"the firmware did not finish in {run.cycles:,} cycles; its last line: {end}", highlight=False)
    return 0 if run.passed else 1


def _build(
    board: "SocBoard", config: AcceleratorConfig, output: Path, shape: tuple[int, int, int], images: int,
    seeds: list[int],
) -> None:  # fmt: skip
    from tilewright_sim.soc import build_for_board

    firmware, built = build_for_board(board, config, output, shape, images, seeds, _step)
    click.echo(f"driver: {firmware.driver_bytes:,} bytes of code and constants on rv32im")
    if built is None:
        click.echo(f"{output / 'gateware'}: Verilog and constraints of the SoC for the {board.title}")
        return
    table = FigureTable(title=f"{board.title}: timing met with seed {built.seed}, built in {built.seconds:.0f} s")
    for heading in ("", "used", "of"):
        table.add_column(heading, justify="right" if heading else "left")
    for kind, used in built.used.items():
        table.add_row(kind, f"{used:,}", f"{built.available[kind]:,}")
    Printer().print(table)
    for wanted, achieved in built.clocks.values():
        click.echo(f"the clock of {wanted:g} MHz could have {achieved:.1f} MHz")
    click.echo(f"load it with {board.loader} {output / list(board.files(built.bitstream))[-1]}")
