"""A LOAD puts every element of its rows where it belongs, of whatever type, and nothing in place of those outside."""

import random
from collections import deque

import numpy as np
import pytest
from unit.tilewright.accelerator.vector.interpreter import extent_of

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, vector_job_shape
from tilewright.accelerator.vector.load import VectorLoad
from tilewright.accelerator.vector.program.instructions import Kind, Mode, Operand
from tilewright.accelerator.vector.shapes import plan_shape
from tilewright_sim.testbench import pysim

FLOAT32, BF16, INT32 = (kind.value for kind in (ElementType.FLOAT32, ElementType.BF16, ElementType.INT32))
CONFIGS = {
    "one lane": AcceleratorConfig.preset("nano", vector_lanes=1, size_bits=8),
    "two words of lanes": AcceleratorConfig.preset("small", vector_lanes=4),
    "a word of lanes": AcceleratorConfig.preset("small", vector_lanes=2, size_bits=12),
}


def plan_of(config, n):
    groups, lanes = -(-n // 64), config.vector_lanes
    pitch = min(lanes.bit_length() - 1, (groups - 1).bit_length())
    return {"rows_log2": lanes.bit_length() - 1 - pitch, "pitch_log2": pitch, "long": groups > lanes}


def run(config, job, steps, stall=0.0, seed=0):
    """Do LOADs of float32 bits [rows, elements] each; return what is in the registers, and the cycles of each."""
    dut = VectorLoad(config)
    lanes, width = config.vector_lanes, config.data_bits // 32
    registers = np.zeros((512, lanes), np.uint32)
    cycles, found = [], []

    def store(write, entry, data):
        for lane in range(lanes):
            if write >> lane & 1:
                registers[entry, lane] = data >> 32 * lane & 0xFFFFFFFF

    async def bench(ctx):
        chance = random.Random(seed)
        cycles.clear()
        found.clear()
        registers[:] = 0
        ctx.set(dut.job, vector_job_shape(config).const(job))
        ctx.set(dut.plan, plan_shape(config).const(plan_of(config, job["n"])))
        for step, bits in steps:
            short = (job["x_type"] if step["instruction"]["operand"] == Operand.X else job["y_type"]) == BF16
            words = deque()
            for row in bits:
                parts = [int(one) >> (16 * short) for one in row]
                size, per = (16, 2 * width) if short else (32, width)
                parts += [chance.getrandbits(size) for _ in range(-len(parts) % per)]
                for place in range(0, len(parts), per):
                    words.append(sum(part << size * n for n, part in enumerate(parts[place : place + per])))
            claim = len(words) // len(bits) << plan_of(config, job["n"])["rows_log2"]
            ctx.set(dut.steps.payload, step)
            ctx.set(dut.steps.valid, 1)
            count, accepted, valid = 0, False, False
            while not accepted:
                valid = bool(words) and (valid or chance.random() >= stall)
                ctx.set(dut.words.valid, valid)
                ctx.set(dut.words.payload, words[0] if valid else chance.getrandbits(32))
                *_, accepted, taken, write, entry, data, release, released = await ctx.tick().sample(
                    dut.steps.ready, dut.words.ready, dut.write, dut.write_entry, dut.data, dut.release, dut.released
                )
                if valid and taken:
                    words.popleft()
                    valid = False
                store(write, entry, data)
                assert release == accepted
                assert not release or released == claim
                count += 1
            assert not words
            ctx.set(dut.steps.valid, 0)
            cycles.append(count)
            store(*(await ctx.tick().sample(dut.write, dut.write_entry, dut.data))[-3:])
            found.append(registers.copy())
            *_, write = await ctx.tick().sample(dut.write)
            assert not write

    pysim.run(dut, bench, limit_cycles=20_000)
    return found, cycles


def step_of(operand, register, row, rows, element, elements, limited=0):
    fields = {"kind": Kind.LOAD, "operand": operand, "write": register, "write_mode": Mode.ELEMENTS, "limited": limited}
    return {"instruction": fields, "row": row, "element": element} | extent_of(rows, elements)


def elements_of(config, registers, register, rows, elements, n):
    """The rows of a register."""
    lanes = config.vector_lanes
    pitch = 64 << plan_of(config, n)["pitch_log2"]
    flat = registers[64 * register : 64 * register + 64].reshape(-1)
    assert flat.size == 64 * lanes
    return np.stack([flat[row * pitch : row * pitch + elements] for row in range(rows)])


def job_of(n, x_type=FLOAT32, y_type=FLOAT32, **fields):
    return {"m": 9, "n": n, "k": n, "x_type": x_type, "y_type": y_type} | fields


@pytest.mark.parametrize("kind", [FLOAT32, BF16, INT32], ids=["float32", "bf16", "int32"])
@pytest.mark.parametrize("name", CONFIGS)
def test_elements_are_where_they_belong(name, kind):
    config = CONFIGS[name]
    lanes = config.vector_lanes
    rng = np.random.default_rng(kind)
    for n in (1, 5, 64, 64 * lanes - 1, 100 * lanes):
        rows = 1 << plan_of(config, n)["rows_log2"]
        steps, wanted = [], []
        for operand, register, some in (
            (Operand.X, 0, rows),
            (Operand.Y, 5, max(1, rows - 1)),
            (Operand.Y_SECOND, 2, 1),
        ):
            elements = min(n, 64 * lanes)
            bits = rng.integers(0, 1 << 32, (some, elements), dtype=np.uint32)
            if (kind if operand == Operand.X else BF16) == BF16:
                bits &= 0xFFFF0000
            steps.append((step_of(operand, register, 0, some, 0, elements), bits))
            wanted.append((register, bits))
        found, cycles = run(config, job_of(n, kind, BF16), steps, stall=0.4 if n < 64 else 0.0)
        for (register, bits), registers in zip(wanted, found, strict=True):
            assert (elements_of(config, registers, register, *bits.shape, n) == bits).all()
        if n >= 64:  # 4 cycles, and one for each 32 bits of lanes
            width = config.data_bits // 32
            assert cycles == [4 + len(bits) * -(-bits.shape[1] // width) for _, bits in wanted]


def test_blocks_of_records_are_filled_with_zeros_that_need_no_words():
    config = AcceleratorConfig.preset(
        "small", rows=32, dot=32, data_bits=128, chunk_words=16, a_format="q8_e5m3", b_formats=["q4_1"], vector_lanes=4
    )  # fmt: skip
    for n in (1, 40, 64):
        bits = np.arange(1, 3 * n + 1, dtype=np.uint32).reshape(3, n)
        job = job_of(n, c_type=ElementType.RECORDS.value)
        (registers,), (cycles,) = run(config, job, [(step_of(Operand.X, 1, 0, 3, 0, n), bits)])
        whole = -(-n // 32) * 32
        filled = elements_of(config, registers, 1, 3, whole, n)
        assert (filled == np.pad(bits, ((0, 0), (0, whole - n)))).all()
        assert cycles == 4 + 3 * whole // 4


LIMITS = [  # k, causal, window, first row, first element
    (1, 0, 0, 0, 0), (7, 0, 3, 2, 0), (10, 1, 0, 0, 0), (10, 1, 4, 3, 0), (48, 1, 5, 1, 0), (50, 1, 0, 6, 0),
    (200, 1, 65535, 0, 0), (50, 0, 1, 0, 0), (3, 1, 100, 0, 0), (60, 1, 5, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_elements_outside_the_limits_are_the_least(name):
    config = CONFIGS[name]
    n = 50
    rng = np.random.default_rng(1)
    rows = min(3, 1 << plan_of(config, n)["rows_log2"])
    for number, (k, causal, window, row, element) in enumerate(LIMITS):
        for kind, least in (((FLOAT32, 0xFF800000), (INT32, 1 << 31), (BF16, 0xFF800000))[number % 3],):
            bits = rng.integers(0, 1 << 32, (rows, n), dtype=np.uint32)
            if kind == BF16:
                bits &= 0xFFFF0000
            job = job_of(n, kind, k=k, causal=causal, window=window)
            found, _ = run(config, job, [(step_of(Operand.X, 0, row, rows, element, n, 1), bits)])
            high = np.minimum(k + causal * (row + np.arange(rows)), n)[:, None]
            inside = (np.arange(n) < high) & (np.arange(n) >= (high - window if window else 0))
            want = np.where(inside, bits, least)
            assert (elements_of(config, found[0], 0, rows, n, n) == want).all(), (k, causal, window, kind)


@pytest.mark.parametrize("name", CONFIGS)
def test_limits_count_in_every_strip(name):
    config = CONFIGS[name]
    strip = 64 * config.vector_lanes
    n, row = strip + 20, 2
    bits = np.arange(n, dtype=np.uint32)[None]
    for k, window in ((strip - 1, 0), (strip, 5), (strip + 6, 8), (n, 1), (3, 65535)):
        job = job_of(n, k=k, causal=1, window=window)
        steps = [
            (step_of(Operand.X, 0, row, 1, at, min(strip, n - at), 1), bits[:, at : at + strip]) for at in (0, strip)
        ]
        found, _ = run(config, job, steps)
        got = np.concatenate([
            elements_of(config, registers, 0, 1, some, n)[0] for registers, some in zip(found, (strip, 20), strict=True)
        ])
        high = min(k + row, n)
        inside = (bits[0] < high) & (bits[0].astype(int) >= (high - window if window else 0))
        assert (got == np.where(inside, bits[0], 0xFF800000)).all(), (k, window)
