"""Checks whether a matrix extends past the last address."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["RangeCheck"]


class RangeCheck(SharedComponent):
    """Compare ``address + (rows - 1) * stride + row_bytes`` with ``2**addr_bits``, one bit in a cycle.

    A range may end exactly at the top: `beyond` is 1 if the sum is more than ``2**addr_bits``. Bits come lowest first.
    The upper part of the product stays in a register of ``stride_bits``, its lowest bit is added to one of the
    address and one of the row; of that sum only the carry is kept, and whether a bit was 1::

        rows - 1, bit ──► × stride ──► + ──│upper part│──┐
                                       ▲                 │ >> 1
                                       └─────────────────┤
                                                         └─► bit ─► + ──► │carry│ │any bit│ ──► beyond
        address, bit ──────────────────────────────────────────────►▲
        row_bytes, bit ────────────────────────────────────────────►┘

    Parameters
    ----------
    addr_bits : int
        At least ``stride_bits``.
    size_bits, stride_bits, row_bits : int
        Widths of the other operands, each at most ``addr_bits``.

    Members
    -------
    start : In(1)
        The cycle before the first of a check.
    step : In(range(addr_bits + 1))
        ``n`` in the n-th cycle after `start`, from 1 to ``addr_bits``; 0 otherwise.
    address : In(addr_bits)
        Address of the first row. All operands must be stable from the cycle after `start` to the last step.
    rows : In(size_bits)
        Number of rows, at least 1.
    stride : In(stride_bits)
        Distance from a row to the next in bytes.
    row_bytes : In(row_bits)
        Bytes of a row, at least 1.
    beyond : Out(1)
        The range goes past the last address. Valid from ``addr_bits + 2`` cycles after `start` to the next `start`.
    """

    def __init__(self, addr_bits: int, size_bits: int, stride_bits: int, row_bits: int):
        super().__init__({
            "start": In(1),
            "step": In(range(addr_bits + 1)),
            "address": In(addr_bits),
            "rows": In(size_bits),
            "stride": In(stride_bits),
            "row_bytes": In(row_bits),
            "beyond": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        address, rows, row_bytes, working = (
            Signal(name=name) for name in ("address_bit", "rows_bit", "bytes_bit", "work")
        )
        # Registered: choosing a bit takes as long as adding it.
        m.d.sync += [
            address.eq(_bit(self.address, self.step)),
            rows.eq(_bit(self.rows, self.step)),
            row_bytes.eq(_bit(self.row_bytes, self.step)),
            working.eq(self.step != 0),
        ]

        # rows - 1: bits up to the lowest 1 are inverted.
        borrow = Signal()
        less_1 = Signal()
        m.d.comb += less_1.eq(rows ^ borrow)

        upper = Signal.like(self.stride, reset_less=True)
        product = Signal(len(upper) + 1)
        m.d.comb += product.eq(upper + Mux(less_1, self.stride, 0))
        carry = Signal(2)
        total = Signal(3)
        m.d.comb += total.eq(product[0] + address + row_bytes + carry)
        some = Signal()
        with m.If(self.start):
            m.d.sync += [
                borrow.eq(1),
                upper.eq(0),
                carry.eq(0),
                some.eq(0),
                working.eq(0),
            ]
        with m.Elif(working):
            m.d.sync += [
                borrow.eq(borrow & ~rows),
                upper.eq(product[1:]),
                carry.eq(total[1:]),
                some.eq(some | total[0]),
            ]
        m.d.comb += self.beyond.eq(upper.any() | carry[1] | carry[0] & some)
        return m


def _bit(value: Value, step: Value) -> Value:
    """Bit ``step - 1`` of a value; 0 for a step of 0, and above the value's bits."""
    bits = [Const(0), *value]
    for choice in step:
        bits += [Const(0)] * (len(bits) % 2)
        bits = [Mux(choice, high, low) for low, high in zip(bits[::2], bits[1::2], strict=True)]
    return Cat(*bits)
