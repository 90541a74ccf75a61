"""The configuration of the tile with block scales."""

from typing import Annotated, Any, ClassVar, Literal, Self

from amaranth.hdl import Shape, signed
from amaranth.lib import data
from pydantic import BeforeValidator, Field, model_validator

from tilewright.base import Config, ConfigError, as_tuple, round_log2
from tilewright.formats import (
    ACCUMULATOR_BITS,
    EXPONENT_STEP,
    FORMATS,
    BlockFormat,
    ScaleFormat,
    guard_bits,
    shared_block,
    signed_bits,
)
from tilewright.tile import TileConfig

__all__ = ["A_FORMATS", "BlockTileConfig", "OperandFormats", "accumulator_shape"]

A_FORMATS = tuple(name for name, form in FORMATS.items() if not form.minimum)
"""Block formats that activations can have."""


class OperandFormats:
    """What a configuration with the fields `a_format` and `b_formats` says of its operands."""

    @property
    def a(self: Any) -> BlockFormat:
        """The format of A, the activations."""
        return FORMATS[self.a_format]

    @property
    def b_all(self: Any) -> tuple[BlockFormat, ...]:
        """The formats of B, the weights."""
        return tuple(FORMATS[name] for name in self.b_formats)

    @property
    def b(self) -> BlockFormat:
        """The first of them with scales, if any has; scales and the units of the elements are those of all others."""
        return next((form for form in self.b_all if form.scale.bits), self.b_all[0])

    @property
    def scaled(self) -> bool:
        """A or B has scales."""
        return bool(self.a.scale.bits or self.b.scale.bits)

    @property
    def integer(self: Any) -> int | None:
        """The place of int8 among several formats of B; None if it is not there, or alone."""
        return None if len(self.b_formats) == 1 else _place("int8", self.b_formats)


