"""The tables are consistent in themselves."""

from itertools import pairwise

import pytest

from tilewright.accelerator.contract import DESCRIPTOR_BYTES
from tilewright.accelerator.registers import (
    COUNTERS,
    DESCRIPTOR,
    ERRORS,
    FLAGS,
    GEOMETRY,
    REGISTER_ADDRESS_BITS,
    REGISTERS,
)


def test_offsets_and_names_of_registers_are_unique():
    offsets = [register.offset for register in REGISTERS]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and 0 <= offset < 1 << REGISTER_ADDRESS_BITS for offset in offsets)
    assert len({register.name for register in REGISTERS}) == len(REGISTERS)


def test_fields_do_not_overlap():
    for register in REGISTERS:
        ends = [0]
        for field in register.fields:
            assert field.low >= ends[-1], (register.name, field.name)
            ends.append(field.low + field.bits)
        assert ends[-1] <= 32


@pytest.mark.parametrize("table", [DESCRIPTOR, GEOMETRY], ids=["descriptor", "geometry"])
def test_descriptor_and_geometry_have_no_gaps(table):
    assert table[0].offset == 0
    for field, following in pairwise(table):
        assert field.offset + field.bits // 8 == following.offset
        assert field.bits % 8 == 0
    assert table[-1].offset + table[-1].bits // 8 == DESCRIPTOR_BYTES


def test_fields_are_aligned_to_their_size():
    """A C compiler then needs no padding."""
    assert all(field.offset % (field.bits // 8) == 0 for field in (*DESCRIPTOR, *GEOMETRY))


def test_numbers_are_dense():
    assert sorted(bit for bit, _ in FLAGS.values()) == list(range(len(FLAGS)))
    assert sorted(code for code, _ in ERRORS.values()) == list(range(len(ERRORS)))
    assert len({name for name, _ in COUNTERS}) == len(COUNTERS) == 23


def test_everything_has_a_description():
    for register in REGISTERS:
        assert register.about or register.fields, register.name
