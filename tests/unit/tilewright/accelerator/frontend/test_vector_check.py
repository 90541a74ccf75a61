"""The decoder with descriptors of the vector engine: which are taken, and what is reported of the others."""

from dataclasses import replace

import pytest

from tilewright.accelerator.contract import (
    ONE_TYPE,
    SOFTMAXES,
    WITH_Y,
    AcceleratorConfig,
    ElementType,
    Operation,
    Unit,
)
from tilewright.accelerator.frontend.decoder import DescriptorDecoder
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor, flag_bits
from tilewright_sim.testbench import pysim

SMALL = AcceleratorConfig.preset("small", vector_lanes=2)
CONFIGS = {
    "small": SMALL,
    "wide": SMALL.replace(addr_bits=40, unaligned=True),
    "images": SMALL.replace(convolution=True),
    "blocks": AcceleratorConfig(
        rows=32, cols=8, dot=32, data_bits=64, chunk_words=8, ring_words=256, a_format="q8_e5m3",
        b_formats=["q4_1", "q8_0"], vector_lanes=2,
    ),
    "narrow": SMALL.replace(size_bits=11, stride_bits=14, addr_bits=20),
}  # fmt: skip
FLOAT32, BF16, INT32 = ElementType.FLOAT32, ElementType.BF16, ElementType.INT32
COLUMNS = ElementType.INT8_COLUMNS
GOOD = VectorDescriptor(
    operation=Operation.ADD, m=4, n=10, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=0,
    c_stride=128,
)  # fmt: skip
PRODUCT = Descriptor(
    m=64, n=64, k=64, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=64, c_stride=256
)
TOP = "top"  # the highest address of a bus word


def decode(config, descriptors):
    """For each descriptor an error and a unit, or the job that it is."""
    dut = DescriptorDecoder(config)
    found = []

    async def bench(ctx):
        for descriptor in descriptors:
            data = descriptor if isinstance(descriptor, bytes) else descriptor.pack()
            ctx.set(dut.direct, 1)
            for word in range(16):
                ctx.set(dut.direct_word, word)
                ctx.set(dut.direct_data, int.from_bytes(data[4 * word : 4 * word + 4], "little"))
                await ctx.tick()
            ctx.set(dut.direct, 0)
            for _ in range(dut.latency + 1):
                await ctx.tick()
            assert ctx.get(dut.bad) != ctx.get(dut.good)
            if ctx.get(dut.bad):
                found.append((ctx.get(dut.error), ctx.get(dut.unit)))
                continue
            vector = config.vector_lanes and ctx.get(dut.vector)
            found.append(ctx.get(dut.vector_job if vector else dut.job))
            ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)

    pysim.run(dut, bench, limit_cycles=100_000)
    return found


def test_the_job_is_what_the_descriptor_says():
    softmax = replace(
        GOOD, operation=Operation.SOFTMAX, k=3, window=0xBEEF, scalar=0.125, scalar2=-1.0, c_type=BF16, x_type=INT32,
        flags=flag_bits("CAUSAL", "FENCE_A"),
    )  # fmt: skip
    add = replace(GOOD, b_stride=256, y_type=BF16, flags=flag_bits("FENCE_B", "INTERRUPT"))
    first, second, third = decode(SMALL, [softmax, add, PRODUCT])
    for job, descriptor in ((first, softmax), (second, add)):
        for name in (
            "m",
            "n",
            "k",
            "a_address",
            "b_address",
            "c_address",
            "a_stride",
            "b_stride",
            "c_stride",
            "window",
        ):
            assert job[name] == getattr(descriptor, name), name
        for name in ("x_type", "y_type", "c_type"):
            assert job[name] == getattr(descriptor, name).value, name
        assert job.operation == descriptor.operation
    assert (first.causal, first.fence_a, first.fence_b) == (1, 1, 0)
    assert (first.scalar, first.scalar2) == (0x3E000000, 0xBF800000)
    assert (second.causal, second.fence_a, second.fence_b) == (0, 0, 1)
    assert (third.m, third.k_words) == (64, 8)  # a product


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_is_taken(operation):
    one = replace(GOOD, operation=operation, n=8, c_type=ONE_TYPE.get(operation, BF16), k=8 * (operation in SOFTMAXES))
    (job,) = decode(CONFIGS["wide"], [one])
    assert job.operation == operation


