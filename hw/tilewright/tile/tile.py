"""The matrix-multiply tile."""

from collections.abc import Callable
from functools import partial
from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.arithmetic import TIMING
from tilewright.base import SharedComponent, place
from tilewright.storage import Skew, delayed, skew_cycles

from .column import ColumnBlock
from .config import TileConfig
from .feeder import TileFeeder, activation_word, weight_word

BLOCK_COLUMNS = 8


def result_word(config: TileConfig) -> data.StructLayout:
    """``cols`` signed sums, the first column in the lowest bits; ``last`` ends the packet."""
    return data.StructLayout({"data": unsigned(config.cols * config.result_bits), "last": 1})


class MatmulTile(SharedComponent):
    """Multiply packets of activation words by tiles of stationary weights.

    The k-th packet of activations, ``A[m, rows]``, meets the k-th tile of weights, ``B[cols, rows]``: each of its m
    words gives one result word ``A[i] · Bᵀ``, ``cols`` exact sums of ``rows`` products, in order. Weight-stationary:
    ``rows`` runs along K and ``cols`` along N, both operands contiguous along K as memory holds them. Sums are as
    wide as they must be and never overflow. ::

                       ┌──────────┐ activations  ┌──────┐   ┌─────────┐   ┌─────────┐
        i ────────────►│          ├─────────────►│ Skew ├──►│ block 0 ├──►│ block 1 ├──►    8 columns a block,
                       │  Tile    │ swap         └──────┘   │  ▼ ▼ ▼  │   │  ▼ ▼ ▼  │       broadcast inside,
        i_weights ────►│  Feeder  ├─────────────► Skew ────►│ columns │   │ columns │       registered between
                       │          │ weights, load           └────┬────┘   └────┬────┘
                       └──────────┘                            delay           │
                                                                 └──────┬──────┘
                                                                        ▼ o

    A column chains ``rows / dot`` processing elements, each a pipelined tree of ``dot`` products. Blocks of 8 columns
    share a broadcast instead of passing activations from column to column: that costs no register per multiplier and
    leaves nothing to align within a block.

    Timing, here with ``cols = 3`` and packets of 3 words; time runs to the right, a letter is a tile and its packet::

        cycle        0    1    2    3    4    5    6    7    8    9   …
        i_weights    a0   a1   a2   b0   b1   b2   c0   c1   c2
        i                           A0   A1   A2   B0   B1   B2   C0         A0 waits for a2, and never again
        o                           └─ latency ─►  A0   A1   A2   B0   B1    without a gap

    - Latency: ``1 + multiplier + ceil(log2(dot)) + rows / dot - 1 + ceil(cols / 8) - 1`` cycles from the acceptance of
      a word to its result, where ``multiplier`` is 2 for ``infer`` and 3 for ``dsp`` and ``lut``; see ``latency``.
    - Throughput: one activation word and one weight word a cycle. A tile of weights used for m words costs
      ``max(m, cols)`` cycles: with m ≥ cols no multiplier is ever idle, with m = 1 weights come at the full rate.
    - A packet ends with ``last``. A tile of weights ends with ``last`` or after ``cols`` words; the columns that a
      short tile leaves out keep their old weights, so ignore their sums.
    - The first word of a packet waits until its tile is loaded; weights wait while the tile after the running one is
      complete. Results cannot be stalled: the consumer must take them. ``ready`` never depends on ``valid``.
    - Reset: both streams start anew, with a packet and a tile; results in flight are dropped. Data has no reset.

    Parameters
    ----------
    config : TileConfig

    Members
    -------
    i : In(stream.Signature(activation_word(config)))
        Activations: ``data`` is ``rows`` elements of ``activation_bits``.
    i_weights : In(stream.Signature(weight_word(config)))
        Weights: ``data`` is ``rows`` elements of ``weight_bits``, one column of the tile, column 0 first.
    o : Out(stream.Signature(result_word(config), always_ready=True))
        Results: ``data`` is ``cols`` sums of ``result_bits``; ``last`` as in the packet.
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(activation_word(config))),
            "i_weights": In(stream.Signature(weight_word(config))),
            "o": Out(stream.Signature(result_word(config), always_ready=True)),
        })

    @staticmethod
    def latency_of(config: TileConfig) -> int:
        """Cycles from the acceptance of an activation word to its result word."""
        blocks = -(-config.cols // BLOCK_COLUMNS)
        return 1 + sum(TIMING[config.multiplier]) + (config.dot - 1).bit_length() + config.groups - 1 + blocks - 1

    @property
    def latency(self) -> int:
        """Cycles from the acceptance of an activation word to its result word."""
        return self.latency_of(self.config)

    @property
    def blocks(self) -> int:
        """Blocks of up to `BLOCK_COLUMNS` columns."""
        return -(-self.config.cols // BLOCK_COLUMNS)

    def elaborate(self, platform):
        m = Module()
        config = self.config

        def skew(name: str, word: Value) -> Value:
            if not skew_cycles(config.groups - 1):
                return word
            line = place(m, name, Skew(config.groups, len(word) // config.groups), platform)
            m.d.comb += line.i.eq(word)
            return line.o

        feeder = place(m, "feeder", TileFeeder(config), platform)
        connect(m, flipped(self.i), feeder.i)
        connect(m, flipped(self.i_weights), feeder.i_weights)
        activations = skew("skew_activations", feeder.activations)
        weights = skew("skew_weights", feeder.weights)
        swap = skew("skew_swap", feeder.swap.replicate(config.groups))
        totals = place_columns(m, config, platform, activations, weights, swap, feeder.load, ColumnBlock)

        valid = Signal(self.latency - 1)
        last = Signal(self.latency - 1, reset_less=True)
        m.d.sync += valid.eq(Cat(feeder.valid, valid))
        m.d.sync += last.eq(Cat(feeder.last, last))
        m.d.comb += self.o.valid.eq(valid[-1])
        m.d.comb += self.o.payload.last.eq(last[-1])
        m.d.comb += self.o.payload.data.eq(totals)

        return m


def place_columns(
    m: Module, config: TileConfig, platform, activations: Value, weights: Value, swap: Value, load: Value,
    block_of: Callable[[TileConfig, int], Any],
) -> Value:  # fmt: skip
    """Place the columns behind a feeder, in blocks of up to `BLOCK_COLUMNS`; return their sums side by side.

    The words are those of the feeder, skewed. ``block_of`` makes a block of so many columns; see `ColumnBlock`.
    """
    delay = partial(delayed, m, platform=platform)
    weight_lead, _ = TIMING[config.multiplier]
    activations = delay("lead", activations, weight_lead)
    totals = []
    blocks = -(-config.cols // BLOCK_COLUMNS)
    for index in range(blocks):
        if index:
            activations = delay(f"pass_activations_{index}", activations, 1)
            weights = delay(f"pass_weights_{index}", weights, 1)
            swap = delay(f"pass_swap_{index}", swap, 1)
        first = index * BLOCK_COLUMNS
        columns = min(BLOCK_COLUMNS, config.cols - first)
        block = place(m, f"block_{index}", block_of(config, columns), platform)
        m.d.comb += [
            block.activations.eq(activations),
            block.weights.eq(weights),
            block.swap.eq(swap),
            block.load.eq(delay(f"pass_load_{index}", load[first : first + columns], index)),
        ]
        totals.append(delay(f"align_{index}", block.totals, blocks - 1 - index))
    return Cat(totals)
