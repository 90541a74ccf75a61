"""Accelerators for a `BlockModel`: the default one, and what a model asks of another."""

from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.vector import RecordFormat
from tilewright.base import ConfigError, TilewrightError
from tilewright.formats import FORMATS, BlockFormat

from .model import BlockModel, activation_format, activation_formats, kept_format

__all__ = ["CHIP_FORMATS", "check_formats", "default_values", "formats_of_b", "values_without_host"]

_MULTIPLIERS = 256  # of the default configuration


def _multiplies(form: BlockFormat) -> bool:
    """Whether one accelerator takes weights in this format, keys and values, and activations."""
    activations, kept = activation_format(form), kept_format(form)
    same = kept.scale is form.scale and kept.element.fraction_bits == form.element.fraction_bits
    return bool(form.scale.bits) and same and activations.record == activations.block


CHIP_FORMATS = ("int8", *(name for name, form in FORMATS.items() if _multiplies(form)))
"""Formats of weights with which a network runs on an accelerator."""


def default_values(form: BlockFormat) -> dict[str, Any]:
    """Return fields of an accelerator for weights in a block format: 256 multipliers on a bus of 128 bits.

    Its formats of B are those of weights, keys and values; a file's own blocks may need others: see `formats_of_b`.
    """
    return {
        "rows": form.block, "cols": _MULTIPLIERS // form.block, "dot": form.block, "data_bits": 128,
        "chunk_words": 16, "long_chunk_words": 16, "ring_words": 8192, "requant_lanes": 4,
        "multiplier": "dsp", "a_format": activation_format(form).name,
        "b_formats": tuple(dict.fromkeys([form.name, kept_format(form).name])),
    }  # fmt: skip


def values_without_host(form: BlockFormat) -> dict[str, Any]:
    """Return what `default_values` must be changed to so that an accelerator with a vector engine needs no host.

    There is nothing for formats whose records the vector engine cannot make.
    """
    kept = kept_format(form)
    if RecordFormat.of(kept) is None or kept not in activation_formats(form):
        return {}
    return {"a_format": kept.name, "unaligned": True, "variables": 8}


def formats_of_b(model: BlockModel) -> tuple[str, ...]:
    """Return the formats that B has in the products of a model: of its matrices, most weights first; keys and values"""
    return tuple(dict.fromkeys([*(one.form for one in model.held), model.kept.name]))


def check_formats(config: AcceleratorConfig, model: BlockModel) -> None:
    """Raise `ConfigError` if an accelerator lacks a format, or an operand of the network is too long for it."""
    if config.a_format != model.activations.name:
        raise ConfigError(
            "a_format", config.a_format, "must be the format of the model's activations", model.activations.name
        )
    needed = formats_of_b(model)
    if set(needed) - set(config.b_formats):
        raise ConfigError(
            "b_formats", ", ".join(config.b_formats),
            f"must have all formats of the model's matrices, keys and values, which are {', '.join(needed)}",
            ", ".join(dict.fromkeys([*config.b_formats, *needed])),
        )  # fmt: skip
    longest = max(one.k for one in model.matrices())
    if longest > config.k_limit:
        raise TilewrightError(
            f"panel_words = {config.panel_words}: K is at most {config.k_limit:,}, the model has rows of {longest:,}"
        )