NO_Y = sorted(set(Operation) - set(WITH_Y) - set(SOFTMAXES) - set(ONE_TYPE), key=lambda one: one.value)
BAD = [
    ({"version": 3}, "VERSION", "DESCRIPTOR"),
    ({"operation": 16}, "FLAGS", "DESCRIPTOR"),
    ({"operation": 255}, "FLAGS", "DESCRIPTOR"),
    ({"operation": 32}, "FLAGS", "DESCRIPTOR"),
    *(({"flags": 1 << bit}, "FLAGS", "DESCRIPTOR") for bit in (0, 1, 2, 5, 7, 8, 9, 10, 15)),
    *(({"operation": one, "flags": flag_bits("FENCE_B")}, "FLAGS", "DESCRIPTOR") for one in NO_Y),
    ({"x_type": 3}, "FLAGS", "DESCRIPTOR"),
    ({"y_type": INT32}, "FLAGS", "DESCRIPTOR"),
    ({"y_type": 3}, "FLAGS", "DESCRIPTOR"),
    ({"c_type": INT32}, "FLAGS", "DESCRIPTOR"),
    ({"c_type": 4}, "FLAGS", "DESCRIPTOR"),
    ({"c_type": 9}, "FLAGS", "DESCRIPTOR"),
    *(({"operation": Operation.ARGMAX, "c_type": kind}, "FLAGS", "DESCRIPTOR") for kind in (FLOAT32, BF16, 4, 6, 10)),
    *(({"operation": Operation.QUANTIZE, "c_type": kind}, "FLAGS", "DESCRIPTOR") for kind in (FLOAT32, INT32, 3, 12)),
    *(({"operation": Operation.ABS_MAX, "c_type": kind}, "FLAGS", "DESCRIPTOR") for kind in (BF16, INT32, 3, 4)),
    ({"window": 1}, "FLAGS", "DESCRIPTOR"),
    ({"window": 1 << 15, "m": 0}, "FLAGS", "DESCRIPTOR"),
    ({"k": 1}, "FLAGS", "DESCRIPTOR"),
    ({"reserved": 1}, "FLAGS", "DESCRIPTOR"),
    ({"m": 0}, "SIZE", "LOAD_A"),
    ({"m": "over"}, "SIZE", "LOAD_A"),
    ({"operation": Operation.SOFTMAX}, "SIZE", "LOAD_A"),
    ({"operation": Operation.SOFTMAX, "k": "over"}, "SIZE", "LOAD_A"),
    ({"operation": Operation.WEIGHTED_SOFTMAX}, "SIZE", "LOAD_A"),
    ({"n": 0}, "SIZE", "LOAD_B"),
    ({"n": "over"}, "SIZE", "LOAD_B"),
    ({"n": 1 << 31}, "SIZE", "LOAD_B"),
    ({"operation": Operation.ROTATE_ADJACENT, "n": 9}, "SIZE", "LOAD_A"),
    ({"operation": Operation.ROTATE_ADJACENT, "n": 130}, "SIZE", "LOAD_A"),
    ({"operation": Operation.ROTATE_HALVES, "n": 12}, "SIZE", "LOAD_A"),
    ({"operation": Operation.ROTATE_HALVES, "n": 1}, "SIZE", "LOAD_A"),
    ({"operation": Operation.ROTATE_HALVES, "n": 256}, "SIZE", "LOAD_A"),
    ({"a_stride": 1 << 24}, "SIZE", "LOAD_A"),
    ({"b_stride": 1 << 24}, "SIZE", "LOAD_B"),
    ({"c_stride": 1 << 24}, "SIZE", "STORE_C"),
    ({"a_address": 1 << 40}, "SIZE", "LOAD_A"),
    ({"b_address": 1 << 63}, "SIZE", "LOAD_B"),
    ({"c_address": 1 << 40}, "SIZE", "STORE_C"),
    ({"a_address": 1}, "ALIGNMENT", "LOAD_A"),
    ({"a_stride": 4}, "ALIGNMENT", "LOAD_A"),
    ({"b_address": 2}, "ALIGNMENT", "LOAD_B"),
    ({"b_stride": 4}, "ALIGNMENT", "LOAD_B"),
    ({"operation": Operation.ROTATE_ADJACENT, "n": 2, "y_type": BF16}, "ALIGNMENT", "LOAD_B"),
    ({"operation": Operation.ROTATE_ADJACENT, "n": 126, "y_type": BF16}, "ALIGNMENT", "LOAD_B"),
    ({"operation": Operation.ROTATE_HALVES, "n": 2, "y_type": BF16, "b_stride": 8}, "ALIGNMENT", "LOAD_B"),
    ({"c_address": 4}, "ALIGNMENT", "STORE_C"),
    ({"c_stride": 6}, "ALIGNMENT", "STORE_C"),
    ({"a_address": TOP, "m": 1, "n": 3}, "WRAPPED", "LOAD_A"),
    ({"a_address": TOP, "m": 2, "n": 1, "a_stride": 8}, "WRAPPED", "LOAD_A"),
    ({"a_address": TOP, "m": 1, "n": 5, "x_type": BF16}, "WRAPPED", "LOAD_A"),
    ({"b_address": TOP, "m": 1, "n": 3}, "WRAPPED", "LOAD_B"),
    ({"b_address": TOP, "m": 2, "n": 2, "b_stride": 8}, "WRAPPED", "LOAD_B"),
    ({"b_address": TOP, "m": 1, "n": 2, "operation": Operation.ROTATE_HALVES}, "WRAPPED", "LOAD_B"),
    ({"b_address": TOP, "m": 1, "n": 4, "y_type": BF16, "operation": Operation.ROTATE_ADJACENT}, "WRAPPED", "LOAD_B"),
    ({"c_address": TOP, "m": 1, "n": 3}, "WRAPPED", "STORE_C"),
    ({"c_address": TOP, "m": 1, "n": 5, "c_type": BF16}, "WRAPPED", "STORE_C"),
    ({"c_address": TOP, "m": 2, "n": 1, "operation": Operation.ARGMAX, "c_type": INT32}, "WRAPPED", "STORE_C"),
]  # fmt: skip


