"""A lane's results are those of its operations, bit by bit, whatever comes before and after."""

import ctypes
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Value
from support import lane_operands

from tilewright.accelerator.vector import LaneOp, VectorLane
from tilewright.base import Config, Port
from tilewright.cores import Core
from tilewright.verilog import generate
from tilewright_sim.models.vector import lanes
from tilewright_sim.testbench import pysim
from tilewright_sim.verilated.build import build_library

DRIVER = Path(__file__).with_name("lane_bench.cpp")
NAN, INFINITY, SIGN = 0x7FC00000, 0x7F800000, 1 << 31
NEGATE_A, ABSOLUTE_A, NEGATE_C, ABSOLUTE_C = 1, 2, 4, 8
MODEL = {
    LaneOp.MADD: lanes.madd,
    LaneOp.MAX: lambda a, b, c: lanes.maximum(a, c),
    LaneOp.MIN: lambda a, b, c: lanes.minimum(a, c),
    LaneOp.LDEXP: lambda a, b, c: lanes.ldexp(a, c),
    LaneOp.SEED_RECIPROCAL: lambda a, b, c: lanes.seed_reciprocal(a),
    LaneOp.SEED_RSQRT: lambda a, b, c: lanes.seed_rsqrt(a),
    LaneOp.HIGH: lambda a, b, c: lanes.high(a),
    LaneOp.LOW: lambda a, b, c: lanes.low(a),
    LaneOp.BF16: lambda a, b, c: lanes.bf16(a),
    LaneOp.EQUAL: lambda a, b, c: lanes.equal(a, c, b),
    LaneOp.ROUND_UP: lambda a, b, c: lanes.round_up(a, c),
}


def lane_ports(lane):
    return [
        Port("output" if name == "o" else "input", name, Value.cast(getattr(lane, name)), "as in `VectorLane`")
        for name in lane.signature.members
    ]


LANE = Core("lane", "One lane.", Config, lambda config: VectorLane(), lane_ports)


@cache
def library(folder, family):
    """The lane in Verilator."""
    verilog = [file for file in generate(LANE, Config(), folder, family) if file.suffix == ".v"]
    return ctypes.CDLL(str(build_library(verilog, DRIVER, LANE.module)))


@pytest.fixture(scope="module")
def verilated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lane")

    def run(family, op, signs, a, b, c):
        o = np.zeros_like(a)
        arrays = (ctypes.c_void_p(array.ctypes.data) for array in (op, signs, a, b, c, o))
        library(folder / family, family).lane_run(*arrays, *map(ctypes.c_uint64, (len(a), VectorLane.LATENCY)))
        return o

    return run


def simulated(op, signs, a, b, c):
    """The same in Amaranth's simulator."""
    dut = VectorLane()
    seen = []

    async def bench(ctx):
        seen.clear()
        for cycle in range(len(a) + VectorLane.LATENCY):
            n = min(cycle, len(a) - 1)
            ctx.set(dut.op, LaneOp(int(op[n])))
            for bit, port in enumerate((dut.negate_a, dut.absolute_a, dut.negate_c, dut.absolute_c)):
                ctx.set(port, int(signs[n]) >> bit & 1)
            for array, port in ((a, dut.a), (b, dut.b), (c, dut.c)):
                ctx.set(port, int(array[n]))
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    pysim.run(dut, bench, limit_cycles=len(a) + 50)
    return np.array(seen[VectorLane.LATENCY :], np.uint32)


def drawn(seed, count, operations=tuple(LaneOp)):
    """So many operations of each kind, in any order, and a modifier in a quarter of them."""
    rng = np.random.default_rng(seed)
    a, b, c = (
        np.concatenate(part) for part in zip(*(lane_operands.draw(rng, op, count) for op in operations), strict=True)
    )
    op = np.repeat(np.array([op.value for op in operations], np.uint8), count)
    signs = np.where(rng.random(len(op)) < 0.25, rng.integers(0, 16, len(op)), 0).astype(np.uint8)
    order = rng.permutation(len(op))
    return tuple(np.ascontiguousarray(part[order]) for part in (op, signs, a, b, c))


def modified(bits, negate, absolute):
    return np.where(absolute, bits & ~np.uint32(SIGN), bits) ^ np.where(negate, np.uint32(SIGN), np.uint32(0))


def golden(op, signs, a, b, c):
    a = modified(a, signs & NEGATE_A, signs & ABSOLUTE_A).view(np.float32)
    c = modified(c, signs & NEGATE_C, signs & ABSOLUTE_C).view(np.float32)
    results = np.zeros_like(b)
    for operation, function in MODEL.items():
        of = op == operation.value
        results[of] = function(a[of], b[of].view(np.float32), c[of]).view(np.uint32)
    return results


