"""The tile with block scales."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.arithmetic import AdderTree
from tilewright.base import SharedComponent, place
from tilewright.formats import BlockFormat
from tilewright.storage import delayed
from tilewright.tile import ColumnBlock, MatmulTile, TileConfig, TileFeeder, place_columns

from .config import BlockTileConfig
from .packed_columns import PackedBlock, packed_weights
from .scales import StationaryScales
from .sums import BlockSums, sums_shape
from .terms import BlockTerms, scale_shape, scaled_total_shape, scales_shape

__all__ = ["BlockTile", "a_word", "b_word", "block_word", "chosen"]


def block_word(form: BlockFormat, rows: int) -> data.StructLayout:
    """A block: ``rows`` codes, the first lowest, and above them the codes of its scale and of its minimum, if any."""
    scale = form.scale.bits
    return data.StructLayout({
        "codes": data.ArrayLayout(form.element.bits, rows),
        "scale": scale,
        "minimum": scale * form.minimum,
    })


def a_word(config: BlockTileConfig) -> data.StructLayout:
    """A block of a row of A. `first` and `final` are those of its packet; `last` ends the packet."""
    return data.StructLayout({"block": block_word(config.a, config.rows), "first": 1, "final": 1, "last": 1})


def b_word(config: BlockTileConfig) -> data.StructLayout:
    """A block of a row of B: a `block_word` of the format of that number, in the lowest bits."""
    bits = max(block_word(form, config.rows).size for form in config.b_all)
    return data.StructLayout({"block": bits, "format": (len(config.b_all) - 1).bit_length()})


class BlockTile(SharedComponent):
    """Multiply packets of blocks of A by tiles of blocks of B, and add up what belongs together.

    The k-th packet of activations, a block of up to `acc_rows` rows of A, meets the k-th tile of weights, the same
    block of `cols` rows of B. Packets from one with `first` to one with `final` add to the same sums, row by row, along
    K; then the sums come out. `tilewright_sim.models.block_gemm` defines them. ::

                    ┌────────┐  ┌───────────────────────┐  ┌────────────┐  ┌───────────┐
        i ─ decode ►│ Tile   ├─►│ columns: sum, products ├─►│ BlockTerms ├─►│ BlockSums ├─► o
        i_weights ─►│ Feeder ├─►│ of integers            │  └────────────┘  │ ▲   │     │
           decode   │        │  └───────────────────────┘      ▲   ▲        │ memories  │
                    │        ├─ scales of B, stationary ───────┘   │        └───────────┘
                    │        ├─ scale of A, sum of its block ──────┘
                    └────────┘

    - Latency: `latency_of` cycles from the acceptance of a word to its sums.
    - Throughput: one block of A and one of B a cycle. A tile of weights has ``cols`` words, and is used for a packet of
      m words in ``max(m, cols)`` cycles.
    - All packets of the same sums have as many words, at most `acc_rows`.
    - The first word of a packet waits until its tile is loaded; weights wait while the tile after the running one is
      complete. Results cannot be stalled. ``ready`` never depends on ``valid``.
    - Reset: both streams start anew, with a packet and a tile; results in flight are dropped. Data has no reset.

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    i : In(stream.Signature(a_word(config)))
        Activations: a block in each word.
    i_weights : In(stream.Signature(b_word(config)))
        Weights: a block in each word, column 0 first.
    o : Out(stream.Signature(result_word, always_ready=True))
        The complete sums of a row: ``data`` is `sums_shape`; ``last`` as in the packet with `final`.
    """

    def __init__(self, config: BlockTileConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(a_word(config))),
            "i_weights": In(stream.Signature(b_word(config))),
            "o": Out(stream.Signature(data.StructLayout({"data": sums_shape(config), "last": 1}), always_ready=True)),
        })

    @staticmethod
    def latency_of(config: BlockTileConfig) -> int:
        """Cycles from the acceptance of a block of A to its sums."""
        return MatmulTile.latency_of(config.tile) + BlockSums.LATENCY

    def elaborate(self, platform):
        m = Module()
        config, tile = self.config, self.config.tile
        latency = MatmulTile.latency_of(tile)
        scale_bits, minimum_bits = config.b.scale.bits, config.b.scale.bits * config.minimum
        feeder = TileFeeder(tile, config.a.scale.bits + 2, scale_bits + minimum_bits)
        place(m, "feeder", feeder, platform)
        self._connect_inputs(m, feeder)
        activations, a_tag = _cut(feeder.activations, tile.rows * tile.activation_bits)
        weights, b_tag = _cut(feeder.weights, tile.rows * tile.weight_bits)
        words = weights
        if config.packed:
            before = Signal.like(weights, name="weights_before", reset_less=True)
            with m.If(feeder.load.any()):
                m.d.sync += before.eq(weights)
            words = Cat(weights, packed_weights(config, weights, before))
        totals = place_columns(m, tile, platform, activations, words, feeder.swap, feeder.load, self._block)

        # The scales of A, and the sum of its block, to the cycle before the sums of products.
        late_tag = delayed(m, "a_tag", a_tag, latency - 2, platform)
        a_scale = Signal(scale_shape(config.a.scale))
        self._unpack(m, a_scale, config.a, late_tag[: config.a.scale.bits])
        b_scales = Signal(scales_shape(config))
        self._unpack(m, b_scales.scale, config.b, b_tag[:scale_bits])
        swap_sums = delayed(m, "swap_sums", feeder.swap, latency - 3, platform)
        scaled_total = None
        if config.minimum:
            self._unpack(m, b_scales.minimum, config.b, b_tag[scale_bits:])
            scaled_total = self._scaled_total(m, activations, a_scale, latency, platform)

        sums = place(m, "sums", BlockSums(config), platform)
        for column in range(config.cols):
            held = place(m, f"scales_{column}", StationaryScales(config), platform)
            terms = place(m, f"terms_{column}", BlockTerms(config), platform)
            m.d.comb += [
                held.scales.eq(b_scales),
                held.load.eq(feeder.load[column]),
                held.swap.eq(feeder.swap),
                held.swap_sums.eq(swap_sums),
                terms.a_scale.eq(a_scale),
                terms.b_scales.eq(held.o),
                terms.sum.eq(totals.word_select(column, len(totals) // config.cols).as_signed()),
                sums.terms[column].eq(terms.o),
            ]
            if scaled_total is not None:
                m.d.comb += terms.scaled_total.eq(scaled_total)
        coming = Signal(latency - 1)  # with a reset, as the tags have none
        m.d.sync += coming.eq(Cat(feeder.valid, coming))
        late_last = delayed(m, "last", feeder.last, latency - 2, platform)
        flags = delayed(m, "flags", Cat(late_tag[-2:], late_last), 1, platform)
        m.d.comb += [
            sums.coming.eq(coming[-1]),
            Cat(sums.first, sums.final, sums.last).eq(flags),
            self.o.valid.eq(sums.valid),
            self.o.payload.data.eq(sums.o),
            self.o.payload.last.eq(sums.last_row),
        ]
        return m

    def _connect_inputs(self, m: Module, feeder: TileFeeder):
        """Decode the elements of both streams; scales and flags travel as tags."""
        config, a, b = self.config, self.i.payload, self.i_weights.payload
        for outer, inner in ((self.i, feeder.i), (self.i_weights, feeder.i_weights)):
            m.d.comb += [
                inner.valid.eq(outer.valid),
                outer.ready.eq(inner.ready),
            ]
        tile = config.tile
        parts = []
        for form in config.b_all:
            block = data.View(block_word(form, config.rows), b.block[: block_word(form, config.rows).size])
            scale = block.scale if form.scale.bits else Const(config.b.scale.one, config.b.scale.bits)
            minimum = block.minimum if form.minimum else Const(0, config.b.scale.bits * config.minimum)
            parts.append(Cat(self._decoded(form, block.codes, tile.weight_bits), scale, minimum))
        m.d.comb += [
            feeder.i.payload.data.eq(
                Cat(self._decoded(config.a, a.block.codes, tile.activation_bits), a.block.scale, a.first, a.final)
            ),
            feeder.i.payload.last.eq(a.last),
            feeder.i_weights.payload.data.eq(chosen(parts, b.format)),
            feeder.i_weights.payload.last.eq(0),
        ]

    def _decoded(self, form: BlockFormat, codes: data.View, bits: int) -> Value:
        """The integers of a block's codes side by side."""
        found = []
        for number in range(self.config.rows):
            integer = form.element.decode(codes[number])
            found.append(Cat(integer, integer[-1].replicate(bits - len(integer))))
        return Cat(found)

    def _unpack(self, m: Module, parts: data.View, form: BlockFormat, code: Value):
        found = form.scale.unpack(code)
        m.d.comb += [
            parts.mantissa.eq(found.mantissa),
            parts.exponent.eq(found.exponent),
            parts.invalid.eq(found.invalid),
        ]

    def _scaled_total(self, m: Module, activations: Value, a_scale: data.View, latency: int, platform) -> Signal:
        """The sum of a block of A times the mantissa of its scale, with the sums of products."""
        config = self.config
        tree = place(m, "activations_total", AdderTree(config.tile.activation_bits, 1, config.rows), platform)
        bits = config.tile.activation_bits
        wide = (activations.word_select(n, bits) for n in range(config.rows))
        m.d.comb += tree.products.eq(Cat(Cat(word, word[-1]) for word in wide))
        total = delayed(m, "late_total", tree.total, latency - 2 - tree.latency, platform)
        scaled = Signal(scaled_total_shape(config), reset_less=True)
        m.d.sync += scaled.eq(total.as_signed() * a_scale.mantissa)
        return scaled

    def _block(self, tile: TileConfig, columns: int) -> ColumnBlock | PackedBlock:
        return PackedBlock(self.config, columns) if self.config.packed else ColumnBlock(tile, columns)


def chosen(values: Sequence[Value], number: Value) -> Value:
    """One of several values; the last for numbers beyond."""
    found = values[-1]
    for other in reversed(range(len(values) - 1)):
        found = Mux(number == other, values[other], found)
    return found


def _cut(word: Value, bits: int) -> tuple[Value, Value]:
    return word[:bits], word[bits:]
