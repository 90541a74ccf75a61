"""The only stage of a tile that stalls: admits activation and weight words, and controls loads and swaps."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import TileConfig


def activation_word(config: TileConfig, tag_bits: int = 0) -> data.StructLayout:
    """``rows`` signed activations, the first in the lowest bits, and a tag above; ``last`` ends the packet."""
    return data.StructLayout({"data": unsigned(config.rows * config.activation_bits + tag_bits), "last": 1})


def weight_word(config: TileConfig, tag_bits: int = 0) -> data.StructLayout:
    """``rows`` signed weights of one column, the first lowest, and a tag above; ``last`` ends the tile of weights."""
    return data.StructLayout({"data": unsigned(config.rows * config.weight_bits + tag_bits), "last": 1})


class TileFeeder(SharedComponent):
    """Pair packets of activations with tiles of weights, and hold back words that arrive too early.

    The k-th packet of activations meets the k-th tile of weights. A tile of weights ends with ``last`` or
    after ``cols`` words. The first word of a packet waits until its tile of weights is loaded; a weight word
    waits while the tile before it is loaded and not yet taken. Nothing behind the feeder ever waits.

    Outputs come one cycle after an activation word is accepted. A weight word is held in a register and loads
    from there, in the cycle of the swap at the earliest, so that tiles of ``cols`` weight words and packets of
    ``cols`` activation words run back to back. ``ready`` of either stream depends on registers only.

    Parameters
    ----------
    config : TileConfig
    tag_bits, weight_tag_bits : int
        Bits that travel with a word of activations, and with one of weights, above its elements.

    Members
    -------
    i : In(stream.Signature(activation_word(config, tag_bits)))
        Activations, in packets. A word may wait for the weights of its packet.
    i_weights : In(stream.Signature(weight_word(config, weight_tag_bits)))
        Weights, in tiles, column 0 first. A word may wait for the swap before its tile.
    activations : Out(unsigned(rows * activation_bits + tag_bits))
        Valid while ``valid`` is 1.
    valid, last : Out(1)
        There is an activation word; it ends its packet.
    swap : Out(1)
        The word is the first of its packet: the weights loaded by now hold from here on.
    weights : Out(unsigned(rows * weight_bits + weight_tag_bits))
        A weight word; valid while a bit of ``load`` is set.
    load : Out(unsigned(cols))
        Bit c is set while ``weights`` is to be loaded into column c.
    """

    def __init__(self, config: TileConfig, tag_bits: int = 0, weight_tag_bits: int = 0):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(activation_word(config, tag_bits))),
            "i_weights": In(stream.Signature(weight_word(config, weight_tag_bits))),
            "activations": Out(unsigned(config.rows * config.activation_bits + tag_bits)),
            "valid": Out(1),
            "last": Out(1),
            "swap": Out(1),
            "weights": Out(unsigned(config.rows * config.weight_bits + weight_tag_bits)),
            "load": Out(unsigned(config.cols)),
        })

    def elaborate(self, platform):
        m = Module()

        held = Signal()  # there is a weight word that is not loaded yet
        held_last = Signal(reset_less=True)
        held_weights = Signal.like(self.weights, reset_less=True)
        column = Signal(self.config.cols, init=1)  # one-hot: where that word goes
        loading = Signal()  # it goes there in this cycle
        loaded = Signal()  # all of the next tile's weights are in the shadow registers
        between = Signal(init=1)  # the next activation word is the first of its packet

        # Activations. A tile that is complete at the end of this cycle may be swapped in by the next.
        ends = Signal()
        accept = Signal()
        swapping = Signal()
        m.d.comb += ends.eq(loading & (held_last | column[-1]))
        m.d.comb += self.i.ready.eq(~between | loaded | ends)
        m.d.comb += accept.eq(self.i.valid & self.i.ready)
        m.d.comb += swapping.eq(accept & between)
        with m.If(accept):
            m.d.sync += between.eq(self.i.payload.last)

        activations = Signal.like(self.activations, reset_less=True)
        last = Signal(reset_less=True)
        m.d.sync += self.valid.eq(accept)
        m.d.sync += self.swap.eq(swapping)
        m.d.sync += activations.eq(self.i.payload.data)
        m.d.sync += last.eq(self.i.payload.last)
        m.d.comb += self.activations.eq(activations)
        m.d.comb += self.last.eq(last)

        # Weights. A bit of `load` enables `rows * weight_bits` registers, so it is one gate behind registers.
        next_held = Signal()
        next_loaded = Signal()
        m.d.comb += self.i_weights.ready.eq(~held | loading)
        m.d.comb += next_held.eq(Mux(self.i_weights.ready, self.i_weights.valid, held))
        m.d.comb += next_loaded.eq(~swapping & (ends | loaded))
        m.d.sync += held.eq(next_held)
        m.d.sync += loaded.eq(next_loaded)
        m.d.sync += loading.eq(next_held & ~next_loaded)
        m.d.sync += column.eq(Mux(ends, 1, Mux(loading, column << 1, column)))
        m.d.comb += self.load.eq(column & loading.replicate(len(column)))
        with m.If(self.i_weights.ready):
            m.d.sync += held_last.eq(self.i_weights.payload.last)
            m.d.sync += held_weights.eq(self.i_weights.payload.data)
        m.d.comb += self.weights.eq(held_weights)

        return m
