"""Reads ask for the rows of each LOAD, in order, not before they may and not for more than there is space for."""

import random
from collections import deque

import pytest
from unit.tilewright.accelerator.vector.interpreter import conditions, rows_at_once, steps

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation, vector_job_shape
from tilewright.accelerator.vector.program.instructions import Operand
from tilewright.accelerator.vector.program.store import stored_programs
from tilewright.accelerator.vector.reads import VectorReads
from tilewright.accelerator.vector.shapes import plan_shape, strip_words
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig.preset("small", vector_lanes=4, unaligned=True)
LANES, WORD = CONFIG.vector_lanes, CONFIG.word_bytes
STORE = stored_programs(loads=True)
FLOAT32, BF16, INT32 = (kind.value for kind in (ElementType.FLOAT32, ElementType.BF16, ElementType.INT32))


def job_of(operation, m, n, **fields):
    return {
        "index": 77, "operation": operation, "m": m, "n": n, "a_address": 0x1003, "b_address": 0x20001,
        "a_stride": 4 * n + 1, "b_stride": 8 * n, "x_type": FLOAT32, "y_type": FLOAT32, "c_type": FLOAT32,
    } | fields  # fmt: skip


JOBS = [
    job_of(Operation.ADD, 9, 5, b_stride=0, fence_b=1),
    job_of(Operation.RMS_NORM, 2, 700, x_type=BF16, fence_a=1),
    job_of(Operation.ROTATE_ADJACENT, 5, 64, y_type=BF16),
    job_of(Operation.ROTATE_HALVES, 3, 256, fence_a=1, fence_b=1),
    job_of(Operation.SOFTMAX, 3, 257, x_type=INT32, a_stride=0),
    job_of(Operation.LAYER_NORM, 2, 1021, a_address=0xFFFF_F000, b_stride=(1 << 24) - 1),
    job_of(Operation.ARGMAX, 5, 1),
    job_of(Operation.COPY, 3, 1, x_type=BF16, fence_a=1),
]


def of_job(job):
    return steps(
        STORE,
        job["operation"],
        job["m"],
        job["n"],
        LANES,
        conditions(job["operation"], job["n"], LANES, job["x_type"], 0),
    )


def expected(job):
    """The requests of a job, the words claimed for each, and whether it waits for the fence."""
    found = []
    pitch = rows_at_once(job["n"], LANES)
    for step in of_job(job):
        operand = STORE.instructions[step.instruction]["operand"]
        name, kind = ("a", job["x_type"]) if operand == Operand.X else ("b", job["y_type"])
        size = 2 if kind == BF16 else 4
        element = step.element + (job["n"] if operand == Operand.Y_SECOND else 0)
        stride = job[f"{name}_stride"]
        request = {
            "address": (job[f"{name}_address"] + step.row * stride + element * size) % (1 << CONFIG.addr_bits),
            "bytes": step.elements * size, "rows": step.rows, "stride": stride,
        }  # fmt: skip
        claim = -(-step.elements * size // WORD) * pitch
        found.append((request, claim, bool(job.get(f"fence_{name}"))))
    return found


def run(jobs, stall, seed, free_after=0.1):
    dut = VectorReads(CONFIG)
    requests = []

    async def bench(ctx):
        requests.clear()
        chance = random.Random(seed)
        for job in jobs:
            listed, claims = of_job(job), deque(claim for _, claim, _ in expected(job))
            fences = [fence for *_, fence in expected(job)]
            ctx.set(dut.job, vector_job_shape(CONFIG).const(job))
            log2 = rows_at_once(job["n"], LANES).bit_length() - 1
            plan = {"rows_log2": log2, "pitch_log2": LANES.bit_length() - 1 - log2, "long": job["n"] > 64 * LANES}
            ctx.set(dut.plan, plan_shape(CONFIG).const(plan))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            outstanding, held, given, cycle, done = deque(), None, 0, 0, 0
            while done < len(listed) or outstanding:
                first = cycle > 60
                ctx.set(dut.first, first)
                offers = given < len(listed) and chance.random() >= stall
                if offers or ctx.get(dut.steps.valid):
                    step = listed[given]
                    fields = STORE.instructions[step.instruction]
                    ctx.set(dut.steps.payload, step._asdict() | {"instruction": fields})
                    ctx.set(dut.steps.valid, 1)
                ready = chance.random() >= stall
                ctx.set(dut.requests.ready, ready)
                release = bool(outstanding) and chance.random() < free_after
                ctx.set(dut.release, release)
                ctx.set(dut.released, outstanding.popleft() if release else chance.randrange(strip_words(CONFIG)))
                *_, taken, valid, request, index = await ctx.tick().sample(
                    dut.steps.ready, dut.requests.valid, dut.requests.payload.request, dut.requests.payload.index
                )
                if ctx.get(dut.steps.valid) and taken:
                    given += 1
                    ctx.set(dut.steps.valid, 0)
                assert held is None or (valid and request == held), "a request was changed or withdrawn"
                held = request if valid and not ready else None
                if valid and ready:
                    assert first or not fences[done]
                    assert index == job["index"]
                    outstanding.append(claims.popleft())
                    assert sum(outstanding) <= 2 * strip_words(CONFIG)
                    done += 1
                    requests.append({name: request[name] for name in ("address", "bytes", "rows", "stride")})
                cycle += 1
            for signal in (dut.release, dut.first, dut.requests.ready):
                ctx.set(signal, 0)

    pysim.run(dut, bench, limit_cycles=20_000)
    return requests


@pytest.mark.parametrize(("stall", "free_after"), [(0.0, 1.0), (0.5, 0.05)])
def test_rows_are_requested_in_order_behind_fences_and_with_space(stall, free_after):
    wanted = [request for job in JOBS for request, *_ in expected(job)]
    assert run(JOBS, stall, 1, free_after) == wanted


def test_the_claim_is_enough_and_never_more_than_half_of_the_queue():
    for job in JOBS:
        for request, claim, _ in expected(job):
            assert request["rows"] * -(-request["bytes"] // WORD) <= claim <= strip_words(CONFIG)
