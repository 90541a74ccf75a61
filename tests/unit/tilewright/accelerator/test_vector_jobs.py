"""Products and vector jobs in one ring, with an engine that copies rows: order, the shared writer, failures."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib.wiring import connect, flipped

from tilewright.accelerator import Accelerator
from tilewright.accelerator import accelerator as top
from tilewright.accelerator.contract import (
    AcceleratorConfig,
    Activity,
    Operation,
    Unit,
    vector_job_shape,
    vector_ports,
)
from tilewright.accelerator.registers import ERRORS
from tilewright.base import SharedComponent, place
from tilewright.dma import Cause
from tilewright.storage import SmallFifo
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor, flag_bits
from tilewright_sim.testbench import ReadMemory, WriteMemory, pysim
from tilewright_sim.testbench.axi_lite_host import LiteHost

CONFIG = AcceleratorConfig.preset("nano", panel_words=64, ring_words=64, acc_rows=8, vector_lanes=1)
RING, SIZE = 0x40, 0x4000
pytestmark = pytest.mark.long
FAILED, BUSY, STOPPING = 2, 1, 4


class CopyEngine(SharedComponent):
    """Copy rows of up to 16 words of the bus from x to c, one after the other; a row is loaded before its turn."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(vector_ports(config))

    def elaborate(self, platform):
        m = Module()
        words = place(m, "words_here", SmallFifo(unsigned(self.config.data_bits), 16), platform)
        job = Signal(vector_job_shape(self.config))
        row = Signal(16)
        source, target = Signal(32), Signal(32)
        turn, failed = Signal(), Signal()
        m.d.comb += turn.eq(job.index == self.head)
        for port, address, stride in ((self.requests, source, 0), (self.write_requests, target, job.c_stride)):
            request = port.payload.request
            m.d.comb += [
                port.payload.index.eq(job.index),
                request.address.eq(address),
                request.bytes.eq(job.n << 2),
                request.rows.eq(1),
                request.stride.eq(stride),
            ]
        m.d.comb += words.i.valid.eq(self.words.valid)
        m.d.comb += words.i.payload.eq(self.words.payload.data)
        connect(m, words.o, flipped(self.write_words))
        m.d.comb += self.failure.payload.unit.eq(Unit.VECTOR)
        m.d.comb += self.failure.payload.index.eq(job.index)
        m.d.comb += self.failure.payload.cause.eq(self.write_status.payload.cause)
        m.d.comb += self.failure.payload.address.eq(self.write_status.payload.address)
        m.d.sync += self.activity.eq(Activity.BUSY)
        with m.FSM():
            with m.State("Idle"):
                m.d.comb += self.job.ready.eq(1)
                m.d.sync += self.activity.eq(Activity.IDLE)
                m.d.sync += [job.eq(self.job.payload), row.eq(0), failed.eq(0)]
                m.d.sync += [source.eq(self.job.payload.a_address), target.eq(self.job.payload.c_address)]
                with m.If(self.job.valid):
                    m.next = "Ask"
            with m.State("Ask"):
                m.d.comb += self.requests.valid.eq(turn | ~job.fence_a)
                m.d.sync += self.activity.eq(Mux(self.requests.valid, Activity.MEMORY, Activity.DEPENDENCY))
                with m.If(self.requests.valid & self.requests.ready):
                    m.next = "Write"
            with m.State("Write"):
                m.d.comb += self.writes.eq(turn)
                m.d.comb += self.write_requests.valid.eq(turn)
                with m.If(turn & self.write_requests.ready):
                    m.next = "Wait"
            with m.State("Wait"):
                m.d.comb += self.writes.eq(1)
                fails = self.write_status.payload.cause != Cause.NONE
                m.d.comb += self.failure.valid.eq(self.write_status.valid & fails)
                with m.If(self.write_status.valid):
                    m.d.sync += [failed.eq(failed | fails), row.eq(row + 1)]
                    m.d.sync += [source.eq(source + job.a_stride), target.eq(target + job.c_stride)]
                    m.next = "Ask"
                    with m.If(row + 1 == job.m):
                        m.d.comb += self.completed.eq(~(failed | fails))
                        m.next = "Idle"
        return m


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
        contents[one.c_address : one.c_address + size] = contents[one.a_address : one.a_address + size]
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


def simulate(monkeypatch, bench, jobs=JOBS, *, seed=0, latency=5, stall=0.0, faults=None):
    """Run ``bench(ctx, host)``; return the memory, and what it should be if all jobs are done."""
    monkeypatch.setattr(top, "VectorEngine", CopyEngine)
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
def test_products_and_vector_jobs_run_in_order(monkeypatch, seed, latency, stall):
    async def bench(ctx, host):
        assert not await finish(ctx, host) & FAILED
        assert await host.read(ctx, "HEAD") == len(JOBS)
        counts = {name: await host.read(ctx, f"COUNT_{name}") for name in
                  ["CYCLES", *(f"VECTOR_{cause}" for cause in Activity.__members__)]}  # fmt: skip
        assert 2 * counts["CYCLES"] == sum(counts.values())
        assert min(counts["VECTOR_BUSY"], counts["VECTOR_DEPENDENCY"], counts["VECTOR_IDLE"]) > 0
        assert await host.read(ctx, "CAP_VECTOR") == 0x201

    contents, want = simulate(monkeypatch, bench, seed=seed, latency=latency, stall=stall)
    for one in JOBS:
        apply(want, one)
    assert contents == want


def test_a_failed_read_or_write_of_a_vector_job_is_its_own(monkeypatch):
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

    contents, want = simulate(monkeypatch, bench, jobs, faults={0x1820: 2, 0x2620: 3})
    assert found == [
        (ERRORS["SLVERR"][0], Unit.VECTOR.value, 0x1820), (ERRORS["DECERR"][0], Unit.VECTOR.value, 0x2620),
    ]  # fmt: skip
    for one in (jobs[0], jobs[3]):
        apply(want, one)
    for span in (range(0x2000, 0x2400), range(0x2C00, 0x3000)):
        assert contents[span.start : span.stop] == want[span.start : span.stop]
