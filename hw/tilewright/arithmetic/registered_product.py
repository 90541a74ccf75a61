"""Multiplies two factors in a DSP block that has its own registers."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target

__all__ = ["MAX_FACTOR_BITS", "RegisteredProduct", "dsp_product"]

MAX_FACTOR_BITS = 18
"""Of a signed factor of a MULT18X18D."""


class RegisteredProduct(SharedComponent):
    """Multiply two signed factors each cycle, with registers before and behind.

    ``product(t + 2) = a(t) * b(t)``. On ECP5 the registers are those of one MULT18X18D: to and from a DSP block the
    way is long, and the block alone takes 3.9 ns. Elsewhere they are around a ``*``. Not reset::

        a ──│ │──┐
                 ├──► × ──│ │──► product
        b ──│ │──┘

    Parameters
    ----------
    a_bits, b_bits : int
        Widths of the factors, at most `MAX_FACTOR_BITS`.

    Members
    -------
    a : In(signed(a_bits))
        One factor, a new one in each cycle.
    b : In(signed(b_bits))
        The other one, in the same cycle.
    product : Out(signed(a_bits + b_bits))
        The exact product of the factors of 2 cycles before.
    """

    def __init__(self, a_bits: int, b_bits: int):
        super().__init__({
            "a": In(signed(a_bits)),
            "b": In(signed(b_bits)),
            "product": Out(signed(a_bits + b_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, Target) and platform.family == "ecp5":
            m.submodules.mult18x18d = dsp_product(self.a, self.b, Const(1, 1), self.product)
            return m
        a = Signal.like(self.a, name="a_register", reset_less=True)
        b = Signal.like(self.b, name="b_register", reset_less=True)
        product = Signal.like(self.product, name="product_register", reset_less=True)
        m.d.sync += [
            a.eq(self.a),
            b.eq(self.b),
            product.eq(a * b),
        ]
        m.d.comb += self.product.eq(product)
        return m


def dsp_product(a: Value, b: Value, enable_b: Value, product: Signal) -> Instance:
    """A MULT18X18D with registers at both inputs, that of ``b`` enabled, and at the output, which is ``product``."""
    return Instance(
        "MULT18X18D",
        p_REG_INPUTA_CLK="CLK0", p_REG_INPUTA_CE="CE0", p_REG_INPUTA_RST="RST0",
        p_REG_INPUTB_CLK="CLK0", p_REG_INPUTB_CE="CE1", p_REG_INPUTB_RST="RST0",
        p_REG_PIPELINE_CLK="NONE", p_REG_OUTPUT_CLK="CLK0", p_REG_OUTPUT_CE="CE0", p_REG_OUTPUT_RST="RST0",
        p_GSR="DISABLED", p_RESETMODE="SYNC",
        i_CLK0=ClockSignal(), i_CE0=Const(1, 1), i_CE1=enable_b, i_RST0=Const(0, 1),
        i_SIGNEDA=Const(1, 1), i_SIGNEDB=Const(1, 1), i_SOURCEA=Const(0, 1), i_SOURCEB=Const(0, 1),
        **{f"i_A{bit}": a[min(bit, len(a) - 1)] for bit in range(MAX_FACTOR_BITS)},
        **{f"i_B{bit}": b[min(bit, len(b) - 1)] for bit in range(MAX_FACTOR_BITS)},
        **{f"o_P{bit}": product[bit] for bit in range(len(product))},
    )  # fmt: skip
