"""Whether the matrices of a descriptor end before the last address: all checked at once, or one after the other."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import place

from .range_check import RangeCheck

__all__ = ["Ranges", "check_in_turn", "check_together", "last_step"]

Ranges = dict[str, tuple[Value, Value, Value, Value]]
"""By name: address, rows, stride, and bytes of a row."""


def last_step(config: AcceleratorConfig) -> int:
    """The step of a check in which its result is used; steps count from 1, in the cycle after its start."""
    return config.addr_bits + 3


def _place_check(m: Module, config: AcceleratorConfig, name: str, start: Value, step: Value, platform) -> RangeCheck:
    widths = config.addr_bits, config.size_bits, config.stride_bits, config.size_bits + 2
    check = place(m, name, RangeCheck(*widths), platform)
    m.d.comb += [
        check.start.eq(start),
        check.step.eq(Mux(step <= config.addr_bits, step, 0)),
    ]
    return check


def _connect_operands(m: Module, check: RangeCheck, operands: tuple[Value, Value, Value, Value]) -> None:
    address, rows, stride, row_bytes = operands
    m.d.comb += [
        check.address.eq(address),
        check.rows.eq(rows),
        check.stride.eq(stride),
        check.row_bytes.eq(row_bytes),
    ]


def check_together(
    m: Module, config: AcceleratorConfig, ranges: Ranges, start: Value, step: Value, decide: Signal, platform
) -> Value:
    """Check all ranges at once; return a bit for each that is beyond."""
    m.d.comb += decide.eq(step == last_step(config))
    results = []
    for name, operands in ranges.items():
        check = _place_check(m, config, f"{name}_range", start, step, platform)
        _connect_operands(m, check, operands)
        results.append(check.beyond)
    return Cat(results)


def check_in_turn(
    m: Module, config: AcceleratorConfig, ranges: Ranges, start: Value, step: Value, decide: Signal, platform
) -> Value:
    """Check one range after the other; return a bit for each that is beyond, all in time for the decision."""
    turn = Signal(range(len(ranges)))
    last_turn = turn == len(ranges) - 1
    ends = Signal()
    m.d.comb += [
        ends.eq(step == last_step(config)),
        decide.eq(ends & last_turn),
    ]
    check = _place_check(m, config, "range", start | ends & ~last_turn, step, platform)
    found = Signal(len(ranges) - 1)
    with m.If(start):
        m.d.sync += turn.eq(0)
    with m.Elif(ends & ~last_turn):
        m.d.sync += [
            turn.eq(turn + 1),
            found.bit_select(turn, 1).eq(check.beyond),
        ]
    with m.Switch(turn):
        for number, operands in enumerate(ranges.values()):
            with m.Case(number):
                _connect_operands(m, check, operands)
    return Cat(found, check.beyond & last_turn)
