"""The model and the accelerator that the command ``llm`` runs it on, by the number format."""

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError, TilewrightError, load_config, load_values
from tilewright.formats import FORMATS
from tilewright_sim.console import console
from tilewright_sim.nn.importers import Tokenizer, read_tokenizer
from tilewright_sim.nn.llm import (
    BlockModel,
    Int8Model,
    activation_formats,
    check_formats,
    default_values,
    formats_of_b,
    load_block_model,
    load_model,
    open_source,
    values_without_host,
)

from .common.options import given

__all__ = ["load_int8", "prepare"]


def load_int8(path: Path) -> Int8Model:
    """Return the int8 model of a file, and show the progress."""
    columns = (TextColumn("quantizing the model, once"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        return load_model(path, lambda done, total: bar.update(task, completed=done, total=total, visible=True))


def prepare(
    file: Path,
    form: str | None,
    every_matrix: bool,
    preset: str,
    path: Path | None,
    settings: tuple[str, ...],
    host_ops: bool,
    board: AcceleratorConfig | None = None,
) -> tuple[AcceleratorConfig, Int8Model | BlockModel, Tokenizer]:
    """Return the accelerator, the model and its tokenizer for the options of the command.

    Without a format, the accelerator's first format of B is taken. With a block format, and neither a preset nor a
    file, the accelerator has this format and all others that the model needs; with a vector engine, and unless
    ``host_ops``, also what is needed to leave nothing to the host.

    ``board``: the accelerator is this one.

    Raises
    ------
    TilewrightError
        If the accelerator lacks a format, or the model cannot be read or held.
    """
    chosen = board is not None or form is None or form == "int8" or path is not None or given("preset")
    weights = FORMATS[form or "int8"]
    if chosen:
        config = board or load_config(AcceleratorConfig, preset, path, settings)
        weights = weights if form else config.b
    else:
        values = load_values(AcceleratorConfig, None, None, settings)
        alone = values_without_host(weights) if values.get("vector_lanes") and not host_ops else {}
        config = AcceleratorConfig(**default_values(weights) | alone | values)
    forms = (weights,) if weights.name == "int8" else activation_formats(weights)
    wanted = [form.name for form in forms]
    if config.a_format not in wanted:
        names = " or ".join(wanted)
        raise ConfigError("a_format", config.a_format, f"must be {names} for weights in {weights.name}", wanted[0])
    if weights.name == "int8":
        if config.scaled:
            raise ConfigError("b_formats", ", ".join(config.b_formats), "must be int8 for weights in int8", "int8")
        if every_matrix:
            raise TilewrightError("--every-matrix: int8 is always so; the option is for block formats")
        loaded = load_int8(file)
        return config, loaded, loaded.tokenizer
    source = open_source(file)
    with console.status("quantizing the model"):
        model = load_block_model(source, weights, every_matrix=every_matrix, activations=config.a)
    if not chosen and "b_formats" not in values:
        config = config.replace(b_formats=tuple(dict.fromkeys([weights.name, *formats_of_b(model)])))
    check_formats(config, model)
    return config, model, read_tokenizer(source)
