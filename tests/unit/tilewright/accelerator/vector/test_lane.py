"""A lane's results are those of its operations, bit by bit, whatever comes before and after."""

import ctypes
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Value

from support import lane_operands as operands
from support import lane_reference as reference
from tilewright.accelerator.vector import LaneOp, VectorLane
from tilewright.base import Config, Port
from tilewright.cores import Core
from tilewright.verilog import generate
from tilewright_sim.testbench import pysim
from tilewright_sim.verilated.build import build_library

DRIVER = Path(__file__).with_name("lane_bench.cpp")
ONE, TWO, NAN, INFINITY, SIGN = 0x3F800000, 0x40000000, 0x7FC00000, 0x7F800000, 1 << 31
LARGEST, LEAST = 0x7F7FFFFF, 0x00800000
NEGATE_A, ABSOLUTE_A, NEGATE_C, ABSOLUTE_C = 1, 2, 4, 8


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
        for n in range(len(a) + VectorLane.LATENCY):
            n = min(n, len(a) - 1)
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
    a, b, c = (np.concatenate(part) for part in zip(*(operands.draw(rng, op, count) for op in operations), strict=True))
    op = np.repeat(np.array([op.value for op in operations], np.uint8), count)
    signs = np.where(rng.random(len(op)) < 0.25, rng.integers(0, 16, len(op)), 0).astype(np.uint8)
    order = rng.permutation(len(op))
    return tuple(np.ascontiguousarray(part[order]) for part in (op, signs, a, b, c))


def check(run, op, signs, a, b, c):
    want, got = reference.compute(op, signs, a, b, c), run(op, signs, a, b, c)
    wrong = np.flatnonzero(want != got)
    shown = [(LaneOp(op[n]).name, signs[n], *(f"{x[n]:08x}" for x in (a, b, c, want, got))) for n in wrong[:10]]
    assert shown == [], f"{len(wrong)} of {len(want)} are wrong"
    return want


def test_results_are_those_of_the_reference(verilated):
    want = check(partial(verilated, "generic"), *drawn(1, 10_000))
    for special in (0, SIGN, INFINITY, INFINITY | SIGN, NAN):
        assert (want == special).sum() > 300


def test_results_in_the_generators_own_simulator():
    check(simulated, *drawn(2, 60))


@pytest.mark.long
@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("op", LaneOp)
def test_a_million_results_of_each_operation(verilated, op, family):
    check(partial(verilated, family), *drawn(100 + op.value, 1_000_000, [op]))
