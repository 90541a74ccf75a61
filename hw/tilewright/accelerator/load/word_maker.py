"""How bus words become words of the panel or the ring."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import BlockFormat

from .record_gearbox import RecordGearbox
from .upsizer import Upsizer

__all__ = ["word_maker"]


def word_maker(config: AcceleratorConfig, form: BlockFormat, word_bits: int) -> Upsizer | RecordGearbox:
    """Return what makes words of ``word_bits`` of a format: a word of elements alone, or a record."""
    return Upsizer(config, word_bits) if form.record == 1 else RecordGearbox(config, form)
