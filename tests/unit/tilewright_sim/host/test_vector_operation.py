"""Descriptors of vector operations: what they say, what is refused, and how many rows are cut."""

import re
from contextlib import ExitStack

import numpy as np
import pytest
from support.fake_device import FakeDevice

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation
from tilewright.base import TilewrightError
from tilewright_sim.host import Runtime, VectorDescriptor, flag_bits
from tilewright_sim.host.planning.vector_operation import plan_vector, vector_cycles, vector_rows
from tilewright_sim.models.cycles import Bus

CONFIG = AcceleratorConfig.preset("small", vector_lanes=2, size_bits=8)
F, H, W = np.float32, np.uint16, np.int32


@pytest.fixture
def chip():
    return Runtime(FakeDevice(CONFIG), CONFIG, ring_log2=2)


def test_fields_say_what_was_asked_for(chip):
    x, y, c = chip.empty((5, 9), H), chip.empty((1, 9), F), chip.empty((5, 9), H)
    descriptor = chip.vector_descriptor("LAYER_NORM", x, c, y, scalar=1e-5, fences="y", interrupt=True)
    assert descriptor == VectorDescriptor(
        operation=Operation.LAYER_NORM, m=5, n=9, flags=flag_bits("FENCE_B", "INTERRUPT"),
        a_address=x.address, b_address=y.address, c_address=c.address, a_stride=24, b_stride=0, c_stride=24,
        scalar=1e-5, scalar2=1 / 9, x_type=ElementType.BF16, y_type=ElementType.FLOAT32, c_type=ElementType.BF16,
    )  # fmt: skip
    every = chip.empty((5, 9), F)
    assert chip.vector_descriptor("LAYER_NORM", x, c, every).b_stride == 40
    assert chip.vector_descriptor("LAYER_NORM", x, c, every, scalar2=0.5).scalar2 == 0.5
    softmax = chip.vector_descriptor(Operation.SOFTMAX, x, c, limit=20, causal=True, window=3, fences="x")
    assert (softmax.k, softmax.window, softmax.scalar) == (9, 3, 1)
    assert softmax.flags == flag_bits("CAUSAL", "FENCE_A")
    index = chip.vector_descriptor("ARGMAX", chip.empty((5, 9), W), chip.empty((5, 1), W))
    assert (index.x_type, index.c_type, index.k, index.b_address) == (ElementType.INT32, ElementType.INT32, 0, 0)


def ask(operation, x=(4, 8, F), c=(4, 8, F), y=None, **choices):
    def call(chip):
        arrays = [None if what is None else chip.empty(what[:2], what[2]) for what in (x, c, y)]
        return chip.vector_descriptor(operation, *arrays, **choices)

    return call


Y = (4, 8, F)
MISTAKES = [
    (ask("ad", y=Y), "operation = 'ad': must be one of COPY, ADD"),
    (ask(3), "operation = 3: must be one of"),
    (ask("ADD"), "ADD needs y"),
    (ask("COPY", y=Y), "COPY has no y"),
    (ask("ADD", y=(4, 9, F)), "y is [4, 9]: must be [4, 8] or [1, 8] with x [4, 8]"),
    (ask("ADD", y=(2, 8, F)), "y is [2, 8]: must be [4, 8] or [1, 8] with x [4, 8]"),
    (ask("ADD", y=(4, 8, W)), "y is int32: must be float32 or uint16"),
    (ask("COPY", x=(4, 8, np.int8)), "x is int8: must be float32 or uint16 or int32"),
    (ask("COPY", c=(4, 8, W)), "c is int32: must be float32 or uint16"),
    (ask("COPY", c=(4, 9, F)), "c is [4, 9]: must be [4, 8] with x [4, 8]"),
    (ask("ARGMAX"), "c is float32: must be int32"),
    (ask("ABS_MAX", c=(4, 1, H)), "c is uint16: must be float32"),
    (ask("ABS_MAX"), "c is [4, 8]: must be [4, 1] with x [4, 8]"),
    (ask("QUANTIZE", c=(8, 4, np.int8)), "QUANTIZE writes bytes at any address: set unaligned"),
    (ask("WEIGHTED_SOFTMAX"), "WEIGHTED_SOFTMAX needs y"),
    (ask("WEIGHTED_SOFTMAX", y=Y, scalar=0), "scalar = 0: must be positive with WEIGHTED_SOFTMAX"),
    (ask("ARGMAX", c=(4, 8, W)), "c is [4, 8]: must be [4, 1] with x [4, 8]"),
    (ask("COPY", x=(4, 256, F), c=(4, 256, F)), "a row of x has 256 elements: this hardware takes up to 255"),
    (ask("COPY", x=(256, 4, F), c=(256, 4, F)), "x has 256 rows: a descriptor takes up to 255"),
    (ask("ROTATE_ADJACENT", x=(4, 7, F), y=(4, 14, F)), "n = 7: a rotated row must be pairs; the nearest is 8"),
    (ask("ROTATE_HALVES", x=(4, 12, F), y=(4, 24, F)), "n = 12: a power of 2 with ROTATE_HALVES; the nearest"),
    (ask("ROTATE_HALVES", x=(4, 130, F), y=(4, 260, F)), "at most 64 * vector_lanes = 128 elements"),
    (ask("ROTATE_HALVES", y=Y), "y is [4, 8]: must be [4, 16]"),
    (ask("ROTATE_ADJACENT", x=(4, 6, F), y=(4, 12, H)), "n = 6: the sines begin at byte 12 of a row of y, uint16"),
    (ask("COPY", limit=3), "limit, causal and window are of softmaxes: COPY has none of them"),
    (ask("COPY", causal=True), "limit, causal and window are of softmaxes"),
    (ask("SOFTMAX", limit=0), "limit = 0: must be an integer, at least 1"),
    (ask("SOFTMAX", limit=1.5), "limit = 1.5: must be an integer"),
    (ask("SOFTMAX", window=-1), "window = -1: must be an integer, 0 to 65535"),
    (ask("SOFTMAX", window=65536), "window = 65536: must be an integer, 0 to 65535"),
    (ask("SOFTMAX", scalar=0), "scalar = 0: must be positive with SOFTMAX"),
    (ask("SOFTMAX", scalar=float("nan")), "scalar = nan: must be positive with SOFTMAX"),
    (ask("SCALE", scalar="x"), "scalar = 'x': must be a number"),
    (ask("SCALE", scalar=1e39), "scalar = 1e+39: must be a float32"),
    (ask("SCALE", fences="y"), "fences = 'y': must be letters of 'x', the operands of SCALE"),
    (ask("ADD", y=Y, fences="a"), "fences = 'a': must be letters of 'xy'"),
    (lambda chip: chip.vector_descriptor("COPY", np.zeros((4, 8), F), None), "x is a ndarray: it must be an array in"),
    (lambda chip: chip.vector("COPY", np.zeros((2, 3))), "x is float64: it must be float32 or int32 or uint16"),
    (lambda chip: chip.vector("COPY", np.zeros(3, F)), "x has the shape [3]"),
    (lambda chip: chip.vector("COPY", np.zeros((0, 3), F)), "x has the shape [0, 3]"),
    (lambda chip: chip.vector("COPY", [[1], [1, 2]]), "x is not an array"),
    (lambda chip: chip.vector("ABS_MAX", np.zeros((2, 3), F), result="bf16"), "the results of ABS_MAX are float32"),
    (lambda chip: chip.vector("COPY", np.zeros((2, 3), F), result="int8"), "result = 'int8': must be 'float32'"),
    (lambda chip: chip.vector("ADD", np.zeros((2, 3), F), np.zeros((3, 3), F)), "y is [3, 3]: must be [2, 3]"),
    (lambda chip: chip.empty((2, 3), np.float64), "it must be int8 or int32 or float32 or uint16"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), MISTAKES, ids=[says[:40] for _, says in MISTAKES])
