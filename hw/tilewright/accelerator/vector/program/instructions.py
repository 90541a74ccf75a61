"""The instructions of the vector engine's programs, and how they are stored."""

from dataclasses import dataclass, field, replace
from typing import Any

from amaranth.lib import data, enum

from ..lanes.lane_op import LaneOp

__all__ = [
    "CONDITIONS",
    "CONSTANT_BITS",
    "HALVES",
    "INSTRUCTION_SHAPE",
    "REGISTER_ENTRIES",
    "SCALAR_ROWS",
    "VECTOR_REGISTERS",
    "Extent",
    "Instruction",
    "Kind",
    "Mode",
    "Operand",
    "Read",
    "Source",
]

REGISTER_ENTRIES = 64
"""Entries of a vector register: an entry is an element in each lane, so a register is one group for each lane."""
VECTOR_REGISTERS = 6
CONSTANT_BITS = 6
HALVES = 7
"""The exchange of elements i and ``i ^ n/2``."""
SCALAR_ROWS = 16
"""Entries of a scalar register: a number for each row in the registers, the same in all lanes."""


class Kind(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """What an instruction does."""

    LOAD = 0
    COMPUTE = 1
    STORE = 2


class Mode(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """Which entry of a register an instruction works on: that of each element, of each partial sum, or of each row."""

    ELEMENTS = 0
    PARTIALS = 1
    ROWS = 2


class Extent(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """What a COMPUTE goes through: all elements, the same in the order of partial sums, partial sums, or rows."""

    ELEMENTS = 0
    FOLD = 1
    PARTIALS = 2
    ROWS = 3


class Operand(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """What a LOAD loads: x, y, or the second half of y's row."""

    X = 0
    Y = 1
    Y_SECOND = 2


class Source(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """Where the operand b of a COMPUTE comes from: the first or the second register it reads, a constant, the index."""

    FIRST = 0
    SECOND = 1
    CONSTANT = 2
    INDEX = 3


CONDITIONS = ("again", "int32", "bf16", "records", "weighted")
"""An instruction may be left out: unless the row is longer than a register; x is int32; the result is bf16, records;
the softmax has weights."""

INSTRUCTION_SHAPE = data.StructLayout({
    "kind": Kind,
    "when": len(CONDITIONS),
    "op": LaneOp,
    "negate_a": 1, "negate_c": 1, "absolute_a": 1, "absolute_c": 1,
    "a_constant": 1, "b": Source, "c_constant": 1,
    "first": 3, "first_mode": Mode,
    "second": 3, "second_mode": Mode,
    "write": 3, "write_mode": Mode,
    "extent": Extent,
    "exchange": 3,
    "constant_b": CONSTANT_BITS, "constant_c": CONSTANT_BITS,
    "operand": Operand, "limited": 1,
})  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A register that an instruction reads or writes, vector or scalar: the entries of ``mode``, a `Mode`.

    Reading, element i is that of ``i ^ 2**(exchange - 1)`` for an `exchange` of 1 to 6, of ``i ^ n/2`` for `HALVES`.
    """

    register: int
    mode: Any
    exchange: int = 0


Term = Read | float | str
"""An operand: a register, a constant, or ``"index"``, ``"scalar"``, ``"scalar2"``."""


@dataclass(frozen=True)
class Instruction:
    """An instruction before it is encoded.

    Parameters
    ----------
    kind : Kind
    write : Read or None
        What it writes.
    a, b, c : Read, float or str
        Operands of a COMPUTE: at most two different reads among them, one of them with an exchange; the first is `a`,
        and `c` is none or the second. If `a` is a constant, `c` is the same. `a` of a STORE.
    op : LaneOp
    negate_a, negate_c, absolute_a, absolute_c : bool
        Modifiers of a COMPUTE.
    extent : Extent
    operand : Operand
        Of a LOAD.
    limited : bool
        A LOAD gives -infinity to elements outside the row's limits; as an int32, the least.
    when : frozenset of str
        Of `CONDITIONS`.
    """

    kind: Any
    write: Read | None = None
    a: Term = 0.0
    b: Term = 1.0
    c: Term = -0.0
    op: Any = LaneOp.MADD
    negate_a: bool = False
    negate_c: bool = False
    absolute_a: bool = False
    absolute_c: bool = False
    extent: Any = Extent.ELEMENTS
    operand: Any = Operand.X
    limited: bool = False
    when: frozenset[str] = field(default_factory=frozenset)

    def conditional(self, *names: str) -> "Instruction":
        """The same, left out unless the conditions hold."""
        return replace(self, when=self.when | set(names))

    def encode(self, constants: list[float | str]) -> dict:
        """The fields of `INSTRUCTION_SHAPE`; constants that are not in the list are added."""
        terms = (self.a, self.b, self.c)
        # The second register is the one whose elements may be exchanged.
        reads = sorted(
            {term for term in terms if isinstance(term, Read)}, key=lambda read: (read.exchange, terms.index(read))
        )
        constants_of = {name: term for name, term in zip("abc", terms, strict=True) if not isinstance(term, Read)}
        if "a" in constants_of:
            assert self.kind is not Kind.COMPUTE or self.a is self.c
        else:
            assert self.a == reads[0]
        assert "c" in constants_of or (len(reads) > 1 and self.c == reads[1])
        fields: dict = {"a_constant": "a" in constants_of, "c_constant": "c" in constants_of}
        if isinstance(self.b, Read):
            fields["b"] = (Source.FIRST, Source.SECOND)[reads.index(self.b)]
        else:
            fields["b"] = Source.INDEX if self.b == "index" else Source.CONSTANT
        for name in ("b", "c"):
            if name in constants_of and constants_of[name] != "index":
                fields[f"constant_{name}"] = _number(constants, constants_of[name])
        for name, read in (*zip(("first", "second"), reads, strict=False), ("write", self.write)):
            if read is not None:
                fields |= {name: read.register, f"{name}_mode": read.mode}
        return fields | {
            "kind": self.kind, "op": self.op, "extent": self.extent,
            "exchange": max((read.exchange for read in reads), default=0),
            "when": sum(1 << CONDITIONS.index(name) for name in self.when),
            "negate_a": self.negate_a, "negate_c": self.negate_c,
            "absolute_a": self.absolute_a, "absolute_c": self.absolute_c,
            "operand": self.operand, "limited": self.limited,
        }  # fmt: skip


def _number(constants: list[float | str], term: float | str) -> int:
    """The place of a constant in the list; 0.0 and -0.0 differ."""
    for number, known in enumerate(constants):
        if type(known) is type(term) and (known, str(known)) == (term, str(term)):
            return number
    constants.append(term)
    return len(constants) - 1
