"""The job of a product's descriptor: its fields, and the sizes that are derived from them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from tilewright.accelerator.contract import PARAMETER_PITCH_BYTES, AcceleratorConfig

from .fields import flags_of
from .geometry_planner import GeometryPlanner

__all__ = ["copy_fields", "plan_blocks"]

_COPIED = (
    "m", "n", "k", "a_stride", "b_stride", "c_stride", "zero_point", "minimum", "maximum", "a_address", "b_address",
    "c_address", "parameter_address",
)  # fmt: skip


def copy_fields(m: Module, config: AcceleratorConfig, raw, job: data.View):
    """Drive the fields of ``job`` that are those of a descriptor, or of its flags."""
    for name in _COPIED:
        m.d.comb += job[name].eq(raw[name])
    flags = flags_of(raw)
    for name in ("REQUANT", "ACCUMULATE", "FENCE_A", "FENCE_B", "FENCE_C"):
        m.d.comb += job[name.lower()].eq(flags[name])
    m.d.comb += job.double.eq(flags["DOUBLE_ROUNDING"])
    m.d.comb += job.b_format.eq(raw.b_format)
    bias = Signal(reset_less=True)  # a register keeps `job` free of logic from itself to itself in Verilog
    m.d.sync += bias.eq(flags["BIAS"] | flags["REQUANT"])
    m.d.comb += job.bias.eq(bias)
    columns = PARAMETER_PITCH_BYTES // 4
    m.d.comb += job.parameter_pitch.eq(_rounded_up(raw.n[: config.size_bits], columns) * 4)


def plan_blocks(
    m: Module, config: AcceleratorConfig, raw, job: data.View, dividing: Value, planner: GeometryPlanner | None
):
    """Derive sizes of M-blocks; bit n of ``dividing`` is 1 in the n-th cycle of the division.

    A convolution's are those of its ``planner``.
    """
    k_words = Signal(range(config.half_words + 1))
    long = Signal()
    pitch = Signal(range(config.half_words + 1))
    m.d.comb += k_words.eq(_rounded_up(raw.k[: config.size_bits], config.tile.rows) // config.tile.rows)
    m.d.comb += long.eq(raw.m[: config.size_bits] < config.tile.cols)
    m.d.comb += job.k_words.eq(k_words)
    m.d.comb += job.long.eq(long)
    less = Signal.like(pitch)
    m.d.comb += less.eq(Mux(long, config.long_chunk_words - 1, config.chunk_words - 1))
    m.d.sync += pitch.eq((k_words + less) & ~less)

    # Restoring division of a power of two: all the bits that follow are 0. Where the quotient would pass
    # acc_rows, its top bit is 1 already, and the rest is made 0.
    rest = Signal(range(2 * config.half_words), init=config.half_words >> len(dividing) - 1)
    difference = Signal(signed(len(rest) + 1))
    fits = Signal()
    m.d.comb += difference.eq(rest - pitch)
    m.d.comb += fits.eq(~difference[-1])
    m.d.sync += rest.eq(Mux(fits, difference[:-1], rest) << 1)
    with m.If(dividing[0] & fits):
        m.d.sync += rest.eq(0)
    busy = Signal()
    m.d.comb += busy.eq(dividing.any())
    with m.If(~busy):
        m.d.sync += rest.eq(rest.init)
    block_rows = Signal.like(job.block_rows)
    m.d.comb += job.block_rows.eq(block_rows)
    if planner:
        with m.If(job.convolution):
            m.d.comb += job.block_rows.eq(planner.block_rows)
    with m.If(busy):
        m.d.sync += block_rows.eq(Cat(fits, block_rows & ~dividing[0].replicate(len(block_rows))))
    building = Signal()
    fitted = Signal()
    m.d.sync += building.eq(busy)
    m.d.sync += fitted.eq(fits)
    for name in ("a", "c"):
        stride = raw[f"{name}_stride"][: config.stride_bits]
        product = Signal(config.addr_bits, name=f"{name}_block_bytes")
        doubled = (product << 1)[: config.addr_bits]
        m.d.comb += job[f"{name}_block_bytes"].eq(product)
        if planner:
            with m.If(job.convolution):
                m.d.comb += job[f"{name}_block_bytes"].eq(getattr(planner, f"{name}_block_bytes"))
        if config.compact:  # choice and sum fit into one LUT of an iCE40
            total: Value = Mux(fitted, doubled + stride, doubled)
        else:
            addend = Signal(config.stride_bits, name=f"{name}_addend")
            m.d.sync += addend.eq(Mux(fits & busy, stride, 0))
            total = doubled + addend
        with m.If(building):
            m.d.sync += product.eq(total)
        with m.If(dividing[0]):
            m.d.sync += product.eq(0)


def _rounded_up(size: Value, step: int) -> Value:
    """``size`` rounded up to a multiple of a power of two."""
    log2 = step.bit_length() - 1
    return Cat(Const(0, log2), size[log2:] + size[:log2].any())