def test_what_does_not_go_together_is_one_line_and_leaves_nothing(chip, call, says):
    with pytest.raises(TilewrightError, match=re.escape(says)) as caught:
        call(chip)
    assert "\n" not in str(caught.value)


def test_an_accelerator_without_lanes_says_what_to_set():
    config = AcceleratorConfig.preset("small")
    chip = Runtime(FakeDevice(config), config)
    x = chip.array(np.zeros((1, 1), W))
    for call in (lambda: chip.vector("COPY", np.zeros((1, 1), F)), lambda: chip.vector_descriptor("COPY", x, x)):
        with pytest.raises(TilewrightError, match="no vector engine: set vector_lanes = 4"):
            call()
    for kind in (F, H):
        with pytest.raises(TilewrightError, match="it must be int8 or int32"):
            chip.empty((1, 1), kind)


def test_bfloat16_is_its_bits(chip):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.array([[1.5, -2.0, 3e38]], ml_dtypes.bfloat16)
    assert np.array_equal(chip.array(values).numpy(), values.view(H))
    assert vector_rows(values, "x", ("uint16",)).dtype == H


def test_rows_of_the_other_byte_order_are_the_same_numbers():
    values = np.array([[1.5, -2.0]], ">f4")
    assert vector_rows(values, "x", ("float32",)).view(np.uint32)[0, 0] == 0x3FC00000


@pytest.mark.parametrize("rows", [1, 600])
def test_many_rows_become_several_descriptors(chip, rows):
    """The limit of a causal softmax goes on from part to part; one row of y is there once."""
    x = np.arange(600 * 3, dtype=F).reshape(600, 3)
    y = np.ones((rows, 3), F)
    free = chip.allocator.free_bytes
    with ExitStack() as stack:
        plan = plan_vector(chip, stack, "ADD", x, y, "bf16")
        assert [one.m for one in plan.descriptors] == [255, 255, 90]
        assert len({one.b_address for one in plan.descriptors}) == (1 if rows == 1 else 3)
        assert {one.b_stride for one in plan.descriptors} == {0 if rows == 1 else 16}
        assert plan.collect().shape == (600, 3)
        softmax = plan_vector(chip, stack, "SOFTMAX", x, None, "float32", causal=True, limit=1)
        assert [one.k for one in softmax.descriptors] == [1, 3, 3]
        assert [one.k for one in plan_vector(chip, stack, "SOFTMAX", x, None, "float32", limit=2).descriptors] == [
            2
        ] * 3
        assert plan_vector(chip, stack, "ARGMAX", x, None, "float32").collect().shape == (600,)
    assert chip.allocator.free_bytes == free


def test_more_cycles_are_allowed_for_more_work(chip):
    one = chip.vector_descriptor("COPY", chip.empty((1, 1), F), chip.empty((1, 1), F))
    many = chip.vector_descriptor("COPY", chip.empty((99, 200), F), chip.empty((99, 200), F))
    cases = [(one, Bus()), (many, Bus()), (many, Bus(latency=1000, bandwidth=0.01))]
    few, fast, slow = (vector_cycles(CONFIG, descriptor, bus) for descriptor, bus in cases)
    assert few < fast < slow
    assert vector_cycles(AcceleratorConfig.preset("small"), one, Bus()) == 0
