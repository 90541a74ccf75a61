"""Random jobs of the vector engine: what they read and leave, and what is wrong with wrong ones."""

from collections import Counter

import numpy as np
import pytest
from unit.tilewright_sim.benches.jobs.owner import BLOCKS, SMALL, VECTORS, Owner

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation, operations_of
from tilewright_sim.benches.jobs import Author, Space, VectorJob, faults, kinds_with, matrix, somewhere

EXACT = {
    "COPY": lambda x, y, scalar: x,
    "ADD": lambda x, y, scalar: x + y,
    "MULTIPLY": lambda x, y, scalar: x * y,
    "SCALE": lambda x, y, scalar: x * scalar,
    "RELU": lambda x, y, scalar: np.maximum(x, 0) * y,
}
DTYPES = {ElementType.FLOAT32: np.float32, ElementType.BF16: np.uint16, ElementType.INT32: np.int32}


def real(image, address, stride, rows, columns, kind):
    """A matrix as numbers of float64."""
    found = matrix(image, address, stride, rows, columns, DTYPES[kind])
    if kind is ElementType.BF16:
        found = (found.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):
        return found.astype(np.float64)


def drawn(name, rounds, seed=1):
    """Queues of jobs: each with its author's memory before it, and the jobs before it whose results are there."""
    owner = Owner(VECTORS[name], seed)
    author = Author(owner)
    for _ in range(rounds):
        author.clear()
        for _ in range(8):
            before = list(author.done)
            job = author.job()
            yield owner, job, before


@pytest.mark.parametrize("name", VECTORS)
def test_a_job_changes_its_result_alone_and_to_what_numpy_says(name):
    compared = Counter()
    for owner, job, _ in drawn(name, 60):
        before = bytes(owner.image)
        job.apply(owner.image)
        changed = {at for at in range(len(before)) if before[at] != owner.image[at]} if len(before) < 1 << 18 else set()
        assert changed <= job.result_addresses()
        d = job.descriptor
        if not isinstance(job, VectorJob) or d.operation.name not in EXACT or d.c_type not in DTYPES:
            continue
        x = real(before, d.a_address, d.a_stride, d.m, d.n, d.x_type)
        y = real(before, d.b_address, d.b_stride, d.m, d.n, d.y_type) if job.y_columns else None
        got = real(owner.image, d.c_address, d.c_stride, d.m, d.n, d.c_type)
        with np.errstate(all="ignore"):
            want = EXACT[d.operation.name](x, y, float(np.float32(d.scalar)))
            most = sum(abs(part) for part in (x, y) if part is not None) if d.operation is Operation.ADD else abs(want)
        fine = (most < 1e38) & (abs(want) > 1e-37)
        for part in (x, y):
            fine &= True if part is None else abs(part) > 1e-37  # subnormal numbers are zeros
        assert np.all(abs(got[fine] - want[fine]) <= 2**-8 * most[fine])
        compared[d.operation.name] += np.count_nonzero(fine)
    assert set(compared) == set(EXACT)
    assert min(compared.values()) > 20


@pytest.mark.parametrize("name", VECTORS)
def test_every_operation_type_and_place_is_drawn(name):
    bins, places = Counter(), Counter()
    for owner, job, before in drawn(name, 150):
        assert Space(owner.config, 12, owner.config.size_limit).ring == owner.space.ring
        if not isinstance(job, VectorJob):
            places["product of a result"] += any(
                job.descriptor.a_address == old.descriptor.c_address for old in before if isinstance(old, VectorJob)
            )
            continue
        d = job.descriptor
        bins.update(f"{group}: {value}" for group, value in job.bins().items())
        results = job.result_addresses()
        in_place = d.c_address == d.a_address
        places["in place"] += in_place
        assert in_place or not results & job.operand_addresses()
        for letter, fence, there in (("a", "FENCE_A", True), ("b", "FENCE_B", job.y_columns)):
            address = getattr(d, f"{letter}_address")
            if there and any(address == old.descriptor.c_address for old in before):
                places[f"{letter} is a result"] += 1
                assert job.flag(fence)
        places["over a result"] += any(d.c_address == old.descriptor.c_address for old in before)
        assert d.c_type is not ElementType.RECORDS or np.isfinite(d.scalar)
    assert {f"operation: {one.name}" for one in operations_of(VECTORS[name])} <= set(bins)
    types = {pair.partition(": ")[2] for pair in bins if pair.startswith("operand and result")}
    results = ["FLOAT32", "BF16", *(["RECORDS"] if VECTORS[name].a_format != "int8" else [])]
    assert {f"{x} to {c}" for x in ("FLOAT32", "BF16", "INT32") for c in results} <= types
    assert {"in place", "a is a result", "b is a result", "over a result", "product of a result"} == {
        place for place, count in places.items() if count
    }


def test_rows_are_longer_than_a_register_too():
    counts = Counter(job.bins()["elements"] for _, job, _ in drawn("one lane", 150) if isinstance(job, VectorJob))
    assert set(counts) == {"1", "< register", "= register", "> register"}


def test_a_memory_of_16_address_bits_holds_the_jobs_of_a_wide_bus():
    config = AcceleratorConfig.preset(
        "large", addr_bits=16, size_bits=8, stride_bits=12, vector_lanes=8, panel_words=256, ring_words=256,
        long_chunk_words=4,
    )  # fmt: skip
    for seed in range(10):
        author = Author(Owner(config, seed))
        for _ in range(12):
            author.job()


def test_a_failure_of_the_engine_is_where_it_reads_or_writes():
    author = Author(Owner(BLOCKS["three formats"].replace(vector_lanes=2), 1))
    assert kinds_with(author, "VECTOR") == ["vector"]
    assert kinds_with(author, "LOAD_A") == kinds_with(author, "STORE_C") == ["plain"]
    job = author.job(kind="vector", alone=True)
    touched = job.operand_addresses() | job.result_addresses()
    assert {somewhere(author.owner, job, "VECTOR") for _ in range(20)} <= touched
    without = Author(Owner(AcceleratorConfig(**SMALL, a_format="q8_0"), 1))
    assert kinds_with(without, "VECTOR") == []


def test_each_fault_fits_a_descriptor():
    job = Author(Owner(VECTORS["one lane"], 1)).job(kind="vector", alone=True)
    found = faults(job)
    assert {code for code, _, _ in found} == {"VERSION", "FLAGS", "SIZE", "ALIGNMENT", "WRAPPED"}
    assert {unit for _, unit, _ in found} == {"DESCRIPTOR", "LOAD_A", "LOAD_B", "STORE_C"}
