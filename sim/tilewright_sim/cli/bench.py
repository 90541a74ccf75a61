"""The commands ``bench`` and ``demo``."""

from collections.abc import Iterator
from pathlib import Path

import click

from tilewright.base import TilewrightError, write_files
from tilewright_sim.benchmarks import BENCHES, Configuration, Figure, markdown, update_readme
from tilewright_sim.console import FigureTable, console

from .demo import BOARD_IMAGES, board_demo, digits_demo
from .options import preset_option

__all__ = ["bench", "demo"]


@click.command()
@click.argument("what", metavar="WHAT", type=click.Choice(list(BENCHES)))
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table as Markdown.")
@click.option(
    "--readme",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also put the table into this file, between <!-- bench WHAT --> and <!-- end WHAT -->.",
)
def bench(what: str, as_markdown: bool, readme: Path | None) -> None:
    """Measure the figures that the README shows for WHAT, one of its tables, and print each as soon as it is known.

    Nothing is tuned for it: it runs the same code as the other commands. Five to ten minutes for each on two cores,
    half an hour for the boards.
    """
    if readme is not None:
        _replace(readme, what, "")  # fail before five minutes of measuring
    figures: list[Figure | Configuration] = []
    with console.status("") as status:
        measuring: Iterator[Figure | Configuration] = iter(BENCHES[what]())
        while True:
            status.update(f"measuring figure {len(figures) + 1}")
            figure = next(measuring, None)
            if figure is None:
                break
            figures.append(figure)
            console.print(str(figure), highlight=False)
    click.echo(markdown(figures) if as_markdown else _plain(figures), nl=False)
    if readme is not None:
        write_files(readme.parent, {readme.name: _replace(readme, what, markdown(figures))})


def _replace(readme: Path, what: str, table: str) -> str:
    try:
        return update_readme(readme.read_text(encoding="utf-8"), what, table)
    except OSError as error:
        raise TilewrightError(f"cannot read {readme}: {error.strerror}") from None
    except ValueError as error:
        raise TilewrightError(f"cannot put the table into {readme}: {error}") from None


def _plain(figures: list[Figure | Configuration]) -> str:
    """The table without commands, for the terminal."""
    table = FigureTable()
    for heading in figures[0].HEADINGS[:-1] if figures else ():
        table.add_column(heading)
    for figure in figures:
        table.add_row(*(cell.replace("**", "").replace("`", "") for cell in figure.cells()[:-1]))
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@click.command()
@preset_option()
@click.option("--images", default=450, show_default=True, type=click.IntRange(1, 450), help="Test images to run.")
@click.option("--board-sim", is_flag=True, help="Run on a simulated board, through its serial port.")
def demo(preset: str | None, images: int, board_sim: bool) -> None:
    """Recognize handwritten digits on the Verilog of an accelerator, compare with the golden model, show its area.

    The preset is small unless another is given.
    """
    if board_sim:
        if preset:
            raise click.UsageError(f"--preset {preset}: a board has its own; leave out --preset or --board-sim")
        board_demo(min(images, BOARD_IMAGES))
    else:
        digits_demo(preset or "small", images)
