"""Descriptors have the fences that they need, by engines that read in their order, and no others."""

import random
from dataclasses import replace

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation
from tilewright_sim.host import Descriptor, VectorDescriptor, fenced, flag_bits

CONFIG = AcceleratorConfig(
    rows=32, cols=8, dot=32, data_bits=64, requant_lanes=2, chunk_words=4, long_chunk_words=4, ring_words=64,
    panel_words=512, acc_rows=16, a_format="q8_0", b_formats=("q8_0",), unaligned=True, vector_lanes=2,
)  # fmt: skip
PLACES = [4096 * place for place in range(1, 6)]
WEIGHTS = 1 << 20
BOTH = {"a": "FENCE_A", "b": "FENCE_B"}


def product(a, b, c, n=4, k=32, **more):
    return Descriptor(m=2, n=n, k=k, a_address=a, b_address=b, c_address=c, a_stride=34, b_stride=34 * k // 32,
                      c_stride=4 * n, **more)  # fmt: skip


def vector(x, c, y=None, **more):
    operation = Operation.COPY if y is None else Operation.ADD
    return VectorDescriptor(operation=operation, m=2, n=8, a_address=x, b_address=y or 0, c_address=c, a_stride=32,
                            b_stride=32, c_stride=32, **more)  # fmt: skip


def fences(*descriptors):
    """The operands with fences, by letter, of each descriptor."""
    return ["".join(name for name, flag in BOTH.items() if one.flags & flag_bits(flag))
            for one in fenced(CONFIG, descriptors)]  # fmt: skip


def test_what_an_earlier_descriptor_writes_is_fenced_once_for_each_engine():
    first, second, third = PLACES[:3]
    assert fences(
        product(first, WEIGHTS, second),
        product(second, WEIGHTS, third),
        product(second, WEIGHTS, first),  # the engine of A has passed the fence before
        product(WEIGHTS, second, first),  # that of B has not
        vector(second, PLACES[3], y=third),  # y was written after what the fences of others wait for
        vector(second, PLACES[4]),
        vector(PLACES[3], first),
    ) == ["", "a", "", "b", "ab", "", "a"]


def test_a_span_ends_with_its_last_row():
    """Records of 32 elements have 34 bytes, a float 4; rows of y that are all the same one row."""
    first, place = PLACES[:2]
    write = replace(
        vector(first, place), c_type=ElementType.RECORDS, n=33, c_stride=100
    )  # 68 bytes in each of two rows
    for behind, wanted in ((167, "a"), (168, "")):
        assert fences(write, product(place + behind, WEIGHTS, first)) == ["", wanted]
    index = replace(vector(first, place), operation=Operation.ARGMAX, m=1, n=100, c_type=ElementType.INT32)
    for behind, wanted in ((3, "a"), (4, "")):
        assert fences(index, vector(place + behind, first)) == ["", wanted]
    largest = replace(index, operation=Operation.ABS_MAX, c_type=ElementType.FLOAT32)
    column = replace(vector(first, place), operation=Operation.QUANTIZE, m=3, n=9, c_type=ElementType.INT8_COLUMNS)
    for write, last in ((largest, 3), (column, 8 * 32 + 2)):  # 9 rows of 3 bytes
        for behind, wanted in ((last, "a"), (last + 1, "")):
            assert fences(write, vector(place + behind, first)) == ["", wanted]
    shared = replace(vector(first, PLACES[2], y=place - 32), b_stride=0)
    assert fences(product(first, WEIGHTS, place), shared) == ["", ""]
    turned = replace(shared, operation=Operation.ROTATE_ADJACENT)  # cosines and sines
    assert fences(product(first, WEIGHTS, place), turned) == ["", "b"]


@pytest.mark.parametrize(("outputs", "wanted"), [(128, "b"), (129, "")])
def test_the_engine_of_b_cannot_be_far_ahead_of_the_tile(outputs, wanted):
    """Which has waited for A: B of the third product has been written before that."""
    first, second, third = PLACES[:3]
    descriptors = (vector(first, second), product(second, WEIGHTS, third, n=outputs), product(WEIGHTS, second, first))
    assert fences(*descriptors) == ["", "a", wanted]


def test_other_flags_stay_and_needless_fences_go():
    first, second, third = PLACES[:3]
    one = product(first, WEIGHTS, second, flags=flag_bits("INTERRUPT", "FENCE_A"))
    assert [found.flags for found in fenced(CONFIG, [one])] == [flag_bits("INTERRUPT")]
    for flag in ("ACCUMULATE", "CONVOLUTION"):
        with pytest.raises(ValueError, match="accumulates or is a convolution"):
            fenced(CONFIG, [product(first, second, third, flags=flag_bits(flag))])


def complete(descriptors):
    """Whether every operand is read when it has been written, however far each engine runs ahead of the others."""
    waited = {"load a": 0, "load b": 0, "vector": 0}
    written = []
    for number, one in enumerate(descriptors):
        is_vector = isinstance(one, VectorDescriptor)
        for name, flag in BOTH.items():
            if is_vector and name == "b" and one.operation is not Operation.ADD:
                continue
            engine = "vector" if is_vector else f"load {name}"
            place = getattr(one, f"{name}_address")
            known = number if one.flags & flag_bits(flag) else waited[engine]
            if place in written[known:]:
                return False
        for name, flag in BOTH.items():
            if one.flags & flag_bits(flag):
                waited["vector" if is_vector else f"load {name}"] = number
        written.append(one.c_address)
    return True


def test_random_queues_have_the_fences_that_they_need_and_no_others():
    dice, count = random.Random(1), 0
    for _ in range(300):
        queue = []
        for _ in range(dice.randint(1, 8)):
            a, b, c = (dice.choice(PLACES) for _ in range(3))
            queue.append(dice.choice([product(a, b, c), product(a, WEIGHTS, c), vector(a, c), vector(a, c, y=b)]))
        found = fenced(CONFIG, queue)
        assert complete(found)
        for number, one in enumerate(found):
            for flag in BOTH.values():
                if one.flags & flag_bits(flag):
                    count += 1
                    less = [*found[:number], replace(one, flags=one.flags & ~flag_bits(flag)), *found[number + 1 :]]
                    assert not complete(less)
    assert count > 300


def test_numbers_are_as_good_as_members_of_enumerations():
    first, second, third = PLACES[:3]
    add = vector(first, third, y=second)
    kinds = {name: getattr(add, name).value for name in ("operation", "x_type", "y_type", "c_type")}
    assert fences(vector(first, second), replace(add, **kinds)) == ["", "b"]


def test_descriptors_that_refer_to_variables_are_refused():
    with pytest.raises(ValueError, match="refers to a variable"):
        fenced(CONFIG, [vector(PLACES[0], PLACES[1]).refer(c_address=0)])
