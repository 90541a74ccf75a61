"""Vector operations on the generated Verilog equal the golden model, bit for bit."""

import itertools
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from tilewright.accelerator.contract import ONE_TYPE, PARTIALS, AcceleratorConfig, Operation
from tilewright.accelerator.vector import RecordFormat
from tilewright.base import TilewrightError
from tilewright_sim.benches.jobs import NORMS, draw_floats, draw_operands, fitting
from tilewright_sim.host import DeviceView, Simulator, check_vector_result
from tilewright_sim.host.errors import BusError, DescriptorError
from tilewright_sim.models import gemm as golden
from tilewright_sim.models import vector

BLOCKS = {"rows": 32, "cols": 8, "dot": 32, "data_bits": 128, "chunk_words": 16, "requant_lanes": 4,
          "ring_words": 1024, "multiplier": "dsp"}  # fmt: skip
CONFIGS = {
    "4 lanes": ("nano", {"vector_lanes": 4, "variables": 4, "unaligned": True}),
    "1 lane": ("nano", {"vector_lanes": 1}),
    "2 lanes": ("small", {"vector_lanes": 2}),
    "4 lanes, wide bus": ("base", {"vector_lanes": 4}),
    "8 lanes, unaligned": ("small", {"vector_lanes": 8, "unaligned": True}),
    "16 lanes": ("base", {"vector_lanes": 16}),
    "records": ("", BLOCKS | {"a_format": "q8_e5m3", "b_formats": ["q4_1", "q8_0"], "vector_lanes": 4}),
    "records with fp16": ("", BLOCKS | {"a_format": "q8_0", "b_formats": ["q8_0"], "vector_lanes": 8}),
}
DEFAULT = "4 lanes"
NAMES = [name if name == DEFAULT else pytest.param(name, marks=pytest.mark.long) for name in CONFIGS]
MEMORIES = [{"latency": 3}, {"latency": 30, "stall": 0.25}]
OPERATIONS = list(Operation.__members__)
TYPES = [*itertools.product(("float32", "uint16", "int32"), ("float32", "bf16"))]


def config_of(name):
    preset, values = CONFIGS[name]
    return AcceleratorConfig.preset(preset, **values) if preset else AcceleratorConfig(**values)


def run(chip, operation, x, y, result="float32", **choices):
    """Run an operation and compare every bit; return what it did."""
    done = chip.vector(operation, x, y, result=result, **choices)
    shape = {"ARGMAX": x.shape[:1], "ABS_MAX": (len(x), 1)}.get(operation, x.shape)
    assert done.c.shape == shape
    if result == "records":
        assert done.c.rows.shape == (len(x), done.c.form.row_bytes(x.shape[1]))
    else:
        kind = {"ARGMAX": np.int32, "QUANTIZE": np.int8}.get(operation, np.float32)
        assert done.c.dtype == (np.uint16 if result == "bf16" else kind)
    check_vector_result(done.c, operation, x, y, **choices)
    return done


