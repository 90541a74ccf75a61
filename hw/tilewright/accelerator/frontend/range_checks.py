"""Whether the matrices of a descriptor end before the last address: all checked at once, or one after the other."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from tilewright.accelerator.contract import PARAMETER_PITCH_BYTES, RESULT, AcceleratorConfig
from tilewright.base import place
from tilewright.formats import INT8

from .fields import Fields
from .range_check import RangeCheck
from .serial_range_check import SerialRangeCheck

__all__ = ["Ranges", "check_in_turn", "check_together", "last_step"]

Ranges = dict[str, tuple[Value, Value, Value, Value]]
"""By name: address, rows, stride, and bytes of a row."""


def last_step(config: AcceleratorConfig) -> int:
    """The step of a check in which its result is used; steps count from 1, in the cycle after its start."""
    return config.addr_bits + 3


def check_together(
    m: Module, config: AcceleratorConfig, ranges: Ranges, start: Value, step: Value, decide: Signal, platform
) -> Value:
    """Check all ranges at once; return a bit for each that is beyond."""
    m.d.comb += decide.eq(step == last_step(config))
    results = []
    for name, (address, rows, stride, row_bytes) in ranges.items():
        widths = (
            config.addr_bits,
            config.size_bits,
            config.stride_bits,
            max(config.size_bits + 2, len(Value.cast(row_bytes))),
        )
        check = place(m, f"{name}_range", RangeCheck(*widths), platform)
        m.d.comb += [
            check.start.eq(start),
            check.step.eq(Mux(step <= config.addr_bits, step, 0)),
            check.address.eq(address),
            check.rows.eq(rows),
            check.stride.eq(stride),
            check.row_bytes.eq(row_bytes),
        ]
        results.append(check.beyond)
    return Cat(results)


def check_in_turn(
    m: Module, config: AcceleratorConfig, fields: Fields, start: Value, step: Value, decide: Signal, platform
) -> Value:
    """Check one range after the other; return a bit for each that is beyond, all in time for the decision.

    The fields of a range rotate once around while it is checked: all are as before at the end.
    """
    assert {config.a.element, config.b.element, RESULT} == {INT8}, "a row has as many bytes as elements"
    turn = Signal(2)
    at_a, at_b, at_c, at_parameters = (turn == number for number in range(4))
    ends = Signal()
    again = Signal()
    m.d.comb += [
        ends.eq(step == last_step(config)),
        decide.eq(ends & at_parameters),
        again.eq(ends & ~at_parameters),
    ]
    found = Signal(3)
    with m.If(start):
        m.d.sync += turn.eq(0)
    check = place(m, "range", SerialRangeCheck(config.size_bits), platform)
    with m.If(again):
        m.d.sync += turn.eq(turn + 1)
        m.d.sync += found.bit_select(turn, 1).eq(check.beyond)

    work, in_size, in_stride = (Signal(name=name) for name in ("work", "in_size", "in_stride"))
    for window, bits in ((work, config.addr_bits), (in_size, config.size_bits), (in_stride, config.stride_bits)):
        m.d.comb += window.eq((step != 0) & (step <= bits))
    for name, here in (("a", at_a), ("b", at_b), ("c", at_c), ("parameter", at_parameters)):
        m.d.comb += fields.rotate[f"{name}_address"].eq(work & here)
        if name != "parameter":
            m.d.comb += fields.rotate[f"{name}_stride"].eq(in_stride & here)
    m.d.comb += fields.rotate["k"].eq(in_size & ~turn[1])
    m.d.comb += fields.rotate["n"].eq(in_size & turn[1])

    requant = fields.flags[0]
    n_bit = Signal()
    m.d.comb += n_bit.eq(fields.n[0] & in_size)
    arrays = _bytes_of_arrays(m, n_bit, requant, start | again, step)
    row_bytes = Mux(turn[1], Mux(at_c & requant, n_bit, arrays), fields.k[0] & in_size)
    address, stride = (
        Cat(fields[f"{name}_{kind}"][0] for name in names).bit_select(turn, 1)
        for kind, names in (("address", ("a", "b", "c", "parameter")), ("stride", ("a", "b", "c", "c")))
    )
    m.d.comb += [
        check.start.eq(start | again),
        check.work.eq(work),
        check.address.eq(address),
        check.stride.eq(stride & in_stride & ~at_parameters),
        check.row_bytes.eq(row_bytes),
        check.rows.eq(Mux(at_b, fields.n, fields.m)[: config.size_bits]),
    ]
    return Cat(found, check.beyond & at_parameters)


def _bytes_of_arrays(m: Module, n_bit: Value, requant: Value, restart: Value, step: Value) -> Value:
    """Return the bits of ``4 * n`` or, with ``requant``, from the first bias to the last shift; lowest first.

    The arrays of multipliers and of shifts begin `PARAMETER_PITCH_BYTES` times ``ceil(n / columns)`` after the one
    before: with the last n, that is ``4 * (n + 2 * rounded)``.
    """
    columns_log2 = (PARAMETER_PITCH_BYTES // 4).bit_length() - 1
    in_columns = step <= columns_log2
    up, rounded, carry = (Signal(name=name, reset_less=True) for name in ("up", "rounded", "carry"))
    total = Signal(2, reset_less=True)
    with m.If(restart):
        m.d.sync += Cat(up, rounded, carry, total).eq(0)
    with m.Else():
        m.d.sync += [
            up.eq(Mux(in_columns, up | n_bit, up & n_bit)),
            rounded.eq(requant & ~in_columns & (n_bit ^ up)),
            carry.eq(n_bit & rounded | n_bit & carry | rounded & carry),
            total.eq(Cat(n_bit ^ rounded ^ carry, total)),
        ]
    return total[-1]
