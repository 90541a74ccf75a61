"""A float32 adder gives the golden model's sum in each cycle, or the one of its operands that is asked for."""

import numpy as np
from support import lane_operands

from tilewright.accelerator.vector import LaneOp
from tilewright.arithmetic import AdderOp, Float32Adder
from tilewright_sim.models.vector import lanes
from tilewright_sim.testbench import pysim

MODEL = {
    AdderOp.SUM: lanes.add,
    AdderOp.MAX: lanes.maximum,
    AdderOp.MIN: lanes.minimum,
    AdderOp.FIRST: lambda a, b: lanes.mul(a, 1.0),
    AdderOp.BITS: lambda a, b: a,
}


def test_results_are_those_of_the_golden_model():
    rng = np.random.default_rng(4)
    a, _, b = lane_operands.draw(rng, LaneOp.MAX, 100 * len(AdderOp))
    op = rng.permutation(len(a)) % len(AdderOp)
    dut = Float32Adder()
    seen = []

    async def bench(ctx):
        seen.clear()
        for cycle in range(len(a) + dut.LATENCY):
            n = min(cycle, len(a) - 1)
            ctx.set(dut.op, AdderOp(int(op[n])))
            ctx.set(dut.a, int(a[n]))
            ctx.set(dut.b, int(b[n]))
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    pysim.run(dut, bench)
    x, y = a.view(np.float32), b.view(np.float32)
    want = np.choose(op, [MODEL[AdderOp(n)](x, y).view(np.uint32) for n in range(len(AdderOp))])
    assert [f"{bits:08x}" for bits in seen[dut.LATENCY :]] == [f"{bits:08x}" for bits in want]
