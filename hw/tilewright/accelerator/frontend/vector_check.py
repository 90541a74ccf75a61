"""What the decoder looks at in a vector descriptor, beside the fields that it shares with one of a product."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Value, signed, unsigned
from amaranth.lib import data

from tilewright.accelerator.contract import (
    ONE_RESULT,
    ONE_TYPE,
    PARTIALS,
    ROTATIONS,
    SOFTMAXES,
    WITH_Y,
    AcceleratorConfig,
    ElementType,
    Operation,
    operations_of,
)
from tilewright.accelerator.registers import VECTOR_DESCRIPTOR, VECTOR_DESCRIPTOR_VERSION, VECTOR_FLAGS
from tilewright.accelerator.vector import RecordFormat

from .fields import over

__all__ = ["VectorCheck"]

VECTOR_SHAPE = data.StructLayout({
    field.name: signed(field.bits) if field.signed else unsigned(field.bits) for field in VECTOR_DESCRIPTOR
})


class VectorCheck:
    """A descriptor taken as one of the vector engine.

    Parameters
    ----------
    config : AcceleratorConfig
    text : Value
        Its 64 bytes.

    Attributes
    ----------
    present : Value
        It is one, of the version `VECTOR_DESCRIPTOR_VERSION`. All others mean something only with it.
    unknown : Value
        A flag, an operation, a type or a field that does not go together with the operation, or a reserved byte.
    size : Value
        ``k``, or the ``n`` of a rotation, cannot be.
    with_y : Value
        There is an operand y.
    columns : Value
        The result is `INT8_COLUMNS`: it has n rows of m bytes.
    sines : Value
        The sines of a rotation's rows begin within a word of the bus.
    """

    def __init__(self, config: AcceleratorConfig, text: Value):
        raw = self._raw = data.View(VECTOR_SHAPE, text)
        self._config = config
        self._records = RecordFormat.of(config.a)
        self._x, self._y, self._c = raw.types[:2], raw.types[2:4], raw.types[4:]
        self.present = raw.version == VECTOR_DESCRIPTOR_VERSION
        softmax = self._is(*SOFTMAXES)
        self.with_y = self._is(*WITH_Y)
        self._rotates = self._is(*ROTATIONS)
        self.columns = self._is(Operation.QUANTIZE)

        def flag(name: str) -> Value:
            return raw.flags[VECTOR_FLAGS[name][0]]

        known = sum(1 << bit for bit, _ in VECTOR_FLAGS.values())
        integer = ElementType.INT32
        self.unknown = Cat(
            ~self._is(*operations_of(config)),
            (raw.flags & ~Const(known, len(raw.flags))).any(),
            flag("CAUSAL") & ~softmax,
            flag("FENCE_B") & ~self.with_y,
            self._x > integer,
            self._y >= integer,
            self._other_type(),
            ~softmax & (raw.window.any() | raw.k.any()),
            raw.reserved.any(),
        ).any()
        n = raw.n[: config.size_bits]
        mixed = (n & (n - 1)[: len(n)]).any()  # not a power of two
        long = _above(n, PARTIALS * config.vector_lanes)
        self.size = Cat(
            softmax & over(raw.k, config.size_limit),
            self._rotates & (n[0] | long),
            self._is(Operation.ROTATE_HALVES) & mixed,
            self._to_records() & _above(n, self._records.longest_row(config)) if self._records else 0,
        ).any()
        self.sines = self._rotates & self._bytes(n, self._y)[: config.dma.word_log2].any()

    def _is(self, *operations: Any) -> Value:
        return self._raw.operation.matches(*(operation.value for operation in operations))

    @property
    def row_bytes(self) -> dict[str, Value]:
        """Bytes of a row of each operand and of the result, by the names of their addresses."""
        n = self._raw.n[: self._config.size_bits]
        column = self._raw.m[: self._config.size_bits]
        one = Const(4, len(n) + 2)
        return {
            "a": self._bytes(n, self._x),
            "b": self._bytes(Mux(self._rotates, n << 1, n), self._y),
            "c": Mux(self._is(*ONE_RESULT), one, Mux(self.columns, column, self._c_bytes(n))),
        }

    def _other_type(self) -> Value:
        """Whether the result has a type that the operation does not make."""
        integer = ElementType.INT32
        other = Mux(self._is(*ONE_TYPE), 0, (self._c >= integer) & ~self._to_records())
        only = [self._is(operation) & (self._c != kind) for operation, kind in ONE_TYPE.items()]
        return Cat(other, *only).any()

    def _to_records(self) -> Value:
        """The result is records, and the engine has a format for them."""
        return (self._c == ElementType.RECORDS) & Const(self._records is not None, 1)

    def _c_bytes(self, n: Value) -> Value:
        if self._records is None:
            return self._bytes(n, self._c)
        return Mux(self._to_records(), self._records.form.row_bytes(n), self._bytes(n, self._c))

    @staticmethod
    def _bytes(elements: Value, kind: Value) -> Value:
        return Mux(kind == ElementType.BF16, elements << 1, elements << 2)

    def assign(self, m: Module, job: data.View, shared: data.View) -> None:
        """Make the job, except for its ``index``, and for the fields that ``shared``, that of a product, has too."""
        raw = self._raw
        values = {
            "operation": raw.operation,
            "x_type": self._x,
            "y_type": self._y,
            "c_type": self._c,
            "causal": raw.flags[VECTOR_FLAGS["CAUSAL"][0]],
        } | {name: raw[name] for name in ("window", "scalar", "scalar2")}
        m.d.comb += [job[name].eq(value) for name, value in values.items()]
        names = ["m", "n", "k", "fence_a", "fence_b"]
        names += [f"{operand}_{kind}" for operand in "abc" for kind in ("address", "stride")]
        m.d.comb += [job[name].eq(shared[name]) for name in names]


def _above(value: Value, limit: int) -> Value:
    """Whether a value is more than a limit; a constant if it cannot be, of which linters complain in Verilog."""
    return value > limit if limit < (1 << len(value)) - 1 else Const(0, 1)