def changed(config, change):
    top = (1 << config.addr_bits) - 8
    named = {TOP: top, "two words": top - 8, "over": config.size_limit + 1, "limit": config.size_limit}
    return replace(GOOD, **{name: named.get(value, value) if isinstance(value, str) else value
                            for name, value in change.items()})  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_reports_what_is_wrong_with_a_descriptor(name):
    config = CONFIGS[name]
    cases = [case for case in BAD if case[1] != "ALIGNMENT" or not config.unaligned]
    found = decode(config, [changed(config, change) for change, _, _ in cases])
    for (change, code, unit), got in zip(cases, found, strict=True):
        assert got == (ERRORS[code][0], Unit[unit]), change


def test_a_result_of_columns_has_a_row_of_bytes_for_each_element():
    """It goes to any address, so only with unaligned transfers; what it reaches is the last row's last byte."""
    one = replace(GOOD, operation=Operation.QUANTIZE, c_type=COLUMNS, n=3, m=6, c_stride=0x100)
    top = 1 << CONFIGS["wide"].addr_bits
    fits = replace(one, c_address=top - 0x200 - 6)
    beyond = replace(one, c_address=top - 0x200 - 5)
    assert decode(SMALL, [one]) == [(ERRORS["FLAGS"][0], Unit.DESCRIPTOR)]
    first, second, third = decode(CONFIGS["wide"], [one, fits, beyond])
    assert first.c_type == COLUMNS.value
    assert second.operation == Operation.QUANTIZE
    assert third == (ERRORS["WRAPPED"][0], Unit.STORE_C)


def test_sines_may_begin_anywhere_with_unaligned_transfers():
    one = replace(GOOD, operation=Operation.ROTATE_ADJACENT, n=2, y_type=BF16)
    (job,) = decode(CONFIGS["wide"], [one])
    assert job.operation == one.operation


# Records are of the format of A, if that has some; one of 32 elements takes 33 bytes.
TO_RECORDS = [
    ("blocks", {"n": 128}, "NONE"),
    ("blocks", {"n": 129}, "SIZE"),  # the 132 bytes of 128 elements are not whole words
    ("blocks", {"operation": Operation.ARGMAX}, "FLAGS"),
    ("blocks", {"c_address": TOP, "m": 1, "n": 2}, "WRAPPED"),
    ("small", {"n": 8}, "FLAGS"),
]


@pytest.mark.parametrize(("name", "change", "code"), TO_RECORDS)
def test_records_are_a_result_where_a_has_such_a_format(name, change, code):
    config = CONFIGS[name]
    (found,) = decode(config, [changed(config, change | {"c_type": ElementType.RECORDS})])
    assert found[0] == ERRORS[code][0] if code != "NONE" else found.c_type == ElementType.RECORDS.value


# At the very limits, and where a field is not looked at.
FINE = [
    {"m": "limit", "n": "limit", "operation": Operation.COPY, "a_stride": 0, "c_stride": 0, "a_address": 0,
     "c_address": 0},
    {"operation": Operation.SOFTMAX, "k": "limit", "window": 0xFFFF, "flags": flag_bits("CAUSAL")},
    {"operation": Operation.ROTATE_ADJACENT, "n": 128},
    {"operation": Operation.ROTATE_ADJACENT, "n": 6},
    {"operation": Operation.ROTATE_HALVES, "n": 128},
    {"operation": Operation.ROTATE_HALVES, "n": 2},
    {"operation": Operation.SCALE, "b_address": (1 << 64) - 1, "b_stride": (1 << 32) - 1},
    {"b_address": TOP, "m": 1000, "n": 2, "b_stride": 0},
    {"b_address": "two words", "m": 1, "n": 4, "operation": Operation.ROTATE_ADJACENT, "y_type": BF16},
    {"a_address": TOP, "m": 1, "n": 4, "x_type": BF16},
    {"c_address": TOP, "m": 1, "n": 1000, "operation": Operation.ARGMAX, "c_type": INT32},
    {"scalar": float("nan"), "scalar2": float("inf")},
]  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_at_the_limit_is_taken(name):
    config = CONFIGS[name]
    cases = [changed(config, change) for change in FINE]
    for one, job in zip(cases, decode(config, cases), strict=True):
        assert not isinstance(job, tuple), one
        assert job.operation == one.operation


def test_without_the_engine_its_descriptor_has_an_unknown_version():
    config = AcceleratorConfig.preset("small")
    assert decode(config, [GOOD]) == [(ERRORS["VERSION"][0], Unit.DESCRIPTOR)]
