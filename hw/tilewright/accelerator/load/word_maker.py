"""How bus words become words of the panel or the ring."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, arriving_shape, loaded_shape
from tilewright.base import SharedComponent, place
from tilewright.formats import ONE, BlockFormat, ScaleFormat

from .record_gearbox import RecordGearbox
from .upsizer import Upsizer

__all__ = ["WordSwitch", "word_maker"]


def word_maker(
    config: AcceleratorConfig, forms: Sequence[BlockFormat], word_bits: int, scale: ScaleFormat = ONE
) -> SharedComponent:
    """Return what makes words of ``word_bits``: of elements alone, of records, or of several formats.

    Of several, elements without a scale get one that is 1, in the format ``scale``.
    """
    if len(forms) > 1:
        return WordSwitch(config, forms, word_bits, scale)
    return Upsizer(config, word_bits) if forms[0].record == 1 else RecordGearbox(config, forms[0])


class WordSwitch(SharedComponent):
    """Cut rows of several formats into their records, each by the gearbox of its format, or into words of int8::

            ┌─► RecordGearbox of format 0 ─┐
        i ──┼─► Upsizer, for int8         ─┼─► o
            └─► …                         ─┘

    Latency and throughput are those of a `RecordGearbox`.

    Parameters
    ----------
    config : AcceleratorConfig
    forms : sequence of BlockFormat
    word_bits : int
        Bits of the longest of their blocks.
    scale : ScaleFormat
        Words of int8 get a scale of 1 in this format.

    Members
    -------
    i : In(stream.Signature(arriving_shape(config), always_ready=True))
        Bus words of a row, in order; all of a row have the same ``format``, a place in `forms`.
    o : Out(stream.Signature(loaded_shape(word_bits), always_ready=True))
        Blocks, each in the lowest bits, with the flags of the bus word that ends their record.
    """

    def __init__(
        self, config: AcceleratorConfig, forms: Sequence[BlockFormat], word_bits: int, scale: ScaleFormat = ONE
    ):
        self.config = config
        self.forms = forms
        self.scale = scale
        super().__init__({
            "i": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "o": Out(stream.Signature(loaded_shape(word_bits), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        o = self.o.payload
        for number, form in enumerate(self.forms):
            maker = word_maker(self.config, (form,), self.config.tile.rows * form.element.bits)
            gearbox = place(m, f"format_{number}", maker, platform)
            found = gearbox.o.payload
            block = found.data if form.scale.bits else Cat(found.data, Const(self.scale.one, self.scale.bits))
            m.d.comb += [
                gearbox.i.payload.eq(self.i.payload),
                gearbox.i.valid.eq(self.i.valid & (self.i.payload.format == number)),
            ]
            with m.If(gearbox.o.valid):
                m.d.comb += [
                    self.o.valid.eq(1),
                    o.data.eq(block),
                    o.row_last.eq(found.row_last),
                    o.last.eq(found.last),
                    o.block_last.eq(found.block_last),
                    o.long.eq(found.long),
                ]
        return m
