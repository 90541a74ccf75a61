"""What a column adds for a block: the sum of products times both scales, and that of activations times a minimum."""

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.arithmetic import MAX_FACTOR_BITS, RegisteredProduct
from tilewright.base import SharedComponent, place
from tilewright.formats import EXPONENT_STEP, ScaleFormat

from .config import BlockTileConfig

__all__ = ["BlockTerms", "scale_shape", "scaled_total_shape", "scales_shape", "terms_shape"]


def scale_shape(form: ScaleFormat) -> data.StructLayout:
    """A scale, taken apart: see `tilewright.formats.ScaleParts`."""
    return data.StructLayout({"mantissa": form.mantissa_shape, "exponent": form.exponent_shape, "invalid": 1})


def scales_shape(config: BlockTileConfig) -> data.StructLayout:
    """The scale of a block of B, and its minimum if the format has one."""
    parts = {"scale": scale_shape(config.b.scale)}
    return data.StructLayout(parts | ({"minimum": scale_shape(config.b.scale)} if config.minimum else {}))


def _product_shape(*factors: Shape) -> Shape:
    """The shape of a product of which no factor is the least of its shape, if that is negative."""
    return signed(sum(shape.width - shape.signed for shape in factors) + 1)


def term_shape(config: BlockTileConfig) -> data.StructLayout:
    """A term, ``integer * 2**(4 * exponent - 3)`` in units of the products of two mantissas' lowest bits."""
    sum_bits = config.sum_shape.width
    product = _product_shape(config.a.scale.mantissa_shape, config.b.scale.mantissa_shape)
    integer = signed(sum_bits + product.width - 1 + EXPONENT_STEP - 1)
    return data.StructLayout({"integer": integer, "exponent": config.exponent_shape})


def terms_shape(config: BlockTileConfig) -> data.StructLayout:
    """The terms of a block: one, or two if B has minimums; `invalid` if a scale is not a finite number."""
    count = 1 + config.minimum
    return data.StructLayout({"terms": data.ArrayLayout(term_shape(config), count), "invalid": 1})


class BlockTerms(SharedComponent):
    """Multiply a column's sums by the scales of their blocks.

    The sum comes a cycle after its scales. Throughput is a block a cycle, nothing is reset::

        cycle        0                       1             2       3
        scales ────► mantissas × ───────────│ │─► sum ────│ │─► × │ │──► integer of terms.0
                     exponents + ───────────│ │───────────│ │──► exponents
        scaled total ───────────────────────────► minimum │ │─► × │ │──► integer of terms.1

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    a_scale : In(scale_shape(config.a.scale))
        The scale of the block of A.
    b_scales : In(scales_shape(config))
        Those of the block of B, in the same cycle.
    sum : In(config.sum_shape)
        The sum of the products of the two blocks, a cycle later.
    scaled_total : In(scaled_total_shape(config))
        The sum of the block of A times the mantissa of its scale, with `sum`; only if B has minimums.
    o : Out(terms_shape(config))
        The terms: exponents and `invalid` 2 cycles after the scales, integers 3.
    """

    def __init__(self, config: BlockTileConfig):
        self.config = config
        total = {"scaled_total": In(scaled_total_shape(config))} if config.minimum else {}
        super().__init__({
            **total,
            "a_scale": In(scale_shape(config.a.scale)),
            "b_scales": In(scales_shape(config)),
            "sum": In(config.sum_shape),
            "o": Out(terms_shape(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config, a, b = self.config, self.a_scale, self.b_scales
        mantissas = _product_shape(config.a.scale.mantissa_shape, config.b.scale.mantissa_shape)
        factor = Signal(mantissas, reset_less=True)
        m.d.sync += factor.eq(a.mantissa * b.scale.mantissa)
        fine = self._exponent(m, 0, a.exponent + b.scale.exponent)
        shifted: tuple[Value, Value] = (self.sum, factor << fine)
        if max(len(self.sum) + 1, len(factor) + 2) <= MAX_FACTOR_BITS:  # a bit of the shift for each
            shifted = self.sum << fine[0], factor << Cat(Const(0, 1), fine[1])
        m.d.comb += self.o.terms[0].integer.eq(self._product(m, "sum_product", *shifted, platform))
        invalid = a.invalid | b.scale.invalid
        if config.minimum:
            minimum = Signal.like(b.minimum.mantissa, reset_less=True)
            m.d.sync += minimum.eq(b.minimum.mantissa)
            fine = self._exponent(m, 1, a.exponent + b.minimum.exponent)
            product = self._product(m, "minimum_product", self.scaled_total, minimum << fine, platform)
            m.d.comb += self.o.terms[1].integer.eq(product)
            invalid |= b.minimum.invalid
        late_invalid = Signal(2, name="late_invalid", reset_less=True)
        m.d.sync += late_invalid.eq(Cat(invalid, late_invalid))
        m.d.comb += self.o.invalid.eq(late_invalid[1])
        return m

    def _exponent(self, m: Module, term: int, exponent: Value) -> Value:
        """Send a term's exponent, rounded up; return by how much its integer is shifted left, in cycle 1."""
        step_bits = exact_log2(EXPONENT_STEP)
        up = Signal(signed(self.config.exponent_shape.width + step_bits), name=f"exponent_{term}", reset_less=True)
        late = Signal(self.config.exponent_shape, name=f"late_exponent_{term}", reset_less=True)
        m.d.sync += [
            up.eq(exponent + EXPONENT_STEP - 1),
            late.eq(up >> step_bits),
        ]
        m.d.comb += self.o.terms[term].exponent.eq(late)
        return up[:step_bits]

    def _product(self, m: Module, name: str, a: Value, b: Value, platform) -> Value:
        """The product of 2 cycles before, in a DSP block if the factors are narrow enough."""
        if max(len(a), len(b)) <= MAX_FACTOR_BITS and self.config.multiplier == "dsp":
            product = place(m, name, RegisteredProduct(len(a), len(b)), platform)
            m.d.comb += [
                product.a.eq(a),
                product.b.eq(b),
            ]
            return product.product
        first, second = (Signal.like(value, name=f"{name}_{n}", reset_less=True) for n, value in (("a", a), ("b", b)))
        found = Signal(signed(len(a) + len(b)), name=name, reset_less=True)
        m.d.sync += [
            first.eq(a),
            second.eq(b),
            found.eq(first * second),
        ]
        return found


def scaled_total_shape(config: BlockTileConfig) -> Shape:
    """The shape of the sum of a block of A times the mantissa of its scale."""
    largest = max(abs(value) for value in config.total_range)
    mantissa = (1 << config.a.scale.mantissa_bits + 1) - 1 if config.a.scale.mantissa_bits else 1
    return signed((largest * mantissa).bit_length() + 1)
