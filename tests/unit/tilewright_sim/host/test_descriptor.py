"""A descriptor and its 64 bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.accelerator.contract import ElementType, Operation
from tilewright.accelerator.registers import DESCRIPTOR, FLAGS, VECTOR_FLAGS
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor, flag_bits

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
    assert flag_bits("FENCE_A", "CAUSAL") == 0b10_0000_1000
    assert flag_bits(*VECTOR_FLAGS) == 0b10_0101_1000


ROWS = {"operation": Operation.SOFTMAX, "m": 3, "n": 5, "a_address": 0x100, "c_address": 0x300, "a_stride": 32,
        "c_stride": 64}  # fmt: skip


def test_layout_of_a_vector_descriptor_by_hand():
    data = VectorDescriptor(
        **ROWS, k=4, flags=flag_bits("CAUSAL"), scalar=0.5, scalar2=-2.0, b_address=0x2_0000_0001, b_stride=7,
        x_type=ElementType.INT32, y_type=ElementType.BF16, c_type=2, window=0x1234,
    ).pack()  # fmt: skip
    assert data.hex() == (
        "02080002" "03000000" "05000000" "04000000"
        "0001000000000000" "0100000002000000" "0003000000000000" "0000003f" "000000c0"
        "20000000" "07000000" "40000000" "26341200"
    )  # fmt: skip
    assert VectorDescriptor.unpack(data).pack() == data
    assert VectorDescriptor.unpack(data).x_type is ElementType.INT32


def test_a_scalar_is_rounded_to_float32():
    assert VectorDescriptor.unpack(VectorDescriptor(**ROWS, scalar=0.1).pack()).scalar == float.fromhex("0x1.99999ap-4")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("window", 1 << 16, "window = 65536 does not fit into 16 unsigned bits"),
        ("y_type", 4, "y_type = 4 does not fit into 2 unsigned bits"),
        ("c_type", 16, "c_type = 16 does not fit into 4 unsigned bits"),
        ("scalar", 1e39, r"scalar = 1e\+39 does not fit into a float32"),
    ],
)
def test_refuses_what_does_not_fit_a_vector_descriptor(name, value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        VectorDescriptor(**ROWS | {name: value}).pack()


def test_a_moved_vector_descriptor_is_the_same_elsewhere():
    moved = VectorDescriptor(**ROWS, b_address=0x200).moved(0x1000)
    assert (moved.a_address, moved.b_address, moved.c_address, moved.m) == (0x1100, 0x1200, 0x1300, 3)
