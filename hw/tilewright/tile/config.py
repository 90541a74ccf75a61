"""The configuration of the tile."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tilewright.base import Config, ConfigError
from tilewright.formats import product_sum_bits

__all__ = ["TileConfig", "tile_of"]


class TileConfig(Config):
    """Size, number formats and multipliers of one matrix-multiply tile."""

    TABLE = "tile"
    PRESETS: ClassVar = {
        "nano": {"rows": 4, "cols": 4, "dot": 4},
        "small": {"rows": 8, "cols": 8, "dot": 8},
        "base": {"rows": 16, "cols": 16, "dot": 16},
        "large": {"rows": 32, "cols": 32, "dot": 16},
        "giant": {"rows": 64, "cols": 64, "dot": 16},
    }

    rows: Annotated[
        int, Field(ge=1, le=64, description="Multipliers along K: elements in an activation or weight word.")
    ] = 8
    cols: Annotated[
        int,
        Field(ge=1, le=64, description="Multipliers along N: weight words in a tile, sums in a result word."),
    ] = 8
    dot: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Products summed by one adder tree; it divides `rows`. 1 is the classical systolic array, "
            "`rows` a bank of dot-product units.",
        ),
    ] = 8
    activation_bits: Annotated[int, Field(ge=2, le=16, description="Width of a signed activation.")] = 8
    weight_bits: Annotated[int, Field(ge=2, le=16, description="Width of a signed weight.")] = 8
    multiplier: Annotated[
        Literal["infer", "dsp", "lut"],
        Field(
            description="What multiplies: `infer` leaves a registered `*` to synthesis, `dsp` takes a DSP block with "
            "its own registers, `lut` is built on carry chains and takes no DSP block."
        ),
    ] = "infer"

    @model_validator(mode="after")
    def _dot_divides_rows(self) -> Self:
        if self.rows % self.dot:
            divisors = (n for n in range(1, self.rows + 1) if self.rows % n == 0)
            nearest = min(divisors, key=lambda n: abs(n - self.dot))
            raise ConfigError("dot", self.dot, f"must divide rows = {self.rows}", nearest)
        return self

    @property
    def groups(self) -> int:
        """Processing elements chained down a column."""
        return self.rows // self.dot

    @property
    def multipliers(self) -> int:
        """Multipliers in the tile."""
        return self.rows * self.cols

    @property
    def product_bits(self) -> int:
        """Width of one signed product."""
        return self.sum_bits(1)

    @property
    def result_bits(self) -> int:
        """Width of one signed sum in a result word."""
        return self.sum_bits(self.rows)

    def sum_bits(self, products: int) -> int:
        """Width of the signed sum of ``products`` products."""
        return product_sum_bits(self.activation_bits, self.weight_bits, products)


def tile_of(config: Any) -> TileConfig:
    """The tile that a configuration describes, or has."""
    return config if isinstance(config, TileConfig) else config.tile
