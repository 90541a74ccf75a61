"""Element formats: how many bytes a row takes, in Python and in hardware."""

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from tilewright.formats import ELEMENTS, INT8, ElementFormat


def test_elements_are_found_by_their_width():
    assert ELEMENTS == {8: INT8}
    assert (INT8.name, INT8.bits, INT8.shape) == ("int8", 8, signed(8))


@pytest.mark.parametrize(
    ("bits", "rows"), [(8, {0: 0, 1: 1, 7: 7}), (4, {0: 0, 1: 1, 2: 1, 3: 2, 8: 4}), (6, {1: 1, 4: 3, 5: 4})]
)
def test_a_row_takes_whole_bytes(bits, rows):
    element = ElementFormat(f"int{bits}", bits)
    count, found = Signal(4), Signal(8)
    m = Module()
    m.d.comb += found.eq(element.bytes_of(count))
    simulator = Simulator(m)

    async def compare(ctx):
        for number, size in rows.items():
            ctx.set(count, number)
            assert ctx.get(found) == element.bytes_of(number) == size

    simulator.add_testbench(compare)
    simulator.run()


def test_bytes_add_no_logic_to_a_byte_wide_format():
    count = Signal(4)
    assert INT8.bytes_of(count) is count
