"""Whole jobs: the golden model's bits in memory, whatever waits, fails or is reset."""

import random

import numpy as np
import pytest
from support.configs import BLOCKS
from unit.tilewright.accelerator.vector.harness import VectorJob, run_jobs
from unit.tilewright.accelerator.vector.test_programs import case

from tilewright.accelerator.contract import (
    ONE_TYPE,
    ROTATIONS,
    SOFTMAXES,
    AcceleratorConfig,
    Activity,
    ElementType,
    Operation,
    Unit,
)
from tilewright.accelerator.vector import RecordFormat
from tilewright.dma import Cause

FLOAT32, BF16, INT32 = ElementType.FLOAT32, ElementType.BF16, ElementType.INT32
CONFIG = AcceleratorConfig.preset("nano", vector_lanes=1)
WIDE = AcceleratorConfig.preset("small", vector_lanes=4)
OPERATIONS = list(Operation.__members__.values())


def job(rng, operation, m, n, *, x_type=FLOAT32, y_type=FLOAT32, c_type=FLOAT32, at=0, in_place=False):
    """A random job, its operands and its result at ``at``, 0x400 bytes each."""
    x, y, options = case(rng, operation, m, n, x_type, y_type, wild=True)
    fields = {name: options[name] for name in ("scalar", "scalar2")}
    if operation in SOFTMAXES:
        fields |= {"k": options["limit"], "causal": int(options["causal"]), "window": options["window"]}
    rows = -(-4 * n // 8) * 8
    columns = operation == Operation.QUANTIZE
    return VectorJob(
        operation, x, y, ONE_TYPE.get(operation, c_type),
        x_address=at, y_address=at + 0x400, c_address=at + (0 if in_place else 0xC00),
        a_stride=rows, b_stride=2 * rows if y is not None and len(y) > 1 else 0, c_stride=m if columns else rows,
        fields=fields,
    )  # fmt: skip


def check(config, jobs, seed=0, limit_cycles=60_000, **options):
    """Run jobs, and compare the whole memory with what the golden model leaves."""
    memory = bytearray(random.Random(seed).randbytes(0x1000 * (len(jobs) + 1)))
    for one in jobs:
        one.place(memory)
    want = bytearray(memory)
    for number, one in enumerate(jobs):
        if number not in (options.get("flush_after") or {}):
            one.apply(want)
    seen = run_jobs(config, memory, jobs, seed=seed, limit_cycles=limit_cycles, **options)
    assert memory == want
    return seen


def test_jobs_follow_each_other_with_stalls():
    rng = np.random.default_rng(1)
    jobs = [
        job(rng, Operation.ADD, 2, 5, y_type=BF16, c_type=BF16),
        job(rng, Operation.COPY, 1, 1, x_type=INT32, at=0x1000),
        job(rng, Operation.ARGMAX, 1, 66, x_type=BF16, at=0x2000),
        job(rng, Operation.SCALE, 3, 9, at=0x3000, in_place=True),
    ]
    jobs[0].fields["fence_b"] = 1
    seen = check(CONFIG, jobs, stalls=0.3, late_head=70, first_index=0xFFFE)
    assert len(seen.cycles) == len(jobs)
    assert seen.activities[Activity.DEPENDENCY] > 0
    assert seen.activities[Activity.BUSY] > 0
    assert seen.activities[Activity.IDLE] <= len(jobs)


@pytest.mark.parametrize(("a_format", "unaligned"), [("q8_0", False), ("q8_e5m3", True)])
def test_results_are_stored_as_records_of_the_format_of_a(a_format, unaligned):
    config = AcceleratorConfig(**BLOCKS | {"a_format": a_format, "unaligned": unaligned, "vector_lanes": 2})
    records = RecordFormat.of(config.a)
    rng = np.random.default_rng(4)
    jobs = [
        job(rng, Operation.COPY, 2, 37, c_type=ElementType.RECORDS),
        job(rng, Operation.ADD, 1, 1, c_type=ElementType.RECORDS, at=0x1000),
        job(rng, Operation.COPY, 1, 130, c_type=ElementType.RECORDS, at=0x2000),
    ]
    for one in jobs:
        one.records = records
    check(config, jobs, stalls=0.2, limit_cycles=8000)


def test_elements_change_lanes():
    """To be rotated, and where a row has one result."""
    rng = np.random.default_rng(6)
    jobs = [
        job(rng, operation, 2, n, at=0x1000 * number)
        for number, (operation, n) in enumerate([
            (Operation.ROTATE_ADJACENT, 8), (Operation.ROTATE_HALVES, 16), (Operation.LAYER_NORM, 7),
            (Operation.ARGMAX, 13),
        ])
    ]  # fmt: skip
    check(WIDE, jobs, limit_cycles=6000)


def test_quantized_rows_are_stored_as_columns_of_bytes():
    rng = np.random.default_rng(5)
    jobs = [job(rng, Operation.QUANTIZE, m, n, at=0x1000 * number) for number, (m, n) in enumerate([(3, 5), (1, 67)])]
    check(CONFIG.replace(unaligned=True), jobs, stalls=0.3, limit_cycles=6000)


@pytest.mark.parametrize("number", [0, 1])
def test_a_failed_write_is_reported_and_its_job_is_not_completed(number):
    rng = np.random.default_rng(2)
    memory = bytearray(0x2000)
    seen = run_jobs(CONFIG, memory, [job(rng, Operation.COPY, 2, 3)], fails=number, first_index=7)
    assert seen.cycles == []
    assert seen.failures == [(Unit.VECTOR, 7, Cause.SLVERR, 0x123)]


def test_nothing_is_left_of_a_job_that_was_reset():
    rng = np.random.default_rng(3)
    jobs = [job(rng, Operation.COPY, 1, 20, c_type=BF16)]
    after = {}
    for number, cycles in enumerate((1, 3, 9, 20, 31), 1):  # before its result is written
        jobs.append(job(rng, Operation.ADD, 1, 20, at=0x1000 * number))
        after[number] = cycles
    jobs.append(job(rng, Operation.COPY, 2, 30, x_type=BF16, at=0x6000))
    seen = check(CONFIG, jobs, flush_after=after)
    assert len(seen.cycles) == 2


@pytest.mark.long
@pytest.mark.parametrize("stalls", [0.0, 0.4])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_gives_the_golden_models_bits(operation, stalls):
    rng = np.random.default_rng(operation.value)
    jobs = []
    sizes = ((5, 32), (1, 2), (2, 64)) if operation in ROTATIONS else ((5, 37), (1, 1), (2, 64))
    for number, (m, n) in enumerate(sizes):
        kinds = {"x_type": (FLOAT32, INT32, BF16)[number], "y_type": (FLOAT32, BF16)[number % 2]}
        jobs.append(job(rng, operation, m, n, **kinds, c_type=(FLOAT32, BF16)[number == 1], at=0x1000 * number))
    check(WIDE.replace(unaligned=operation == Operation.QUANTIZE), jobs, stalls=stalls)


@pytest.mark.long
@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in ROTATIONS], ids=lambda one: one.name)
def test_rows_longer_than_the_registers(operation):
    rng = np.random.default_rng(operation.value)
    jobs = [job(rng, operation, 1, 150, in_place=operation not in ONE_TYPE), job(rng, operation, 2, 67, at=0x1000)]
    check(CONFIG.replace(unaligned=operation == Operation.QUANTIZE), jobs, stalls=0.2)
