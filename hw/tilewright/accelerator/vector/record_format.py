"""What a STORE of records must know of their format."""

from dataclasses import dataclass
from typing import Self

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import FORMATS, FP16, UE5M3, BlockFormat, ScaleFormat

from . import coefficients as c

__all__ = ["RecordFormat"]


@dataclass(frozen=True)
class RecordFormat:
    """A block format of int8 elements whose scales are floats of 5 bits of exponent.

    Parameters
    ----------
    name : str
        Of `tilewright.formats.FORMATS`.
    missing_bits : float
        The bits that a scale's mantissa does not have, as the float of these bits.
    step : float
        The least scale, and the distance between subnormal ones.
    largest : float
        The largest scale.
    """

    name: str
    missing_bits: float
    step: float
    largest: float

    @classmethod
    def of(cls, config: AcceleratorConfig) -> Self | None:
        """The format of the records that the configuration's vector engine can store, that of A; or none."""
        scales: dict[ScaleFormat, tuple[float, float, float]] = {
            FP16: (c.FP16_BITS, c.FP16_STEP, c.FP16_LARGEST),
            UE5M3: (c.UE5M3_BITS, c.UE5M3_STEP, c.UE5M3_LARGEST),
        }
        form = config.a
        if form.record == 1 or form.scale not in scales or form.element != FORMATS["q8_0"].element:
            return None
        return cls(form.name, *scales[form.scale])

    @property
    def form(self) -> BlockFormat:
        """The block format itself."""
        return FORMATS[self.name]
