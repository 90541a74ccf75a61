"""The matrix-multiply tile."""

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, connect, flipped

from .column import ColumnBlock
from .config import TileConfig
from .delay import DelayLine, Skew, skew_cycles
from .multiplier import TIMING
from .target import SharedComponent, place
from .tile_feeder import TileFeeder, activation_word, weight_word

BLOCK_COLUMNS = 8


def result_word(config: TileConfig) -> data.StructLayout:
    """``cols`` signed sums, the first column in the lowest bits; ``last`` ends the packet."""
    return data.StructLayout({"data": unsigned(config.cols * config.result_bits), "last": 1})


class MatmulTile(SharedComponent):
    """Multiply packets of activation words by tiles of stationary weights."""

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(activation_word(config))),
            "i_weights": In(stream.Signature(weight_word(config))),
            "o": Out(stream.Signature(result_word(config), always_ready=True)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the acceptance of an activation word to its result word."""
        config = self.config
        return 1 + sum(TIMING[config.multiplier]) + (config.dot - 1).bit_length() + config.groups - 1 + self.blocks - 1

    @property
    def blocks(self) -> int:
        """Blocks of up to `BLOCK_COLUMNS` columns."""
        return -(-self.config.cols // BLOCK_COLUMNS)

    def elaborate(self, platform):
        m = Module()
        config = self.config

        def delay(name: str, word: Value, cycles: int) -> Value:
            if not cycles:
                return word
            line = place(m, name, DelayLine(len(word), cycles), platform)
            m.d.comb += line.i.eq(word)
            return line.o

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

        weight_lead, _ = TIMING[config.multiplier]
        if weight_lead:
            activations = delay("lead", activations, weight_lead)
        totals = []
        for index in range(self.blocks):
            if index:
                activations = delay(f"pass_activations_{index}", activations, 1)
                weights = delay(f"pass_weights_{index}", weights, 1)
                swap = delay(f"pass_swap_{index}", swap, 1)
            first = index * BLOCK_COLUMNS
            columns = min(BLOCK_COLUMNS, config.cols - first)
            block = place(m, f"block_{index}", ColumnBlock(config, columns), platform)
            m.d.comb += [
                block.activations.eq(activations),
                block.weights.eq(weights),
                block.swap.eq(swap),
                block.load.eq(delay(f"pass_load_{index}", feeder.load[first : first + columns], index)),
            ]
            totals.append(delay(f"align_{index}", block.totals, self.blocks - 1 - index))

        valid = Signal(self.latency - 1)
        last = Signal(self.latency - 1, reset_less=True)
        m.d.sync += [valid.eq(Cat(feeder.valid, valid)), last.eq(Cat(feeder.last, last))]
        m.d.comb += [self.o.valid.eq(valid[-1]), self.o.payload.last.eq(last[-1])]
        m.d.comb += self.o.payload.data.eq(Cat(totals))

        return m
