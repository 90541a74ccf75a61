"""The element that is chained down a column: a dot product, added to the partial sum from above."""

from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.arithmetic import AdderTree, Multiplier, MultiplierPair
from tilewright.base import SharedComponent, place

from .config import TileConfig


class ProcessingElement(SharedComponent):
    """Multiply ``dot`` activations by ``dot`` stationary weights, sum, and add the partial sum from above.

    Weights are double-buffered: ``load`` fills the shadow, ``swap`` makes the shadow's weights the ones that
    multiply. Both may come in the same cycle, and the swap then takes what the shadow held before::

        weights ──► load? ──│shadow│──► swap? ──┐
                                                ├──► Multiplier × dot ──► AdderTree ──► + ──│ │──► total
        activations ────────────────────────────┘                                       ▲
        partial ────────────────────────────────────────────────────────────────────────┘

    Latency: the activations of cycle t that meet weights swapped in cycle ``t - weight_lead`` are in the
    ``total`` of cycle ``t + latency``, together with the partial sum of cycle ``t + latency - 1``. The first
    element of a column has no ``partial`` and no adder, and its latency is one cycle less. One dot product a
    cycle; no stalls, no reset.

    Parameters
    ----------
    config : TileConfig
    partial_bits : int
        Width of the partial sum from above; 0 for the first element of a column.
    total_bits : int
        Width of the sum.

    Members
    -------
    activations : In(unsigned(dot * activation_bits))
        Signed activations side by side, the first in the lowest bits; new ones in each cycle.
    weights : In(unsigned(dot * weight_bits))
        Signed weights side by side, the first in the lowest bits. Sampled with ``load``.
    load, swap : In(1)
        Take the weights into the shadow; let the shadow's weights multiply. Both at the end of this cycle.
    partial : In(signed(partial_bits))
        The sum of the elements above, in the cycle before ``total``. Absent from the first element.
    total : Out(signed(total_bits))
        The partial sum plus the products; exact.
    """

    def __init__(self, config: TileConfig, partial_bits: int, total_bits: int):
        self.config = config
        self.partial_bits = partial_bits
        partial = {"partial": In(signed(partial_bits))} if partial_bits else {}
        super().__init__({
            "activations": In(unsigned(config.dot * config.activation_bits)),
            "weights": In(unsigned(config.dot * config.weight_bits)),
            "load": In(1),
            "swap": In(1),
            **partial,
            "total": Out(signed(total_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config

        products = []
        pairs = MultiplierPair.serves(config.multiplier, config.activation_bits, config.weight_bits, platform)
        shadows: list[Signal] = []
        for term in range(config.dot):
            shadow = Signal(signed(config.weight_bits), name=f"shadow_{term}", reset_less=True)
            with m.If(self.load):
                m.d.sync += shadow.eq(self.weights.word_select(term, config.weight_bits))

            if pairs:
                shadows.append(shadow)
                continue
            multiplier = Multiplier(config.multiplier, config.activation_bits, config.weight_bits)
            place(m, f"multiplier_{term}", multiplier, platform)
            m.d.comb += [
                multiplier.activation.eq(self.activations.word_select(term, config.activation_bits)),
                multiplier.weight.eq(shadow),
                multiplier.load.eq(self.swap),
            ]
            products.append(multiplier.product)
        for term in range(0, len(shadows), 2):
            pair = MultiplierPair(config.activation_bits, config.weight_bits)
            place(m, f"multipliers_{term}", pair, platform)
            m.d.comb += pair.load.eq(self.swap)
            for half, shadow in enumerate(shadows[term : term + 2]):
                m.d.comb += [
                    pair.activations[half].eq(self.activations.word_select(term + half, config.activation_bits)),
                    pair.weights[half].eq(shadow),
                ]
                products.append(pair.products[half])

        tree = place(m, "tree", AdderTree(config.activation_bits, config.weight_bits, config.dot), platform)
        m.d.comb += tree.products.eq(Cat(products))

        if self.partial_bits:
            total = Signal.like(self.total, reset_less=True)
            m.d.sync += total.eq(self.partial + tree.total)
            m.d.comb += self.total.eq(total)
        else:
            m.d.comb += self.total.eq(tree.total)

        return m