@pytest.fixture(scope="module", params=NAMES)
def chips(request):
    """An accelerator with a fast memory, and one with a slow memory that stalls at random."""
    with ExitStack() as stack:
        yield [stack.enter_context(Simulator(config_of(request.param), seed=1, **memory)) for memory in MEMORIES]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_of_every_type_and_shape_equal_the_golden_model(chips, operation):
    """From one element to rows that are longer than a register, and more rows than are in the registers at once."""
    config = chips[0].config
    rng = np.random.default_rng(OPERATIONS.index(operation))
    if operation == "QUANTIZE" and not config.unaligned:
        with pytest.raises(TilewrightError, match="set unaligned"):
            chips[0].vector(operation, draw_floats(rng, (1, 1)))
        return
    only = Operation[operation] in ONE_TYPE
    register = PARTIALS * config.vector_lanes
    shapes = [(1, 1), (2 * config.vector_lanes + 3, 7), (3, PARTIALS + 1), (2, register), (2, register + 3), (5, 30)]
    for number, ((x_type, result), shape) in enumerate(zip(TYPES, shapes, strict=True)):
        y_type = ("float32", "uint16")[number // 2 % 2]
        sizes = fitting(config, operation, shape, y_type)
        x, y, choices = draw_operands(rng, operation, sizes, x_type, y_type, one_row=number % 3 == 0)
        in_records = RecordFormat.of(config.a) and number != 4
        kind = "float32" if only else "records" if in_records else result
        run(chips[number % 2], operation, x, y, kind, **choices)


@pytest.mark.parametrize(
    "chips",
    [name for name in NAMES if not str(getattr(name, "values", [name])[0]).startswith("records")],
    indirect=True,
)
def test_products_and_vector_operations_wait_for_each_other_at_fences(chips):
    """A product is normed, rotated, and read by a product as bytes, whose sums go through a softmax, in one ring."""
    rng = np.random.default_rng(8)
    m, n, k = 6, 16, 21
    chip = chips[1]
    a, b = (rng.integers(-128, 128, (rows, k), dtype=np.int8) for rows in (m, n))
    b2 = rng.integers(-128, 128, (5, 4 * n), dtype=np.int8)
    weights, turns = draw_floats(rng, (1, n)), rng.standard_normal((m, 2 * n)).astype(np.float32)
    arrays = [chip.array(values) for values in (a, b, b2, weights, turns)]
    on_a, on_b, on_b2, on_weights, on_turns = arrays
    sums, beside, sums2 = chip.empty((m, n)), chip.empty((m, n)), chip.empty((m, 5))
    normed, turned, shares = (chip.empty((m, columns), np.float32) for columns in (n, n, 5))
    as_bytes = DeviceView(chip.device, turned.address, (m, 4 * n), np.int8, turned.stride)
    softmax = {"scalar": 2.0**-14, "causal": True, "limit": 2}
    run = chip.submit([
        chip.descriptor(on_a, on_b, sums),
        chip.vector_descriptor("RMS_NORM", sums, normed, on_weights, scalar=1e-5, fences="x", interrupt=True),
        chip.descriptor(on_a, on_b, beside),
        chip.vector_descriptor("ROTATE_ADJACENT", normed, turned, on_turns, fences="xy"),
        chip.descriptor(as_bytes, on_b2, sums2, fences="a"),
        chip.vector_descriptor("SOFTMAX", sums2, shares, **softmax, fences="x"),
    ])
    wanted = golden.gemm(a, b)
    assert np.array_equal(sums.numpy(), wanted)
    assert np.array_equal(beside.numpy(), wanted)
    check_vector_result(normed.numpy(), "RMS_NORM", wanted.astype(np.int32), weights, scalar=1e-5)
    check_vector_result(turned.numpy(), "ROTATE_ADJACENT", normed.numpy(), turns)
    assert np.array_equal(sums2.numpy(), golden.gemm(turned.numpy().view(np.int8), b2))
    check_vector_result(shares.numpy(), "SOFTMAX", sums2.numpy(), **softmax)
    assert run.descriptors == 6
    assert run.interrupts[0][0] in (2, 3)
    products = 2 * m * n * k + m * 5 * 4 * n
    assert run.utilisation == products / (chip.config.tile.rows * chip.config.tile.cols * run.cycles)


def test_a_job_that_fails_fails_alone(chips):
    chip = chips[0]
    rng = np.random.default_rng(4)
    x, y = draw_floats(rng, (9, 20)), draw_floats(rng, (9, 20))
    on_x, on_y, c = chip.array(x), chip.array(y), chip.empty(x.shape, np.float32)
    good = chip.vector_descriptor("ADD", on_x, c, on_y)
    for wrong in ({"k": 1}, {"window": 1}, {"y_type": 2}, {"c_type": 2}, {"operation": 31}):
        with pytest.raises(DescriptorError, match="FLAGS"):
            chip.submit([replace(good, **wrong), good])
    beyond = chip.device.memory.stop
    for wrong in ({"a_address": beyond}, {"b_address": beyond}, {"c_address": beyond}):
        with pytest.raises(BusError):
            chip.submit([replace(good, **wrong), good])
    chip.submit(good)
    check_vector_result(c.numpy(), "ADD", x, y)


@pytest.mark.long
def test_rows_beyond_the_limit_of_a_descriptor_are_cut():
    """Of a causal softmax the limit goes on where the first part ends."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((600, 9)).astype(np.float32)
    with Simulator(config_of(DEFAULT).replace(size_bits=8)) as chip:
        assert run(chip, "SOFTMAX", x, None, causal=True, limit=1, window=3).descriptors == 3
        assert run(chip, "ADD", x, x[::-1].copy()).descriptors == 3


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_million_elements_equal_the_golden_model(operation):
    """Of every magnitude, with infinities, NaN and subnormal numbers; few enough for most rows to have a number."""
    config = AcceleratorConfig.preset("small", vector_lanes=4, unaligned=operation == "QUANTIZE")
    rng = np.random.default_rng(OPERATIONS.index(operation))
    shapes = [(512, 96)] * 15 + [(60, 700)] * 6 + [(4, 5000)] * 2
    compared = numbers = 0
    with Simulator(config, latency=10) as chip:
        while compared < 1_000_000:
            for number, shape in enumerate(shapes):
                sizes = fitting(config, operation, shape)
                x, y, choices = draw_operands(rng, operation, sizes, one_row=number % 4 == 0)
                if operation in NORMS and number % 2:
                    choices["scalar2"] = float(draw_floats(rng, (1, 1))[0, 0])
                done = run(chip, operation, x, y, **choices)
                compared += x.size
                known = done.c != vector.NO_INDEX if operation == "ARGMAX" else ~np.isnan(done.c.astype(np.float32))
                numbers += np.count_nonzero(known) * x.size // known.size
    print(f"{operation}: {compared:,} elements, {numbers / compared:.0%} of them not NaN")
    assert numbers > compared // 3
