"""A STORE writes every element of its rows once, in the words and at the address where they belong."""

import random

import numpy as np
import pytest
from unit.tilewright.accelerator.vector.interpreter import extent_of
from unit.tilewright.accelerator.vector.test_load import plan_of

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation, vector_job_shape
from tilewright.accelerator.vector.program.instructions import Kind, Mode
from tilewright.accelerator.vector.results.store import VectorStore
from tilewright.accelerator.vector.shapes import ENTRIES, SCALARS, plan_shape
from tilewright_sim.testbench import pysim

FLOAT32, BF16, INT32, COLUMNS = (
    kind.value for kind in (ElementType.FLOAT32, ElementType.BF16, ElementType.INT32, ElementType.INT8_COLUMNS)
)
CONFIGS = {
    "one lane": AcceleratorConfig.preset("nano", vector_lanes=1),
    "two words of lanes": AcceleratorConfig.preset("small", vector_lanes=4),
    "a word of lanes": AcceleratorConfig.preset("small", vector_lanes=2),
}
BASE, STRIDE = 0x4000, 0x808


def run(config, kind, n, steps, *, stall=0.0, seed=0, first_at=0, ends=True):
    """Do STOREs (row, rows, element, elements); return requests, words, cycles of each, and the registers."""
    dut = VectorStore(config)
    lanes = config.vector_lanes
    registers = np.random.default_rng(seed).integers(0, 1 << 32, (ENTRIES, lanes), dtype=np.uint32)
    values = [sum(int(one) << 32 * lane for lane, one in enumerate(entry)) for entry in registers]
    requests, words, cycles = [], [], []
    scalar = kind == INT32

    async def bench(ctx):
        for found in (requests, words, cycles):
            found.clear()
        chance = random.Random(seed)
        job = {
            "index": 5,
            "m": 9,
            "n": n,
            "c_type": kind,
            "c_address": BASE,
            "c_stride": STRIDE,
            "operation": {INT32: Operation.ARGMAX, COLUMNS: Operation.QUANTIZE}.get(kind, Operation.COPY),
        }
        ctx.set(dut.job, vector_job_shape(config).const(job))
        ctx.set(dut.plan, plan_shape(config).const(plan_of(config, n) | ({"rows_log2": 0} if kind == COLUMNS else {})))
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        instruction = {"kind": Kind.STORE, "first": 3, "first_mode": Mode.ROWS if scalar else Mode.ELEMENTS}
        entry, held, open_, now = 0, [None, None], 0, 0
        pending = True
        for number in range(len(steps) + 1):
            if number < len(steps):
                row, rows, element, elements = steps[number]
                step = {"instruction": instruction, "row": row, "element": element} | extent_of(rows, elements)
                ctx.set(dut.steps.payload, step)
                ctx.set(dut.steps.valid, 1)
            accepted, begin = False, now
            while not accepted if number < len(steps) else pending and ends:
                ctx.set(dut.first, now >= first_at)
                ready = [chance.random() >= stall, chance.random() >= stall]
                ctx.set(dut.requests.ready, ready[0])
                ctx.set(dut.words.ready, ready[1])
                status = ends and open_ > 0 and chance.random() < 0.2
                ctx.set(dut.status, status)
                open_ -= status
                *_, accepted, valid, request, has, word, next_entry, pending = await ctx.tick().sample(
                    dut.steps.ready, dut.requests.valid, dut.requests.payload, dut.words.valid, dut.words.payload,
                    dut.entry, dut.pending,
                )  # fmt: skip
                ctx.set(dut.elements, values[entry])
                entry = next_entry
                bits = [request.as_bits() if valid else None, word if has else None]
                for side in (0, 1):
                    assert held[side] is None or bits[side] == held[side], "an offer was changed or withdrawn"
                    held[side] = None if ready[side] else bits[side]
                assert not valid or now >= first_at
                assert pending or not open_
                if valid and ready[0]:
                    requests.append((request.index, *(request.request[name] for name in
                                                      ("address", "bytes", "rows", "stride"))))  # fmt: skip
                    open_ += 1
                if has and ready[1]:
                    words.append(word)
                now += 1
                if not ends and now - begin > 300:
                    return
            ctx.set(dut.steps.valid, 0)
            cycles.append(now - begin)

    pysim.run(dut, bench, limit_cycles=20_000)
    return requests, words, cycles, registers


