"""The commands ``bench`` and ``demo``."""

from collections.abc import Iterator
from pathlib import Path

import click

from tilewright.base import TilewrightError, check_output, write_files
from tilewright_sim.benchmarks import BENCHES, Configuration, Measurement, markdown, update_page
from tilewright_sim.console import FigureTable, console

from .common.options import preset_option
from .demo import BOARD_IMAGES, board_demo, digits_demo

__all__ = ["bench", "demo"]


@click.command()
@click.argument("what", metavar="WHAT", type=click.Choice(list(BENCHES)))
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table as Markdown.")
@click.option(
    "--docs",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the table into the page WHAT.md of this folder (docs/results in a checkout), between its marks "
    "<!-- bench WHAT --> and <!-- end WHAT -->.",
)
def bench(what: str, as_markdown: bool, docs: Path | None) -> None:
    """Measure the results that docs/results shows for WHAT; print each as soon as it is known.

    It runs the same code as the other commands. On two cores each page takes five to ten minutes, the boards half an
    hour.
    """
    page = docs / f"{what}.md" if docs is not None else None
    if page is not None:
        _replace(page, what, "")  # to fail before five minutes of measuring
        check_output(page)
    results: list[Measurement | Configuration] = []
    with console.status("") as status:
        measuring: Iterator[Measurement | Configuration] = iter(BENCHES[what]())
        while True:
            status.update(f"measuring result {len(results) + 1}")
            result = next(measuring, None)
            if result is None:
                break
            results.append(result)
            console.print(str(result), highlight=False)
    click.echo(markdown(results) if as_markdown else _plain(results), nl=False)
    if page is not None:
        write_files(page.parent, {page.name: _replace(page, what, markdown(results))})


def _replace(page: Path, what: str, table: str) -> str:
    try:
        return update_page(page.read_text(encoding="utf-8"), what, table)
    except OSError as error:
        raise TilewrightError(
            f"cannot read {page}: {error.strerror}; --docs takes the folder docs/results of a checkout"
        ) from None
    except UnicodeDecodeError:
        raise TilewrightError(f"cannot put the table into {page}: it is not UTF-8") from None
    except ValueError as error:
        raise TilewrightError(f"cannot put the table into {page}: {error}") from None


def _plain(results: list[Measurement | Configuration]) -> str:
    """Return the table without the commands, for the terminal."""
    table = FigureTable()
    for heading in results[0].HEADINGS[:-1] if results else ():
        table.add_column(heading)
    for result in results:
        table.add_row(*(cell.replace("**", "").replace("`", "") for cell in result.cells()[:-1]))
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@click.command()
@preset_option()
@click.option("--images", default=450, show_default=True, type=click.IntRange(1, 450), help="Test images to run.")
@click.option("--board-sim", is_flag=True, help="Run on a simulated board, through its serial port.")
def demo(preset: str | None, images: int, board_sim: bool) -> None:
    """Recognize handwritten digits on the Verilog of an accelerator, compare with the golden model, print its area.

    The default preset is small.
    """
    if board_sim:
        if preset:
            raise click.UsageError(f"--preset {preset}: a board has its own preset; leave out --preset or --board-sim")
        board_demo(min(images, BOARD_IMAGES))
    else:
        digits_demo(preset or "small", images)
