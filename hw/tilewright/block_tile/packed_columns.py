"""Two columns of weights on one set of DSP blocks."""

from amaranth.hdl import Cat, Module, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.arithmetic import dsp_product
from tilewright.base import SharedComponent, Target, place

from .config import BlockTileConfig

__all__ = ["PackedBlock", "packed_weights"]

FIELD = 13
"""Bits of the lower products."""


def packed_weights(config: BlockTileConfig, weights: Value, before: Value) -> Value:
    """The weights of a word less 1 where the same weight of the word before is negative, in as many bits.

    That is the upper half of two packed weights; see `PackedColumns`.
    """
    bits = config.tile.weight_bits
    return Cat((weights.word_select(n, bits) - before.word_select(n, bits)[-1])[:bits] for n in range(config.rows))


class PackedColumns(SharedComponent):
    """Multiply words of activations by two columns of weights: ``rows`` multipliers of 18 bits for both.

    For an activation a and the weights v and w of two columns, ``a * (v * 2**13 + w)`` holds both products: ``a * w``
    in its lower 13 bits, and above them ``a * v``, less 1 if ``a * w`` is negative. With weights of up to 15 in
    magnitude and 8-bit activations, the products of two rows can still be added in one adder. What is borrowed is given
    back by carries of the adders of the upper half::

        weights ──► load? ─│shadow│─► swap? ─│ │─┐                         ┌─► lower halves ─► tree ─► totals.0
                                                 ├─► × ─│ │─│ │─► + pairs ─┤
        activations ─────────────────────────│ │─┘                         └─► upper halves ─► tree ─► totals.1

    Latency and timing are those of a `ColumnBlock` with DSP blocks. On ECP5 a multiplier is one MULT18X18D with its
    registers.

    Parameters
    ----------
    config : BlockTileConfig
        With `packed`.

    Members
    -------
    activations : In(unsigned(rows * activation_bits))
        A word of signed activations in each cycle.
    weights : In(unsigned(rows * weight_bits))
        A word of signed weights, sampled with `load`.
    borrowed : In(unsigned(rows * weight_bits))
        The same as `packed_weights`, for the second column.
    load : In(2)
        The word is that of the first, or of the second column.
    swap : In(1)
        The weights loaded by now multiply from here on.
    totals : Out(unsigned(2 * sum_bits))
        The sums of the two columns, of `sum_shape`, side by side.
    """

    def __init__(self, config: BlockTileConfig):
        self.config = config
        tile = config.tile
        super().__init__({
            "activations": In(unsigned(tile.rows * tile.activation_bits)),
            "weights": In(unsigned(tile.rows * tile.weight_bits)),
            "borrowed": In(unsigned(tile.rows * tile.weight_bits)),
            "load": In(2),
            "swap": In(1),
            "totals": Out(unsigned(2 * config.sum_shape.width)),
        })

    def elaborate(self, platform):
        m = Module()
        tile = self.config.tile
        products, later = [], []  # as the multipliers have them, and a register later
        for row in range(tile.rows):
            activation = self.activations.word_select(row, tile.activation_bits).as_signed()
            lower, upper = (
                Signal(tile.weight_bits, name=f"{half}_{row}", reset_less=True) for half in ("lower", "upper")
            )
            for shadow, word, load in ((lower, self.weights, self.load[0]), (upper, self.borrowed, self.load[1])):
                with m.If(load):
                    m.d.sync += shadow.eq(word.word_select(row, tile.weight_bits))
            pair = Cat(lower, lower[-1].replicate(FIELD - len(lower)), upper).as_signed()
            products.append(self._product(m, row, activation, pair, platform))
            later.append(_registered(m, f"product_{row}", products[row]))
        # One adder is missing for as many carries: the first pair's upper half is added without a borrow.
        first = Signal(signed(FIELD), name="first_upper", reset_less=True)
        lowers: list[Value] = []
        uppers: list[Value] = [first]
        carries: list[Value] = []
        for number in range(0, tile.rows, 2):
            halves = Signal(signed(2 * FIELD if number else FIELD), name=f"pair_{number}", reset_less=True)
            m.d.sync += halves.eq(later[number] + later[number + 1])
            lowers.append(halves[:FIELD].as_signed())
            if number:
                uppers.append(halves[FIELD:].as_signed())
            carries.append(halves[FIELD - 1])
        repaid = (packed[FIELD:].as_signed() + packed[FIELD - 1] for packed in products[:2])
        m.d.sync += first.eq(
            sum(_registered(m, f"repaid_{row}", value[:FIELD].as_signed()) for row, value in enumerate(repaid))
        )
        totals = self._tree(m, "lower", lowers, []), self._tree(m, "upper", uppers, carries[1:])
        m.d.comb += self.totals.eq(Cat(totals))
        return m

    def _product(self, m: Module, row: int, activation: Value, pair: Value, platform) -> Signal:
        """The packed products."""
        bits = len(activation) + len(pair)
        product = Signal(signed(bits), name=f"dsp_product_{row}", reset_less=True)
        if isinstance(platform, Target) and platform.family == "ecp5":
            m.submodules[f"multiplier_{row}"] = dsp_product(activation, pair, self.swap, product)
        else:
            first = Signal.like(activation, name=f"activation_{row}", reset_less=True)
            second = Signal(signed(len(pair)), name=f"stationary_{row}", reset_less=True)
            m.d.sync += first.eq(activation)
            with m.If(self.swap):
                m.d.sync += second.eq(pair)
            m.d.sync += product.eq(first * second)
        return product

    def _tree(self, m: Module, name: str, values: list[Value], carries: list[Value]) -> Value:
        """The sum of values and carries; each adder takes one carry, and what is over goes to the next level."""
        level = 0
        limit = self.config.sum_shape.width
        while len(values) > 1:
            level += 1
            sums, over = [], carries[len(values) // 2 :]
            for number in range(0, len(values), 2):
                a, b = values[number], values[number + 1]
                total = Signal(
                    signed(min(limit, max(len(a), len(b)) + 1)), name=f"{name}_{level}_{number // 2}", reset_less=True
                )
                if carries:
                    carry = carries[number // 2]
                    m.d.sync += total.eq((Cat(1, a).as_signed() + Cat(carry, b).as_signed()) >> 1)
                else:
                    m.d.sync += total.eq(a + b)
                sums.append(total)
            late = []
            for number, carry in enumerate(over):
                register = Signal(name=f"{name}_carry_{level}_{number}", reset_less=True)
                m.d.sync += register.eq(carry)
                late.append(register)
            values, carries = sums, late
        return values[0]


def _registered(m: Module, name: str, value: Value) -> Signal:
    """The value a cycle later, in a register of the fabric: from a DSP block the way is long."""
    register = Signal.like(value, name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


class PackedBlock(SharedComponent):
    """The block of columns that share one broadcast, in pairs; the counterpart of a `ColumnBlock`.

    Parameters
    ----------
    config : BlockTileConfig
        With `packed`.
    columns : int
        Columns in this block; of an odd number the last pair has one.

    Members
    -------
    activations : In(unsigned(rows * activation_bits))
        A word of signed activations in each cycle, for all columns.
    weights : In(unsigned(2 * rows * weight_bits))
        A word of signed weights, and above it the same as `packed_weights`; sampled by the column that ``load``
        selects.
    swap : In(1)
        The weights loaded by now multiply from here on.
    load : In(unsigned(columns))
        The column that the word in ``weights`` is for; at most one bit is set.
    totals : Out(unsigned(columns * sum_bits))
        Sums of `sum_shape` side by side, the first column in the lowest bits.
    """

    def __init__(self, config: BlockTileConfig, columns: int):
        self.config = config
        self.columns = columns
        tile = config.tile
        super().__init__({
            "activations": In(unsigned(tile.rows * tile.activation_bits)),
            "weights": In(unsigned(2 * tile.rows * tile.weight_bits)),
            "swap": In(1),
            "load": In(unsigned(columns)),
            "totals": Out(unsigned(columns * config.sum_shape.width)),
        })

    def elaborate(self, platform):
        m = Module()
        weights, borrowed = (self.weights.word_select(half, len(self.weights) // 2) for half in range(2))
        totals = []
        for column in range(0, self.columns, 2):
            pair = place(m, f"columns_{column}", PackedColumns(self.config), platform)
            totals.append(pair.totals)
            m.d.comb += [
                pair.activations.eq(self.activations),
                pair.weights.eq(weights),
                pair.borrowed.eq(borrowed),
                pair.swap.eq(self.swap),
                pair.load.eq(self.load[column : column + 2]),
            ]
        m.d.comb += self.totals.eq(Cat(totals))
        return m
