"""Options that several commands share, and how their values are read."""

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from tilewright.base import Config, load_config
from tilewright.boards import BOARDS
from tilewright.cores import PRODUCTS, Product

__all__ = [
    "Number",
    "board_option",
    "chosen",
    "config_options",
    "distinct_files",
    "given",
    "only_with",
    "options_for",
    "parse_shape",
]


class Number(click.FloatRange):
    """A finite number in a range; nan and infinities are refused."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


LATENCY = click.IntRange(0, 1_000_000)
BANDWIDTH = Number(0.0001, 1)
MHZ = Number(0.001, 100_000)


def given(name: str) -> bool:
    """Whether a parameter of the command that runs was on the command line."""
    ctx = click.get_current_context()
    return ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def only_with(names: str, needed: str, holds: bool) -> None:
    """Refuse options that were given and have no effect.

    Parameters
    ----------
    names : str
        Parameters, separated by blanks.
    needed : str
        With what they have one, for the message.
    holds : bool
        Whether that is the case.
    """
    options = {param.name: param.opts[-1] if param.opts[0].startswith("--") is False else param.opts[0]
               for param in click.get_current_context().command.params}  # fmt: skip
    for name in names.split():
        if given(name) and not holds:
            raise click.UsageError(f"{options[name]} has an effect only {needed}")


def distinct_files(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Refuse two outputs, or an input and an output, that are the same file; the names are for the message."""
    taken = {os.path.realpath(file): name for name, file in inputs.items() if file}
    for name, file in outputs.items():
        if file is None:
            continue
        place = os.path.realpath(file)
        if place in taken and (not os.path.lexists(place) or os.path.isfile(place)):
            raise click.UsageError(f"{taken[place]} and {name} are the same file: {file}")
        taken[place] = name


def parse_shape(text: str, option: str) -> tuple[int, int, int]:
    """Return the sizes of ``MxNxK``, each 1 to 9,999,999."""
    sizes = re.fullmatch(r"([1-9][0-9]{0,6})x([1-9][0-9]{0,6})x([1-9][0-9]{0,6})", text)
    if not sizes:
        raise click.UsageError(f"{option} {text}: write it as MxNxK, for example {option} 512x512x512")
    m, n, k = map(int, sizes.groups())
    return m, n, k


def options_for(preset: str, latency: int) -> Callable[[Callable], Callable]:
    """Return a decorator that adds the options that choose the accelerator and the memory behind it."""
    options = [
        click.option("--preset", "-p", default=preset, show_default=True, help="Start from this preset."),
        click.option(
            "--config", "-c", "path", type=click.Path(path_type=Path), help="A TOML file; wins over the preset."
        ),
        click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set a field; wins over both."),
        click.option("--latency", default=latency, show_default=True, type=LATENCY, help="Memory latency in cycles."),
        click.option(
            "--bandwidth", default=1.0, show_default=True, type=BANDWIDTH, help="Memory bandwidth in beats per cycle."
        ),
    ]

    def add(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def board_option(function):
    """Add the option that names a board."""
    choice = click.Choice(list(BOARDS))
    return click.option("--board", "-b", "name", type=choice, required=True, help="The board.")(function)


def config_options(function: Callable) -> Callable:
    """Add the options that choose a product's configuration."""
    options = [
        click.argument("product", metavar="PRODUCT", type=click.Choice(list(PRODUCTS))),
        click.option("--preset", "-p", help="Start from this preset (see `tilewright presets`)."),
        click.option(
            "--config",
            "-c",
            "path",
            type=click.Path(path_type=Path),
            help="A TOML file; its values win over the preset's.",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set one field; wins over both. Repeatable."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def chosen(product: str, preset: str | None, path: Path | None, settings: tuple[str, ...]) -> tuple[Product, Config]:
    """Return the product and the configuration that the options name."""
    return PRODUCTS[product], load_config(PRODUCTS[product].config, preset, path, settings)
