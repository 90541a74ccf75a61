"""Multiply on carry chains: rows of partial products whose AND gates are inside the carry cells."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

from .carry_adder import CarryAdder


class LutMultiplier(SharedComponent):
    """Multiply two signed numbers without a DSP block.

    ``product`` is ``a * b``, exact, of the operands one cycle before. One product a cycle, no stalls, no reset.
    Half of the rows (``a`` times one bit of ``b`` each) are added by one `RowSum`, half by another, side by
    side; a last chain, whose sum is not registered, joins the two::

        rows 0 … half-1 ──► RowSum ──│low │──┐
                                             ├──► + ──► product
        rows half … top ──► RowSum ──│high│──┘

    Parameters
    ----------
    a_bits, b_bits : int
        Widths of the signed operands, at least 2.

    Members
    -------
    a : In(signed(a_bits))
        The operand that is shifted and added: a row for each bit of ``b``.
    b : In(signed(b_bits))
        The operand whose bits are the rows.
    product : Out(signed(a_bits + b_bits))
        The exact product of the operands of the cycle before.
    """

    def __init__(self, a_bits: int, b_bits: int):
        super().__init__({
            "a": In(signed(a_bits)),
            "b": In(signed(b_bits)),
            "product": Out(signed(a_bits + b_bits)),
        })

    def elaborate(self, platform):
        m = Module()

        a_bits, rows = len(self.a), len(self.b)
        low_rows = (rows + 1) // 2
        high_rows = rows - low_rows
        low_sum = place(m, "low_rows", RowSum(a_bits, low_rows), platform)
        high_sum = place(m, "high_rows", RowSum(a_bits, high_rows, subtract_last=True), platform)
        m.d.comb += low_sum.a.eq(self.a)
        m.d.comb += low_sum.b.eq(self.b[:low_rows])
        m.d.comb += high_sum.a.eq(self.a)
        m.d.comb += high_sum.b.eq(self.b[low_rows:])

        low = Signal.like(low_sum.total, reset_less=True)
        high = Signal.like(high_sum.total, reset_less=True)
        m.d.sync += low.eq(low_sum.total)
        m.d.sync += high.eq(high_sum.total)

        width = len(high)
        join = place(m, "join", CarryAdder(width, high_rows - 1), platform)
        m.d.comb += [
            join.a.eq(high),
            join.b.eq(-1),
            join.c.eq(low[low_rows:].as_signed()),
            join.d.eq(-1),
        ]
        m.d.comb += self.product.eq(Cat(low[:low_rows], join.total))

        return m


class RowSum(SharedComponent):
    """Add rows of a multiplication: ``total = a * b``, where b's bits are rows. Combinational.

    A chain for the first two rows together, then one of ``a_bits + 1`` bits for each further row. With
    ``subtract_last`` the last bit of ``b`` has a negative weight, and the upper ``a_bits + 1`` bits of the total
    come out complemented: as in Baugh and Wooley's scheme its row is added complemented, here by
    ``x - row = ~(~x + row)``, and the consumer of the total complements it (`CarryAdder` does so at no cost).

    Parameters
    ----------
    a_bits : int
        Width of the signed operand.
    rows : int
        Bits of ``b``.
    subtract_last : bool
        Whether ``b`` is signed.

    Members
    -------
    a : In(signed(a_bits))
        The number that each row is a multiple of.
    b : In(unsigned(rows))
        A bit for each row, the lowest first: whether ``a`` is added at its place.
    total : Out(signed(a_bits + rows))
        The sum of the rows, in the same cycle; with ``subtract_last`` its upper ``a_bits + 1`` bits complemented.
    """

    def __init__(self, a_bits: int, rows: int, subtract_last: bool = False):
        self.rows = rows
        self.subtract_last = subtract_last
        super().__init__({
            "a": In(signed(a_bits)),
            "b": In(unsigned(rows)),
            "total": Out(signed(a_bits + rows)),
        })

    def elaborate(self, platform):
        m = Module()

        a = self.a
        added = self.rows - 1 if self.subtract_last else self.rows
        total: Value = Const(0, 1)
        if added == 1:
            row_0 = Signal(len(a))
            total = row_0
            m.d.comb += row_0.eq(a & self.b[0].replicate(len(a)))
        elif added >= 2:
            pair = place(m, "rows_0_1", CarryAdder(len(a) + 2), platform)
            m.d.comb += pair.a.eq(a)
            m.d.comb += pair.b.eq(self.b[0].replicate(len(a) + 2))
            m.d.comb += pair.c.eq(a << 1)
            m.d.comb += pair.d.eq(self.b[1].replicate(len(a) + 2))
            total = pair.total

        for row in range(min(added, 2), self.rows):
            width = len(a) + 1
            adder = CarryAdder(width, 0 if row == added else None)
            place(m, f"row_{row}", adder, platform)
            above = total[row:].as_signed() if row else Const(0, 1)
            m.d.comb += [
                adder.a.eq(above),
                adder.b.eq(-1),
                adder.c.eq(a),
                adder.d.eq(self.b[row].replicate(width)),
            ]
            total = Cat(total[:row], adder.total)

        m.d.comb += self.total.eq(total.as_signed())
        return m
