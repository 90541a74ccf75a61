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
    VECTOR_DESCRIPTOR,
    VECTOR_FLAGS,
    counter_names,
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


@pytest.mark.parametrize("table", [DESCRIPTOR, GEOMETRY, VECTOR_DESCRIPTOR], ids=["product", "geometry", "vector"])
def test_descriptors_and_geometry_have_no_gaps(table):
    assert table[0].offset == 0
    for field, following in pairwise(table):
        assert field.offset + field.bits // 8 == following.offset
        assert field.bits % 8 == 0
    assert table[-1].offset + table[-1].bits // 8 == DESCRIPTOR_BYTES


def test_fields_are_aligned_to_their_size():
    """A C compiler then needs no padding."""
    assert all(field.offset % (field.bits // 8) == 0 for field in (*DESCRIPTOR, *GEOMETRY))


def test_what_both_descriptors_have_is_at_the_same_place():
    """The decoder takes it from the same bits."""
    fields = {field.name: (field.offset, field.bits) for field in DESCRIPTOR}
    same = {"version", "flags", "m", "n", "k"} | {f"{a}_{kind}" for a in "abc" for kind in ("address", "stride")}
    assert {f.name: (f.offset, f.bits) for f in VECTOR_DESCRIPTOR if f.name in same} == {n: fields[n] for n in same}
    assert {FLAGS[name][0] == VECTOR_FLAGS[name][0] for name in ("FENCE_A", "FENCE_B", "INTERRUPT")} == {True}


def test_numbers_are_dense():
    assert sorted(bit for bit, _ in FLAGS.values()) == list(range(len(FLAGS)))
    assert sorted(code for code, _ in ERRORS.values()) == list(range(len(ERRORS)))
    assert len({name for name, _ in COUNTERS}) == len(COUNTERS) == 23
    assert counter_names(vector=False) == [name for name, _ in COUNTERS]
    assert len(set(counter_names(vector=True))) == 28
    assert counter_names(vector=True)[:23] == counter_names(vector=False)


def test_everything_has_a_description():
    for register in REGISTERS:
        assert register.about or register.fields, register.name
