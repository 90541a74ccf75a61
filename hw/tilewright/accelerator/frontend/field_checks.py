"""What is wrong with the fields of a descriptor: each by itself, and together."""

from typing import Any, NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.registers import DESCRIPTOR_VERSION, ERRORS, flag_count

from .fields import flags_of, over
from .geometry_planner import GeometryPlanner
from .vector_check import VectorCheck

__all__ = ["FieldChecks", "PlannedGeometry"]


class PlannedGeometry(NamedTuple):
    """The geometry of a convolution.

    ``known``: it is one, and has been planned; ``unknown``: a reserved byte, or a choice that there is not.
    """

    planner: GeometryPlanner
    known: Value
    unknown: Value


class FieldChecks:
    """The errors of a descriptor's fields, in the order in which they are reported.

    Parameters
    ----------
    config : AcceleratorConfig
    raw : data.View or Fields
        The descriptor as one of a product.
    vector : VectorCheck or None
        The same as one of the vector engine.
    geometry : PlannedGeometry or None
    """

    def __init__(self, config: AcceleratorConfig, raw, vector: VectorCheck | None, geometry: PlannedGeometry | None):
        self.config, self.raw, self.vector, self.geometry = config, raw, vector, geometry
        self._flags = flags_of(raw)
        self._used = self._flags["REQUANT"] | self._flags["BIAS"]
        self._convolution = self._flags["CONVOLUTION"] if config.convolution else Const(0, 1)

    def decide(self, m: Module, beyond: Value, ranges: Value, error: Value, unit: Value):
        """Drive ``error`` and ``unit``, from registers.

        ``ranges`` are known in the last cycle before the decision, all others in two cycles. ``beyond``: there is no
        descriptor, since its entry in the ring is past the last address.
        """
        sizes, alignments = self._sizes(), self._alignments()
        size = Signal(4)
        alignment = Signal(4)
        m.d.sync += size.eq(Cat(sizes.values()))
        m.d.sync += alignment.eq(Cat(alignments.values()))
        version = Signal()
        contradiction = Signal()
        contradicts = self._contradicts()
        unknown_version = self.raw.version != DESCRIPTOR_VERSION
        if self.vector:
            contradicts = Mux(self.vector.present, self.vector.unknown, contradicts)
            unknown_version &= ~self.vector.present
        m.d.sync += version.eq(unknown_version)
        m.d.sync += contradiction.eq(contradicts)

        at_fault = Signal(Unit, name="unit")
        with m.If(beyond):
            m.d.sync += error.eq(ERRORS["WRAPPED"][0])
        with m.Elif(version):
            m.d.sync += error.eq(ERRORS["VERSION"][0])
        with m.Elif(contradiction):
            m.d.sync += error.eq(ERRORS["FLAGS"][0])
        with m.Elif(size.any()):
            m.d.sync += error.eq(ERRORS["SIZE"][0])
        with m.Elif(alignment.any()):
            m.d.sync += error.eq(ERRORS["ALIGNMENT"][0])
        with m.Elif(ranges.any()):
            m.d.sync += error.eq(ERRORS["WRAPPED"][0])
        with m.Else():
            m.d.sync += error.eq(ERRORS["NONE"][0])
        for number, candidate in reversed(list(enumerate(sizes))):
            with m.If(Mux(size.any(), size, Mux(alignment.any(), alignment, ranges))[number]):
                m.d.comb += at_fault.eq(candidate)
        m.d.sync += unit.eq(Mux(beyond | version | contradiction, Unit.DESCRIPTOR, at_fault))

    def has_b(self) -> Value:
        """Whether there is a matrix at B: of a vector job only if its operation has two operands."""
        return ~self.vector.present | self.vector.with_y if self.vector else Const(1, 1)

    def _sizes(self) -> dict[Any, Value]:
        """By unit: whether a size, an address or a stride is 0 or over its limit."""
        config, raw, vector = self.config, self.raw, self.vector

        def address_over(name: str) -> Value:
            return raw[f"{name}_address"][config.addr_bits :].any()

        def stride_over(name: str) -> Value:
            return raw[f"{name}_stride"][config.stride_bits :].any()

        k_over = over(raw.k, config.k_limit)
        if vector:
            k_over = Mux(vector.present, vector.size, k_over)
        b_over = address_over("b") | stride_over("b")
        if vector:
            b_over &= self.has_b()
        sizes = {
            Unit.LOAD_A: over(raw.m, config.size_limit) | k_over | address_over("a") | stride_over("a"),
            Unit.LOAD_B: over(raw.n, config.size_limit) | b_over,
            Unit.STORE_C: address_over("c") | stride_over("c"),
            Unit.PARAMETERS: (self._used | self._convolution) & address_over("parameter"),
        }
        if self.geometry:
            planner = self.geometry.planner
            sizes[Unit.LOAD_A] |= self.geometry.known & (planner.size | over(planner.window.height, config.size_limit))
            sizes[Unit.PARAMETERS] |= self._convolution & ~raw.parameter_address[6:].any()
        return sizes

    def _alignments(self) -> dict[Any, Value]:
        """By unit: whether an address or a stride is not a multiple of the bus word."""
        config, raw = self.config, self.raw

        def unaligned(name: str) -> Value:
            low = slice(0, 0 if config.unaligned else config.dma.word_log2)
            return raw[name][low].any()

        alignments = {
            Unit.LOAD_A: unaligned("a_address") | unaligned("a_stride"),
            Unit.LOAD_B: unaligned("b_address") | unaligned("b_stride"),
            Unit.STORE_C: unaligned("c_address") | unaligned("c_stride"),
            Unit.PARAMETERS: self._used & unaligned("parameter_address"),
        }
        if self.vector:
            sines = Const(0, 1) if config.unaligned else self.vector.sines
            alignments[Unit.LOAD_B] = self.has_b() & (alignments[Unit.LOAD_B] | sines)
        if self.geometry:
            alignments[Unit.PARAMETERS] |= self._convolution & raw.parameter_address[:6].any()
        return alignments

    def _contradicts(self) -> Value:
        """Whether something in a product's descriptor is unknown, or contradicts something else."""
        config, raw, flags = self.config, self.raw, self._flags
        unknown_format = raw.b_format >= len(config.b_formats) if config.b_format_bits else raw.b_format.any()
        unknown = raw.flags[flag_count(config) :].any() | unknown_format | raw.reserved_2.any()
        if self.geometry:
            unknown |= self.geometry.known & self.geometry.unknown
        if config.scaled:
            changes = flags["ACCUMULATE"] | self._used
            unknown |= changes if config.integer is None else changes & (raw.b_format != config.integer)
        return unknown | flags["ACCUMULATE"] & self._used | self._other_rounding()

    def _other_rounding(self) -> Value:
        """Whether the flags ask for a rounding that the epilogue does not have, or for one of nothing."""
        requant, double = self._flags["REQUANT"], self._flags["DOUBLE_ROUNDING"]
        return {"both": double & ~requant, "single": double, "double": double ^ requant}[self.config.rounding]
