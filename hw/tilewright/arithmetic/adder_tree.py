"""Sum products in a pipelined tree."""

from amaranth.hdl import Module, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent
from tilewright.formats import product_sum_bits


class AdderTree(SharedComponent):
    """Sum ``terms`` products in pairs, every level registered, every sum exactly as wide as needed.

    ``total(t + latency) = sum of the products of cycle t``. Latency is ``ceil(log2(terms))`` cycles, throughput
    one sum a cycle; a single product passes through. Where a level's count is odd, its last sum waits in a
    register. Unregistered levels would be merged by Yosys into one ``$macc`` of plain LUTs. Not reset.

    Parameters
    ----------
    activation_bits, weight_bits : int
        Widths of the factors of each product.
    terms : int
        Products to sum, at least 1.

    Members
    -------
    products : In(unsigned(terms * (activation_bits + weight_bits)))
        The signed products side by side, the first in the lowest bits.
    total : Out(signed(product_sum_bits(activation_bits, weight_bits, terms)))
        The exact sum of the products of ``latency`` cycles before; the same cycle if there is a single product.
    """

    def __init__(self, activation_bits: int, weight_bits: int, terms: int):
        self.factor_bits = (activation_bits, weight_bits)
        self.terms = terms
        self.latency = (terms - 1).bit_length()
        super().__init__({
            "products": In(unsigned(terms * product_sum_bits(*self.factor_bits, 1))),
            "total": Out(signed(product_sum_bits(*self.factor_bits, terms))),
        })

    def elaborate(self, platform):
        m = Module()

        bits = product_sum_bits(*self.factor_bits, 1)
        # (sum, how many products it holds)
        level: list[tuple[Value, int]] = [
            (self.products.word_select(term, bits).as_signed(), 1) for term in range(self.terms)
        ]
        for depth in range(1, self.latency + 1):
            sums = []
            for pair in range(0, len(level), 2):
                values, counts = zip(*level[pair : pair + 2], strict=True)
                count = sum(counts)
                total = Signal(
                    signed(product_sum_bits(*self.factor_bits, count)),
                    name=f"level_{depth}_sum_{pair // 2}",
                    reset_less=True,
                )
                m.d.sync += total.eq(values[0] + values[1] if len(values) == 2 else values[0])
                sums.append((total, count))
            level = sums
        m.d.comb += self.total.eq(level[0][0])

        return m