class BlockTileConfig(OperandFormats, Config):
    """Size, block formats and multipliers of one tile with block scales."""

    TABLE = "block-tile"
    PRESETS: ClassVar = {
        "q4_1": {"cols": 8, "a_format": "q8_e5m3", "b_formats": ("q4_1",), "multiplier": "dsp"},
        "q8_0": {"cols": 8, "a_format": "q8_e5m3", "b_formats": ("q8_0",), "multiplier": "dsp"},
        "mxfp4": {"cols": 8, "a_format": "mxint8", "b_formats": ("mxfp4",), "multiplier": "dsp"},
        "nvfp4": {"cols": 8, "a_format": "nvfp4", "b_formats": ("nvfp4",), "multiplier": "dsp"},
    }

    cols: Annotated[
        int, Field(ge=8, le=64, description="Columns along N: block words in a tile, accumulators in a result word.")
    ] = 8
    a_format: Annotated[
        Literal[*A_FORMATS],  # type: ignore[valid-type]
        Field(description="Block format of the activations; `int8` has no scale."),
    ] = "q8_e5m3"
    b_formats: Annotated[
        tuple[Literal[*FORMATS], ...],  # type: ignore[valid-type]
        Field(
            description="Block formats of the weights, one of which each word has. `int8` has no scale; beside "
            "others it is multiplied as if all its scales were 1."
        ),
        BeforeValidator(as_tuple),
    ] = ("q4_1",)
    acc_rows: Annotated[
        int, Field(ge=8, le=512, description="Words in a packet of activations, at most; a power of two.")
    ] = 64
    multiplier: Annotated[
        Literal["infer", "dsp", "lut"],
        Field(
            description="What multiplies, as in a tile. With `dsp` on ECP5, two weights of up to 15 in magnitude share "
            "a DSP block, and a sum and its scales are multiplied in one if they have up to 18 bits."
        ),
    ] = "infer"

    @model_validator(mode="after")
    def _formats_go_together(self) -> Self:
        a = self.a
        if not self.b_formats:
            raise ConfigError("b_formats", [], "there must be one", "q4_1")
        if not self.scaled:
            raise ConfigError(
                "b_formats", self.b.name, "neither has scales: that is what the core `tile` is for", "q8_0"
            )
        for number, form in enumerate(self.b_all):
            if form in self.b_all[:number]:
                raise ConfigError("b_formats", form.name, "there twice")
            if a.scale.bits and form.scale.bits and form.block != a.block:
                reason = f"its blocks of {form.block} must be as long as those of {a.block} of a_format = {a.name}"
                nearest = next(name for name, known in FORMATS.items() if known.block == a.block)
                raise ConfigError("b_formats", form.name, reason, nearest)
            if form.scale.bits and _units(form) != _units(self.b):
                like = (name for name, known in FORMATS.items() if _units(known) == _units(self.b))
                reason = f"its scales and units must be those of {self.b.name}"
                other = next((name for name in like if name not in self.b_formats), None)
                raise ConfigError("b_formats", form.name, reason, other)
        if self.acc_rows & self.acc_rows - 1:
            raise ConfigError("acc_rows", self.acc_rows, "must be a power of two", 1 << round_log2(self.acc_rows))
        return self

    @property
    def minimum(self) -> bool:
        """Some weights have minimums; those of the others are 0."""
        return any(form.minimum for form in self.b_all)

    @property
    def weight_bits(self) -> int:
        """Width of the integers that weights are decoded to."""
        return max(form.element.shape.width for form in self.b_all)

    @property
    def rows(self) -> int:
        """Elements of a block, which are all in a word."""
        return shared_block(self.a, self.b)

    @property
    def tile(self) -> TileConfig:
        """The tile that multiplies the integers."""
        return TileConfig(
            rows=self.rows, cols=self.cols, dot=self.rows, activation_bits=self.a.element.shape.width,
            weight_bits=5 if self.packed else self.weight_bits, multiplier=self.multiplier,
        )  # fmt: skip

    @property
    def packed(self) -> bool:
        """Two weights may share a multiplier of 18 bits: see `PackedColumns`."""
        small = max(abs(value) for value in self._b_range) < 16
        return self.multiplier == "dsp" and small and self.a.element.shape.width <= 8

    @property
    def sum_range(self) -> tuple[int, int]:
        """The least and the largest sum of the products of a block."""
        return _times((min(self.a.element.values), max(self.a.element.values)), self._b_range, self.rows)

    @property
    def _b_range(self) -> tuple[int, int]:
        values = [value for form in self.b_all for value in form.element.values]
        return min(values), max(values)

    @property
    def total_range(self) -> tuple[int, int]:
        """The least and the largest sum of the activations of a block."""
        values = self.a.element.values
        return self.rows * min(values), self.rows * max(values)

    @property
    def sum_shape(self) -> Shape:
        """The shape of a sum of the products of a block."""
        return signed(signed_bits(*self.sum_range))

    @property
    def exponent_range(self) -> tuple[int, int]:
        """The least and the largest exponent of a term, and of an accumulator, in units of `EXPONENT_STEP`."""
        a, b = self.a.scale.exponents, self.b.scale.exponents
        return -(-(a.start + b.start) // EXPONENT_STEP), -(-(a.stop + b.stop - 2) // EXPONENT_STEP)

    @property
    def exponent_shape(self) -> Shape:
        """The shape of an exponent."""
        return signed(signed_bits(*self.exponent_range))

    @property
    def left_bits(self) -> int:
        """Bits by which a term is left of the lowest bit of an accumulator of its exponent; negative: right."""
        return guard_bits(self.a, self.b) - self.a.scale.mantissa_bits - self.b.scale.mantissa_bits - EXPONENT_STEP + 1


def _place(name: str, names: tuple[str, ...]) -> int | None:
    return names.index(name) if name in names else None


def _units(form: BlockFormat) -> tuple[ScaleFormat, int]:
    """What formats of B have in common: their scales, and what an integer of an element stands for."""
    return form.scale, form.element.fraction_bits


def _times(a: tuple[int, int], b: tuple[int, int], count: int) -> tuple[int, int]:
    products = [x * y for x in a for y in b]
    return count * min(products), count * max(products)


def accumulator_shape(config: BlockTileConfig) -> data.StructLayout:
    """An accumulator: it stands for ``value * 2**(4 * exponent - guard_bits - fraction_bits of both elements)``.

    If `invalid`, a scale was not a finite number, and `value` and `exponent` are undefined. See
    `tilewright.formats.guard_bits`.
    """
    return data.StructLayout({"value": signed(ACCUMULATOR_BITS), "exponent": config.exponent_shape, "invalid": 1})
