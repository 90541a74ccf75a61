"""The cycle model's vector jobs take as many cycles as those on the generated Verilog."""

import numpy as np
import pytest

from tilewright.accelerator.contract import (
    ONE_TYPE,
    ROTATIONS,
    SOFTMAXES,
    TYPE_BYTES,
    WITH_Y,
    AcceleratorConfig,
    ElementType,
    Operation,
)
from tilewright_sim.host import Descriptor, Simulator, VectorDescriptor, flag_bits
from tilewright_sim.models.cycles import Bus, Gemm, VectorJob, estimate
from tilewright_sim.models.cycles.vector_job import VectorShape

NANO = ("nano", {"vector_lanes": 4, "variables": 4, "unaligned": True})
BLOCKS = {
    "rows": 32,
    "dot": 32,
    "data_bits": 128,
    "chunk_words": 16,
    "a_format": "q8_e5m3",
    "b_formats": ["q4_1"],
    "vector_lanes": 4,
}
CONFIGS = [
    NANO, ("nano", {"vector_lanes": 1}), ("small", {"vector_lanes": 2}), ("base", {"vector_lanes": 4, "variables": 4}),
    ("small", {"vector_lanes": 8, "unaligned": True}), ("base", {"vector_lanes": 16}), ("small", BLOCKS),
]  # fmt: skip
SHAPES = [(1, 1), (1, 300), (9, 40)]


def vector(config, base, job):
    """The descriptor of a job whose operands are far apart."""
    shape, word = VectorShape(config, job), config.word_bytes
    row = job.n * (2 if job.rotates else 1)
    y_stride = 0 if job.shared_y else word * shape.words(row, TYPE_BYTES[job.y_type])
    flags = ["FENCE_A"] * job.fenced + ["FENCE_B"] * job.fenced_y
    return VectorDescriptor(
        operation=job.operation, m=job.m, n=job.n, x_type=job.x_type, y_type=job.y_type, c_type=job.c_type,
        a_address=base, a_stride=word * shape.words(job.n, TYPE_BYTES[job.x_type]),
        b_address=base + (1 << 22) if job.operation in WITH_Y else 0,
        b_stride=y_stride if job.operation in WITH_Y else 0,
        c_address=base + (1 << 23), c_stride=64 if job.columns else word * shape.result_words(job.results),
        k=job.n if job.operation in SOFTMAXES else 0, scalar=1.0, scalar2=1.0, flags=flag_bits(*flags),
    )  # fmt: skip


