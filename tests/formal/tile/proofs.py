"""The tile against dot products of the words that it was given."""

from amaranth.hdl import Array, Assert, Assume, Elaboratable, Module, Mux, Signal, Value
from support.formal.prove import Proof

from tilewright.tile import MatmulTile, TileConfig

__all__ = ["dot_products"]


def dot_products(config: TileConfig, cls=MatmulTile):
    """A tile, free streams, and what its results must be."""
    dut = cls(config)
    streams = [dut.i.valid, Value.cast(dut.i.payload), dut.i_weights.valid, Value.cast(dut.i_weights.payload)]
    return Proof(dut=dut, rules=DotProducts(config, dut)), streams


class DotProducts(Elaboratable):
    """Each word of the k-th packet gives its dot products with the k-th tile of weights, ``latency`` cycles later.

    Of a tile of weights that is short, the columns that it leaves out are not looked at.
    """

    def __init__(self, config, dut):
        self.config, self.dut = config, dut

    def elaborate(self, platform):
        m = Module()
        config, dut = self.config, self.dut
        for port in (dut.i, dut.i_weights):  # offers hold
            held, before = Signal(), Signal(len(Value.cast(port.payload)))
            m.d.sync += [held.eq(port.valid & ~port.ready), before.eq(port.payload)]
            m.d.comb += Assume(~held | port.valid & (Value.cast(port.payload) == before))

        # Tiles of weights by turns: of the running packet, complete, and begun: the feeder holds a word of it.
        word_bits = config.rows * config.weight_bits
        tiles = [Array(Signal(word_bits, name=f"weights_{t}_{c}") for c in range(config.cols)) for t in range(4)]
        filled = Array(Signal(config.cols, name=f"filled_{t}") for t in range(4))
        loading, column, complete = Signal(2), Signal(range(config.cols + 1)), Signal(2)
        taken = dut.i_weights.valid & dut.i_weights.ready
        ends = Signal()
        m.d.comb += ends.eq(taken & (dut.i_weights.payload.last | (column == config.cols - 1)))
        with m.If(taken):
            m.d.sync += column.eq(Mux(ends, 0, column + 1))
            for number, tile in enumerate(tiles):
                with m.If(loading == number):
                    m.d.sync += tile[column].eq(dut.i_weights.payload.data)
                    m.d.sync += filled[number].eq(Mux(column == 0, 1, filled[number] | 1 << column))
        m.d.sync += loading.eq(loading + ends)

        between, running, accepted, begins = Signal(init=1), Signal(2, init=3), Signal(), Signal()
        m.d.comb += [accepted.eq(dut.i.valid & dut.i.ready), begins.eq(accepted & between)]
        m.d.sync += complete.eq(complete + ends - begins)
        m.d.comb += Assert(~begins | (complete != 0))
        m.d.comb += Assert(complete <= 2)
        with m.If(accepted):
            m.d.sync += between.eq(dut.i.payload.last)
            m.d.sync += running.eq(running + between)
        turn = Signal(2)
        m.d.comb += turn.eq(running + between)

        sums, columns = [], Signal(config.cols)
        m.d.comb += columns.eq(filled[turn])
        for number in range(config.cols):
            word = Array(tile[number] for tile in tiles)[turn]
            products = [
                dut.i.payload.data.word_select(n, config.activation_bits).as_signed()
                * word.word_select(n, config.weight_bits).as_signed()
                for n in range(config.rows)
            ]
            total = Signal(config.result_bits, name=f"sum_{number}")
            m.d.comb += total.eq(sum(products))
            sums.append(total)
        valid, last = accepted, dut.i.payload.last
        for cycle in range(dut.latency):
            stage = [Signal(len(v), name=f"stage_{cycle}") for v in map(Value.cast, (valid, last, columns, *sums))]
            m.d.sync += [to.eq(source) for to, source in zip(stage, (valid, last, columns, *sums), strict=True)]
            valid, last, columns, *sums = stage
        m.d.comb += Assert(dut.o.valid == valid)
        with m.If(dut.o.valid):
            m.d.comb += Assert(dut.o.payload.last == last)
            for number, want in enumerate(sums):
                got = dut.o.payload.data.word_select(number, config.result_bits)
                m.d.comb += Assert(~columns[number] | (got == want))
        return m
