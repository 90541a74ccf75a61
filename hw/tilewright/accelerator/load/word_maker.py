"""How bus words become words of the panel or the ring."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, arriving_shape, loaded_shape
from tilewright.base import SharedComponent, place
from tilewright.formats import BlockFormat

from .record_gearbox import RecordGearbox
from .upsizer import Upsizer

__all__ = ["WordSwitch", "word_maker"]


def word_maker(config: AcceleratorConfig, forms: Sequence[BlockFormat], word_bits: int) -> SharedComponent:
    """Return what makes words of ``word_bits``: of elements alone, of records, or of records of several formats."""
    if len(forms) > 1:
        return WordSwitch(config, forms, word_bits)
    return Upsizer(config, word_bits) if forms[0].record == 1 else RecordGearbox(config, forms[0])


class WordSwitch(SharedComponent):
    """Cut rows of several formats into their records, each by the gearbox of its format::

            ┌─► RecordGearbox of format 0 ─┐
        i ──┼─► RecordGearbox of format 1 ─┼─► o
            └─► …                         ─┘

    Latency and throughput are those of a `RecordGearbox`.

    Parameters
    ----------
    config : AcceleratorConfig
    forms : sequence of BlockFormat
    word_bits : int
        Bits of the longest of their blocks.

    Members
    -------
    i : In(stream.Signature(arriving_shape(config), always_ready=True))
        Bus words of a row, in order; all of a row have the same ``b_format``.
    o : Out(stream.Signature(loaded_shape(word_bits), always_ready=True))
        Blocks, each in the lowest bits, with the flags of the bus word that ends their record.
    """

    def __init__(self, config: AcceleratorConfig, forms: Sequence[BlockFormat], word_bits: int):
        self.config = config
        self.forms = forms
        super().__init__({
            "i": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "o": Out(stream.Signature(loaded_shape(word_bits), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        o = self.o.payload
        for number, form in enumerate(self.forms):
            gearbox = place(m, f"format_{number}", RecordGearbox(self.config, form), platform)
            found = gearbox.o.payload
            m.d.comb += [
                gearbox.i.payload.eq(self.i.payload),
                gearbox.i.valid.eq(self.i.valid & (self.i.payload.b_format == number)),
            ]
            with m.If(gearbox.o.valid):
                m.d.comb += [
                    self.o.valid.eq(1),
                    o.data.eq(found.data),
                    o.row_last.eq(found.row_last),
                    o.last.eq(found.last),
                    o.block_last.eq(found.block_last),
                    o.long.eq(found.long),
                ]
        return m