def check(run, op, signs, a, b, c):
    want, got = golden(op, signs, a, b, c), run(op, signs, a, b, c)
    wrong = np.flatnonzero(want != got)
    shown = [
        f"{LaneOp(op[n]).name} {signs[n]} {a[n]:08x} {b[n]:08x} {c[n]:08x} {want[n]:08x} {got[n]:08x}" for n in wrong
    ]
    assert shown[:10] == [], f"{len(wrong)} of {len(want)} are wrong: operation, signs, a, b, c, want, got"
    return want


def test_results_are_those_of_the_golden_model(verilated):
    want = check(partial(verilated, "generic"), *drawn(1, 10_000))
    for special in (0, SIGN, INFINITY, INFINITY | SIGN, NAN):
        assert (want == special).sum() > 300


def test_results_in_the_generators_own_simulator():
    check(simulated, *drawn(2, 60))


MADD, MAX, MIN, LDEXP, EQUAL = LaneOp.MADD, LaneOp.MAX, LaneOp.MIN, LaneOp.LDEXP, LaneOp.EQUAL
KNOWN = [
    (MADD, 0, 0x40000000, 0x40400000, 0x3F800000, 0x40E00000),  # 2 * 3 + 1
    (MADD, NEGATE_A, 0x40000000, 0x40400000, 0x3F800000, 0xC0A00000),
    (MADD, NEGATE_C | ABSOLUTE_C, 0x40000000, 0x40400000, 0xBF800000, 0x40A00000),
    (MADD, ABSOLUTE_A, 0xC0000000, 0x40400000, 0x3F800000, 0x40E00000),
    (MADD, 0, 0x3F800001, 0x3F800001, 0xBF800002, 0),  # the product is rounded before the sum
    (MADD, 0, 0x00FFFFFF, 0x3F000000, SIGN, 0),  # 2**-126 - 2**-150, which would be rounded to 2**-126
    (MADD, 0, 0x80FFFFFF, 0x3F000000, SIGN, SIGN),
    (MADD, 0, 0x00FFFFFF, 0x3F000001, SIGN, 0x00800000),
    (MADD, 0, 0x00800001, 0x3F800000, 0x80800000, 0),  # the difference is 2**-149
    (MADD, 0, 0x80800001, 0x3F800000, 0x00800000, SIGN),
    (MADD, 0, 0x3F800000, 0x3F800000, 0x33800000, 0x3F800000),  # ties: 1 + 2**-24, and an odd number
    (MADD, 0, 0x3F800001, 0x3F800000, 0x33800000, 0x3F800002),
    (MADD, 0, 0x3F800000, 0x3F800000, 0x33800001, 0x3F800001),
    (MADD, 0, 0x3F800000, 0x3F800000, 0xBF800000, 0),
    (MADD, 0, SIGN, 0x3F800000, SIGN, SIGN),
    (MADD, 0, 0x7F7FFFFF, 0x3F800000, 0x73000000, INFINITY),
    (MADD, 0, 0x7F7FFFFF, 0x3F800000, 0x72FFFFFF, 0x7F7FFFFF),
    (MADD, 0, 0x7F7FFFFF, 0x40000000, 0xFF800000, NAN),
    (MADD, 0, INFINITY, 0, 0, NAN),
    (MAX, 0, SIGN, 0, 0, 0),
    (MIN, 0, 0, 0, SIGN, SIGN),
    (MAX, 0, 0x00000001, 0, SIGN, 0),
    (MAX, 0, 0xFF800000, 0, 0x7F800001, NAN),
    (LDEXP, 0, 0x3FC00000, 0, 0x4B400082, INFINITY),
    (LDEXP, 0, 0xBFC00000, 0, 0x4B3FFF82, 0x80C00000),
    (LDEXP, 0, 0xBFC00000, 0, 0x4B3FFF81, SIGN),
    (EQUAL, 0, SIGN, 0x40400000, 0, 0x40400000),
    (EQUAL, 0, NAN, 0x40400000, NAN, INFINITY),
    (LaneOp.SEED_RECIPROCAL, 0, 0xC0000000, 0, 0, 0xBEF311C7),
    (LaneOp.SEED_RECIPROCAL, 0, 0x7EF311C6, 0, 0, 0x00000001),
    (LaneOp.HIGH, 0, 0xFFFE8000, 0, 0, 0x4B3FFFFE),
    (LaneOp.LOW, 0, 0xFFFE8000, 0, 0, 0x4B008000),
    (LaneOp.BF16, 0, 0x7F7F8000, 0, 0, INFINITY),
    (LaneOp.BF16, 0, 0x7F800001, 0, 0, NAN),
    (LaneOp.BF16, 0, 0x807FFFFF, 0, 0, SIGN),
]


def test_known_results():
    op, signs, a, b, c, want = zip(*KNOWN, strict=True)
    found = simulated([code.value for code in op], signs, a, b, c)
    assert [f"{bits:08x}" for bits in found] == [f"{bits:08x}" for bits in want]


@pytest.mark.long
@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("op", LaneOp)
def test_a_million_results_of_each_operation(verilated, op, family):
    check(partial(verilated, family), *drawn(100 + op.value, 1_000_000, [op]))
