"""A column of processing elements, and the block of columns that share one broadcast."""

from amaranth.hdl import Cat, Module, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place
from tilewright.storage import Skew, skew_cycles

from .config import TileConfig
from .processing_element import ProcessingElement


class Column(SharedComponent):
    """Multiply activation words by one column of weights: a chain of ``groups`` processing elements.

    Everything that belongs to group g comes ``skew_cycles(g)`` cycles later than for group 0::

        activations, weights, swap │ group 0 ──► element 0
                                   │                 ▼ partial
                                   │ group 1 ──► element 1
                                   │                 ▼ partial
                                   │     …           …
                                   │                 ▼
                                                   total

    ``total`` is the exact sum, ``groups - 1`` cycles after that of element 0. One sum a cycle; no stalls, no reset.

    Parameters
    ----------
    config : TileConfig

    Members
    -------
    activations : In(unsigned(rows * activation_bits))
        A word of signed activations in each cycle, skewed, the first in the lowest bits.
    weights : In(unsigned(rows * weight_bits))
        A word of signed weights, skewed like the activations; sampled with ``load``.
    load : In(1)
        The word in ``weights`` is this column's; not skewed.
    swap : In(unsigned(groups))
        One bit for each group, skewed.
    total : Out(signed(result_bits))
        The exact sum of the products of one word; for its time see above.
    """

    def __init__(self, config: TileConfig):
        self.config = config
        super().__init__({
            "activations": In(unsigned(config.rows * config.activation_bits)),
            "weights": In(unsigned(config.rows * config.weight_bits)),
            "load": In(1),
            "swap": In(unsigned(config.groups)),
            "total": Out(signed(config.result_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config

        load: Value = self.load.replicate(config.groups)
        if skew_cycles(config.groups - 1):
            skew = place(m, "load_skew", Skew(config.groups, 1), platform)
            m.d.comb += skew.i.eq(load)
            load = skew.o

        partial = Signal(0)
        for group in range(config.groups):
            total_bits = config.sum_bits((group + 1) * config.dot)
            element = ProcessingElement(config, len(partial), total_bits)
            place(m, f"element_{group}", element, platform)
            m.d.comb += [
                element.activations.eq(self.activations.word_select(group, config.dot * config.activation_bits)),
                element.weights.eq(self.weights.word_select(group, config.dot * config.weight_bits)),
                element.load.eq(load[group]),
                element.swap.eq(self.swap[group]),
            ]
            if group:
                m.d.comb += element.partial.eq(partial)
            partial = element.total
        m.d.comb += self.total.eq(partial)

        return m


class ColumnBlock(SharedComponent):
    """Multiply activation words by ``columns`` columns of weights, all in the same cycle.

    The words are broadcast to the columns of a block; the tile registers them from block to block.

    Parameters
    ----------
    config : TileConfig
    columns : int
        Columns in this block.

    Members
    -------
    activations : In(unsigned(rows * activation_bits))
        A word of signed activations in each cycle, skewed, for all columns.
    weights : In(unsigned(rows * weight_bits))
        A word of signed weights, skewed; sampled by the column that ``load`` selects.
    swap : In(unsigned(groups))
        One bit for each group, skewed: the weights loaded by now multiply from here on.
    load : In(unsigned(columns))
        The column that the word in ``weights`` is for; at most one bit is set.
    totals : Out(unsigned(columns * result_bits))
        Signed sums side by side, the first column in the lowest bits.
    """

    def __init__(self, config: TileConfig, columns: int):
        self.config = config
        self.columns = columns
        super().__init__({
            "activations": In(unsigned(config.rows * config.activation_bits)),
            "weights": In(unsigned(config.rows * config.weight_bits)),
            "swap": In(unsigned(config.groups)),
            "load": In(unsigned(columns)),
            "totals": Out(unsigned(columns * config.result_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        columns = [Column(self.config) for _ in range(self.columns)]
        for index, column in enumerate(columns):
            place(m, f"column_{index}", column, platform)
            m.d.comb += [
                column.activations.eq(self.activations),
                column.weights.eq(self.weights),
                column.swap.eq(self.swap),
                column.load.eq(self.load[index]),
            ]
        m.d.comb += self.totals.eq(Cat(column.total for column in columns))
        return m
