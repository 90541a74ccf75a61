"""What a STORE of records must know of their format."""

from dataclasses import dataclass
from typing import Self

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig
from tilewright.formats import FP16, INT8, UE5M3, BlockFormat, ScaleFormat

from .. import coefficients as c

__all__ = ["RecordFormat"]


@dataclass(frozen=True)
class RecordFormat:
    """A block format of int8 elements whose scales are floats of 5 bits of exponent.

    Parameters
    ----------
    form : BlockFormat
    missing_bits : float
        The bits that a scale's mantissa does not have, as the float of these bits.
    step : float
        The least scale, and the distance between subnormal ones.
    largest : float
        The largest scale.
    """

    form: BlockFormat
    missing_bits: float
    step: float
    largest: float

    @classmethod
    def of(cls, form: BlockFormat) -> Self | None:
        """What the vector engine must know of A's format to store its records; None if it cannot."""
        scales: dict[ScaleFormat, tuple[float, float, float]] = {
            FP16: (c.FP16_BITS, c.FP16_STEP, c.FP16_LARGEST),
            UE5M3: (c.UE5M3_BITS, c.UE5M3_STEP, c.UE5M3_LARGEST),
        }
        if form.record == 1 or form.scale not in scales or form.element != INT8:
            return None
        return cls(form, *scales[form.scale])

    def longest_row(self, config: AcceleratorConfig) -> int:
        """Elements that a row of records can have, with these lanes and this bus.

        A row that is longer than a register goes on behind whole words of the bus, or anywhere if it is `unaligned`.
        """
        register = PARTIALS * config.vector_lanes
        goes_on = config.unaligned or self.form.row_bytes(register) % config.word_bytes == 0
        return config.size_limit if goes_on else register