def expected(config, kind, n, steps, registers):
    """The requests, and the elements of each row's words; those behind the row's end are any."""
    lanes = config.vector_lanes
    size = 2 if kind == BF16 else 4
    requests, rows_of = [], []
    pitch = 64 << plan_of(config, n)["pitch_log2"]
    for row, rows, element, elements in steps:
        if kind == COLUMNS:
            requests.append((5, BASE + row + element * STRIDE, 1, elements, STRIDE))
            rows_of += [[one & 0xFF] for one in registers[3 * 64 : 4 * 64].reshape(-1)[:elements]]
            continue
        count = 1 if kind == INT32 else elements
        requests.append((5, BASE + row * STRIDE + element * size, count * size, rows, STRIDE))
        for number in range(rows):
            if kind == INT32:
                rows_of.append([registers[SCALARS + 3 * 16 + number, 0] & 0x3FFFFF])
                continue
            flat = registers[3 * 64 : 4 * 64].reshape(-1)[number * pitch : number * pitch + elements]
            rows_of.append(list(flat >> 16 if kind == BF16 else flat))
    assert lanes
    return requests, rows_of


def check(config, kind, n, steps, **options):
    requests, words, cycles, registers = run(config, kind, n, steps, **options)
    wanted, rows_of = expected(config, kind, n, steps, registers)
    assert requests == wanted
    bits = {BF16: 16, COLUMNS: 8}.get(kind, 32)
    per = config.data_bits // bits
    for row in rows_of:
        count = -(-len(row) // per)
        taken, words = words[:count], words[count:]
        got = [word >> bits * part & (1 << bits) - 1 for word in taken for part in range(per)]
        assert got[: len(row)] == row
    assert not words
    return cycles


@pytest.mark.parametrize("kind", [FLOAT32, BF16, INT32, COLUMNS], ids=["float32", "bf16", "int32", "columns"])
@pytest.mark.parametrize("name", CONFIGS)
def test_rows_go_to_memory_whatever_stalls(name, kind):
    config = CONFIGS[name].replace(unaligned=kind == COLUMNS)
    lanes = config.vector_lanes
    for n, stall in ((1, 0.0), (7, 0.6), (64 * lanes - 3, 0.3)):
        rows = 1 if kind == COLUMNS else 1 << plan_of(config, n)["rows_log2"]
        steps = [(0, rows, 0, n), (rows, max(1, rows - 1), 0, n)]
        check(config, kind, n, steps, stall=stall, first_at=25 if n == 7 else 0)
    strips = [(0, 1, 0, 64 * lanes), (0, 1, 64 * lanes, 9), (1, 1, 0, 64 * lanes), (1, 1, 64 * lanes, 9)]
    if kind != INT32:
        check(config, kind, 64 * lanes + 9, strips, stall=0.2)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_word_goes_in_each_cycle_and_of_bf16_in_each_second(name):
    config = CONFIGS[name]
    elements = 64 * config.vector_lanes
    for kind in (FLOAT32, BF16):
        cycles, *_ = check(config, kind, elements, [(0, 1, 0, elements)])
        assert cycles == 6 + elements // (config.data_bits // 32)


def test_no_more_requests_are_made_than_can_be_counted():
    config = CONFIGS["one lane"]
    steps = [(row, 1, 0, 1) for row in range(70)]
    requests, *_ = run(config, FLOAT32, 1, steps, ends=False)
    assert len(requests) == 63
