"""A descriptor and its 64 bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.accelerator.registers import DESCRIPTOR, FLAGS
from tilewright_sim.host.descriptor import Descriptor, flag_bits

PLAIN = {
    "m": 1, "n": 2, "k": 3, "a_address": 0x1000, "b_address": 0x2000, "c_address": 0x3000,
    "a_stride": 8, "b_stride": 16, "c_stride": 24,
}  # fmt: skip


def values(field):
    low = -(1 << field.bits - 1) if field.signed else 0
    return st.integers(low, low + (1 << field.bits) - 1)


DESCRIPTORS = st.builds(Descriptor, **{field.name: values(field) for field in DESCRIPTOR})


def test_layout_by_hand():
    data = Descriptor(
        **PLAIN, flags=flag_bits("REQUANT", "INTERRUPT"), parameter_address=0x1_2345_6789, zero_point=-1
    ).pack()
    assert data.hex() == (
        "01004100" "01000000" "02000000" "03000000"
        "0010000000000000" "0020000000000000" "0030000000000000" "8967452301000000"
        "08000000" "10000000" "18000000" "ff807f00"
    )  # fmt: skip


@given(DESCRIPTORS)
def test_unpack_reverses_pack(descriptor):
    data = descriptor.pack()
    assert len(data) == 64
    assert Descriptor.unpack(data) == descriptor


@given(st.binary(min_size=64, max_size=64))
def test_every_byte_belongs_to_a_field(data):
    assert Descriptor.unpack(data).pack() == data


@pytest.mark.parametrize(
    ("name", "value"), [("m", 1 << 32), ("m", -1), ("zero_point", 128), ("minimum", -129), ("a_address", 1 << 64)]
)
def test_refuses_what_does_not_fit(name, value):
    with pytest.raises(ValueError, match=rf"^{name} = {value} does not fit"):
        Descriptor(**PLAIN | {name: value}).pack()


def test_refuses_other_lengths():
    with pytest.raises(ValueError, match="64 bytes, not 63"):
        Descriptor.unpack(bytes(63))


def test_flag_bits():
    assert flag_bits() == 0
    assert flag_bits("BIAS", "BIAS", "FENCE_C") == 0b100010
    assert flag_bits(*FLAGS) == 0b1_1111_1111
