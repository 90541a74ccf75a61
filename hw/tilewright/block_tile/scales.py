"""Where a column's scales wait until the sums of their block come out of the tile."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import BlockTileConfig
from .terms import scales_shape

__all__ = ["StationaryScales"]


class StationaryScales(SharedComponent):
    """Hold the scales of a column: those being loaded, those of the weights that multiply, and those of their sums.

    ::

        scales ──► load? ─│ │─► swap? ─│ │─► swap_sums? ─│ │──► o

    A `swap_sums` comes before the `swap` after the next one; not reset.

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    scales : In(scales_shape(config))
        Of a block of B; sampled with `load`.
    load : In(1)
        They are this column's.
    swap : In(1)
        The weights loaded by now multiply from here on.
    swap_sums : In(1)
        From the next cycle on, `o` belongs to the weights of the last `swap`.
    o : Out(scales_shape(config))
        The scales of the sums.
    """

    def __init__(self, config: BlockTileConfig):
        shape = scales_shape(config)
        super().__init__({"scales": In(shape), "load": In(1), "swap": In(1), "swap_sums": In(1), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        value = self.scales
        for name, take in (("loaded", self.load), ("multiplying", self.swap), ("of_sums", self.swap_sums)):
            stage = Signal.like(self.o, name=name, reset_less=True)
            with m.If(take):
                m.d.sync += stage.eq(value)
            value = stage
        m.d.comb += self.o.eq(value)
        return m
