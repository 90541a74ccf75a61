"""Products and vector jobs in one ring: order, the shared writer, failures."""

import random

import numpy as np
import pytest

from tilewright.accelerator import Accelerator
from tilewright.accelerator.contract import AcceleratorConfig, Activity, Operation, Unit
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor, flag_bits
from tilewright_sim.models import vector as golden
from tilewright_sim.testbench import ReadMemory, WriteMemory, pysim
from tilewright_sim.testbench.axi_lite_host import LiteHost

CONFIG = AcceleratorConfig.preset("nano", panel_words=64, ring_words=64, acc_rows=8, vector_lanes=1)
RING, SIZE = 0x40, 0x4000
pytestmark = pytest.mark.long
FAILED, BUSY, STOPPING = 2, 1, 4


def product(m, n, k, a, b, c, *flags):
    return Descriptor(m=m, n=n, k=k, a_address=a, b_address=b, c_address=c, a_stride=-(-k // 4) * 4,
                      b_stride=-(-k // 4) * 4, c_stride=4 * n, flags=flag_bits(*flags))  # fmt: skip


def copy(m, n, x, c, *flags):
    return VectorDescriptor(operation=Operation.COPY, m=m, n=n, a_address=x, c_address=c, a_stride=4 * n,
                            c_stride=4 * n, flags=flag_bits(*flags))  # fmt: skip


def apply(contents, one):
    """What a descriptor does to the memory."""
    if isinstance(one, VectorDescriptor):
        size = 4 * one.n * one.m
        x = np.frombuffer(bytes(contents[one.a_address : one.a_address + size]), np.float32)
        contents[one.c_address : one.c_address + size] = golden.run("COPY", x[None]).tobytes()
        return

    def operand(address, rows, stride):
        return np.frombuffer(bytes(contents), np.int8)[address:][: rows * stride].reshape(rows, stride)[:, : one.k]

    a = operand(one.a_address, one.m, one.a_stride).astype(np.int32)
    b = operand(one.b_address, one.n, one.b_stride).astype(np.int32)
    result = (a @ b.T).astype("<i4").tobytes()
    contents[one.c_address : one.c_address + len(result)] = result


# Chains: a product, a copy of its result, a product of the copy; copies of copies; products that need not wait.
JOBS = [
    product(6, 8, 16, 0x1000, 0x1400, 0x2000),
    copy(6, 8, 0x2000, 0x2400, "FENCE_A"),
    product(4, 8, 32, 0x2400, 0x1400, 0x2800, "FENCE_A"),
    product(5, 4, 12, 0x1000, 0x1200, 0x2C00),
    copy(3, 16, 0x1800, 0x3000),
    copy(2, 7, 0x3000, 0x3200, "FENCE_A"),
    copy(8, 16, 0x2800, 0x3400, "FENCE_A", "INTERRUPT"),
    product(4, 8, 16, 0x1000, 0x1400, 0x2E00),  # its sums are complete long before the copy is
    product(9, 12, 8, 0x1000, 0x3000, 0x3800, "FENCE_B"),
    copy(4, 12, 0x3800, 0x3C00, "FENCE_A"),
]


def simulate(bench, jobs=JOBS, *, seed=0, latency=5, stall=0.0, faults=None):
    """Run ``bench(ctx, host)``; return the memory, and what it should be if all jobs are done."""
    dut = Accelerator(CONFIG)
    contents = bytearray(random.Random(seed).randbytes(SIZE))
    for number, one in enumerate(jobs):
        contents[RING + 64 * number : RING + 64 * number + 64] = one.pack()
    want = bytearray(contents)
    reads = ReadMemory(dut.m_axi, contents, latency, stall, seed, faults or {})
    writes = WriteMemory(dut.m_axi, contents, latency, stall, seed + 1, faults or {})

    async def run(ctx):
        host = LiteHost(dut.s_axil)
        await host.write(ctx, "RING_BASE_LO", RING)
        await host.write(ctx, "RING_LOG2", 4)
        await host.write(ctx, "TAIL", len(jobs))
        await host.write(ctx, "CONTROL", 1)
        await bench(ctx, host)

    pysim.run(dut, run, background=[reads.run, writes.run], limit_cycles=20_000)
    return contents, want


async def finish(ctx, host):
    while (status := await host.read(ctx, "STATUS")) & (BUSY | STOPPING):
        pass
    return status


@pytest.mark.parametrize(("seed", "latency", "stall"), [(0, 5, 0.0), (1, 40, 0.3)])
def test_products_and_vector_jobs_run_in_order(seed, latency, stall):
    async def bench(ctx, host):
        assert not await finish(ctx, host) & FAILED
        assert await host.read(ctx, "HEAD") == len(JOBS)
        counts = {name: await host.read(ctx, f"COUNT_{name}") for name in
                  ["CYCLES", *(f"VECTOR_{cause}" for cause in Activity.__members__)]}  # fmt: skip
        assert 2 * counts["CYCLES"] == sum(counts.values())
        assert min(counts["VECTOR_BUSY"], counts["VECTOR_DEPENDENCY"], counts["VECTOR_IDLE"]) > 0
        assert await host.read(ctx, "CAP_VECTOR") == 0x201

    contents, want = simulate(bench, seed=seed, latency=latency, stall=stall)
    for one in JOBS:
        apply(want, one)
    assert contents == want


def test_a_failed_read_or_write_of_a_vector_job_is_its_own():
    jobs = [JOBS[0], copy(2, 8, 0x1800, 0x2400), copy(2, 8, 0x1C00, 0x2600), JOBS[3]]
    found = []

    async def bench(ctx, host):
        found.clear()
        for index in (1, 2):
            assert await finish(ctx, host) & FAILED
            error = await host.read(ctx, "ERROR")
            found.append((error & 15, error >> 4, await host.read(ctx, "ERROR_ADDRESS_LO")))
            assert await host.read(ctx, "HEAD") == index
            await host.write(ctx, "COMMAND", 2)
        assert not await finish(ctx, host) & FAILED

    contents, want = simulate(bench, jobs, faults={0x1820: 2, 0x2620: 3})
    assert found == [
        (ERRORS["SLVERR"][0], Unit.VECTOR.value, 0x1820), (ERRORS["DECERR"][0], Unit.VECTOR.value, 0x2620),
    ]  # fmt: skip
    for one in (jobs[0], jobs[3]):
        apply(want, one)
    for span in (range(0x2000, 0x2400), range(0x2C00, 0x3000)):
        assert contents[span.start : span.stop] == want[span.start : span.stop]