def product(config, base, gemm):
    word = config.word_bytes
    stride = -(-gemm.k // word) * word
    return Descriptor(
        m=gemm.m, n=gemm.n, k=gemm.k, a_address=base, a_stride=stride, b_address=base + (1 << 22), b_stride=stride,
        c_address=base + (1 << 23), c_stride=-(-4 * gemm.n // word) * word,
        flags=flag_bits(*["FENCE_A"] * gemm.fenced),
    )  # fmt: skip


def cycles(chip, jobs):
    """Run jobs behind one doorbell; return the cycles from there to the interrupt."""
    base = chip.device.memory.start + (1 << 20)
    make = {Gemm: product, VectorJob: vector}
    chip.driver.clear_counters()
    chip.driver.run([make[type(job)](chip.config, base, job) for job in jobs], 100_000_000)
    return chip.driver.counters()["cycles"]


def simulator(config, bus):
    return Simulator(config, latency=bus.latency, bandwidth=bus.bandwidth)


def check(chip, bus, jobs, share, few):
    run = cycles(chip, jobs)
    guess = estimate(chip.config, jobs, bus).cycles
    assert abs(guess - run) <= max(few, share * run), f"{guess} for {run} cycles: {jobs}"
    return guess - run


@pytest.mark.parametrize("latency", [5, 64])
def test_each_operation_is_estimated_to_a_few_cycles(latency):
    config = AcceleratorConfig.preset(NANO[0], **NANO[1])
    bus = Bus(latency=latency)
    with simulator(config, bus) as chip:
        for number, operation in enumerate(Operation.__members__.values()):
            m, n = SHAPES[number % len(SHAPES)]
            if operation in ROTATIONS:
                m, n = 5, 64
            c_type = ONE_TYPE.get(operation, ElementType.FLOAT32)
            few = 30 if operation is Operation.QUANTIZE else 3  # each of its bytes is a burst
            check(chip, bus, [VectorJob(operation=operation, m=m, n=n, c_type=c_type)], share=0.002, few=few)


def layer(m, fenced=True):
    """About what a layer of a network has: every job needs the result of the one before."""
    return [
        VectorJob(operation=Operation.RMS_NORM, m=m, n=96, shared_y=True, fenced=fenced),
        Gemm(m=m, n=64, k=96, requant=False, fenced=True),
        Gemm(m=m, n=16, k=96, requant=False),
        VectorJob(operation=Operation.ROTATE_HALVES, m=m, n=16, fenced=True),
        VectorJob(operation=Operation.SOFTMAX, m=m, n=40, fenced=True),
        Gemm(m=m, n=96, k=64, requant=False, fenced=True),
        VectorJob(operation=Operation.ADD, m=m, n=96, fenced=True),
        VectorJob(operation=Operation.SILU, m=m, n=128, fenced=True),
        Gemm(m=m, n=96, k=128, requant=False, fenced=True),
    ]


@pytest.mark.parametrize("m", [1, 7])
def test_a_ring_of_products_and_vector_jobs_is_estimated_within_2_percent(m):
    config, bus = AcceleratorConfig.preset(NANO[0], **NANO[1]), Bus(latency=5)
    with simulator(config, bus) as chip:
        check(chip, bus, layer(m), share=0.02, few=0)


def drawn(rng, config):
    """Any job, of about 100 to 100,000 cycles."""
    known = [name for name in Operation.__members__ if name != "QUANTIZE"]  # whose writes are estimated less closely
    operation = Operation[str(rng.choice(known))]
    m, n = int(2 ** rng.uniform(0, 5)), int(2 ** rng.uniform(0, 8 + np.log2(config.vector_lanes) / 2))
    types = [ElementType.FLOAT32, ElementType.BF16]
    x_type, y_type = (types[int(number)] for number in rng.integers(0, 2, 2))
    c_types = [*types, *([ElementType.RECORDS] if config.scaled else [])]
    c_type = c_types[int(rng.integers(0, len(c_types)))]
    if rng.random() < 0.2:
        x_type = ElementType.INT32
    c_type = ONE_TYPE.get(operation, c_type)
    if operation in ROTATIONS:
        n = min(max(1 << n.bit_length() - 1, config.word_bytes), 64 * config.vector_lanes)
    if c_type is ElementType.RECORDS:  # those of a full register may not be whole bus words
        n = min(n, 64 * config.vector_lanes)
    return VectorJob(operation=operation, m=m, n=n, x_type=x_type, y_type=y_type, c_type=c_type,
                     shared_y=operation in WITH_Y and bool(rng.random() < 0.3))  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("preset", "values"), CONFIGS, ids=str)
def test_random_jobs_are_estimated_within_2_percent(preset, values):
    config = AcceleratorConfig.preset(preset, **values)
    errors = []
    for latency, bandwidth in [(5, 1.0), (64, 1.0), (200, 1.0), (64, 0.3)]:
        bus = Bus(latency=latency, bandwidth=bandwidth)
        rng = np.random.default_rng(latency)
        with simulator(config, bus) as chip:
            errors += [check(chip, bus, [drawn(rng, config)], share=0.02, few=30) for _ in range(12)]
    assert abs(np.median(errors)) <= 3, np.percentile(errors, [0, 5, 25, 50, 75, 95, 100])
