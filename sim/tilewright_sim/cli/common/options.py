"""The options that several commands share, the types of their values, and what is shown while they compile."""

import math
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import FAMILIES, Config, ConfigError, load_config
from tilewright.boards import BOARDS
from tilewright.cores import BOARD, CORES, Core
from tilewright.flows import TARGETS
from tilewright.link import BAUD

__all__ = [
    "COMPILING", "FILE", "MHZ", "ROWS", "SHAPE", "Number", "accelerator_options", "b_format_option", "b_format_place",
    "board_option", "chosen", "config_options", "configuration_words", "distinct_files", "freq_option", "given",
    "html_option", "jobs_option", "json_option", "latency_option", "liberty_option", "memory_area_option",
    "only_with", "output_option", "port_options", "preset_option", "result_option", "scheduler_option", "seed_option",
    "seeds_option", "set_option", "shape_option", "stall_option", "target_option", "toml_option", "trace_option",
]  # fmt: skip


class Number(click.FloatRange):
    """A finite number in a range; rejects nan and infinities."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Shape(click.ParamType):
    """Sizes as in ``MxNxK``, each 1 to 9,999,999."""

    def __init__(self, name: str, example: str):
        self.name, self.example = name, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        sizes = re.fullmatch("x".join(["([1-9][0-9]{0,6})"] * len(self.name.split("x"))), value)
        if not sizes:
            self.fail(f"{value}: write it as {self.name}, for example {self.example}", param, ctx)
        return tuple(map(int, sizes.groups()))


COMPILING = "compiling the accelerator, if it is the first run of this configuration: up to a minute"
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path)
MHZ = Number(0.001, 100_000)
SHAPE = Shape("MxNxK", "512x512x512")
ROWS = Shape("MxN", "64x576")


def _config_of(ctx: click.Context) -> type[Config]:
    """The configuration chosen by a possibly incomplete command line, for shell completion."""
    core = CORES.get(str(ctx.params.get("core")), CORES["accelerator"])
    return (BOARD if "board" in {param.name for param in ctx.command.params} else core).config


def _complete_preset(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in _config_of(ctx).PRESETS if name.startswith(incomplete)]


def _complete_field(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(f"{name}=") for name in _config_of(ctx).fields() if name.startswith(incomplete)]


# Name, type and help are the same in all commands; only defaults differ.
b_format_option = click.option(
    "--b-format", metavar="NAME", help="Format of B, one of the field `b_formats`; the first of them by default."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
liberty_option = click.option(
    "--liberty", multiple=True, type=FILE, help="Liberty file, plain or .gz, for --target asic. Repeatable."
)
memory_area_option = click.option(
    "--memory-um2-per-bit", type=Number(0, 1e6), help="Area per bit of memory, for --target asic."
)
html_option = click.option("--html", "html_file", type=FILE, help="Write the report as one HTML file.")
jobs_option = click.option(
    "--jobs", "-j", type=click.IntRange(1, 1024), help="Number of processes; all CPUs by default."
)
freq_option = click.option("--freq", type=MHZ, metavar="MHZ", help="Target clock in MHz.")
set_option = click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", shell_complete=_complete_field,
    help="Set a field; wins over --preset and --config. Repeatable.",
)  # fmt: skip
toml_option = click.option("--config", "-c", "path", type=FOLDER, help="TOML file; its values win over the preset's.")
trace_option = click.option("--trace", type=FILE, help="Write a trace for ui.perfetto.dev.")
board_option = click.option("--board", "-b", type=click.Choice(list(BOARDS)), required=True, help="Name of the board.")
preset_option = partial(
    click.option, "--preset", "-p", metavar="PRESET", shell_complete=_complete_preset,
    help="Start from this preset; see `tilewright presets`.",
)  # fmt: skip
output_option = partial(click.option, "--output", "-o", type=FOLDER, help="Folder for generated files.")
latency_option = partial(
    click.option, "--latency", type=click.IntRange(0, 1_000_000), show_default=True, help="Memory latency in cycles."
)
bandwidth_option = click.option(
    "--bandwidth", default=1.0, show_default=True, type=Number(0.0001, 1), help="Memory bandwidth in beats per cycle."
)
result_option = partial(
    click.option, "--result", type=click.Choice(["int8", "int32"]), show_default=True, help="Type of the results."
)
stall_option = click.option(
    "--stall", default=0.0, show_default=True, type=Number(0, 0.99),
    help="Probability that a channel of the bus pauses in a cycle.",
)  # fmt: skip
scheduler_option = click.option(
    "--scheduler", metavar="tcp://HOST:PORT", help="Use the workers of this Dask scheduler instead."
)
seed_option = partial(
    click.option, "--seed", show_default=True, type=click.IntRange(0, 1 << 32), help="Seed of everything random."
)
seeds_option = partial(
    click.option, "--seeds", show_default=True, type=click.IntRange(1, 100), help="Number of placements to try."
)
shape_option = click.option(
    "--shape", "shapes", metavar="MxNxK", multiple=True, type=SHAPE, help="GEMM whose cycles are estimated. Repeatable."
)
target_option = partial(
    click.option, "--target", show_default=True, metavar="TARGET",
    help=f"One of {', '.join(dict.fromkeys((*FAMILIES, *TARGETS)))}.",
)  # fmt: skip


def port_options() -> Callable[[Callable], Callable]:
    """Return the options of a board at a serial port."""
    return _together(
        click.option(
            "--port", metavar="PORT", help="Use the accelerator on the board at this serial port, not a simulator."
        ),
        click.option(
            "--baud",
            default=BAUD,
            show_default=True,
            type=click.IntRange(300, 100_000_000),
            help="Baud rate of the board's bitstream.",
        ),
    )


def given(name: str) -> bool:
    """Return whether a parameter of the current command was on the command line."""
    ctx = click.get_current_context()
    return ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def configuration_words() -> list[str]:
    """Return the words of the current command line that choose the configuration."""
    given_by = click.get_current_context().params
    words = ["--preset", given_by["preset"]] if given_by["preset"] else []
    words += ["--config", str(given_by["path"])] if given_by["path"] else []
    return words + [word for setting in given_by["settings"] for word in ("--set", setting)]


def only_with(names: str, needed: str, holds: bool) -> None:
    """Reject options that were given but have no effect.

    Parameters
    ----------
    names : str
        Parameters, separated by blanks.
    needed : str
        The condition under which they have an effect, for the message.
    holds : bool
        Whether the condition holds.
    """
    options = {param.name: param.opts[0] for param in click.get_current_context().command.params}
    for name in names.split():
        if given(name) and not holds:
            raise click.UsageError(f"{options[name]} has an effect only {needed}")


def b_format_place(config: AcceleratorConfig, name: str | None) -> int:
    """Return the place in `b_formats` of a format that --b-format names, 0 if there is none.

    Raises
    ------
    ConfigError
        If the configuration does not have it.
    """
    if name is None:
        return 0
    if name not in config.b_formats:
        known = ", ".join(config.b_formats)
        raise ConfigError("b_format", name, f"b_formats of this configuration are {known}", config.b_formats[0])
    return config.b_formats.index(name)


def distinct_files(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Reject two outputs, or an input and an output, that are the same file; the names are for the message."""
    taken = {os.path.realpath(file): name for name, file in inputs.items() if file}
    for name, file in outputs.items():
        if file is None:
            continue
        place = os.path.realpath(file)
        if place in taken and (not os.path.lexists(place) or os.path.isfile(place)):
            raise click.UsageError(f"{taken[place]} and {name} are the same file: {file}")
        taken[place] = name


def _together(*options: Callable) -> Callable[[Callable], Callable]:
    def add(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def accelerator_options(preset: str, latency: int) -> Callable[[Callable], Callable]:
    """Return a decorator that adds the options for the accelerator and the memory behind it."""
    chosen_preset = preset_option(default=preset, show_default=True)
    return _together(chosen_preset, toml_option, set_option, latency_option(default=latency), bandwidth_option)


def config_options(function: Callable) -> Callable:
    """Add the argument CORE, and the options for its configuration."""
    core = click.argument("core", metavar="CORE", type=click.Choice(list(CORES)))
    return _together(core, preset_option(), toml_option, set_option)(function)


def chosen(core: str, preset: str | None, path: Path | None, settings: tuple[str, ...]) -> tuple[Core, Config]:
    """Return the core and the configuration that the options select."""
    return CORES[core], load_config(CORES[core].config, preset, path, settings)
