"""A float32 multiplier gives the golden model's product in each cycle, or what it is told to take instead."""

import numpy as np
from support import lane_operands

from tilewright.accelerator.vector import LaneOp
from tilewright.arithmetic import Float32Multiplier
from tilewright_sim.models.vector import lanes
from tilewright_sim.testbench import pysim


def test_products_are_those_of_the_golden_model_unless_they_are_bypassed():
    rng = np.random.default_rng(3)
    a, b, other = lane_operands.draw(rng, LaneOp.MADD, 300)
    bypass = rng.random(len(a)) < 0.2
    dut = Float32Multiplier()
    seen = []

    async def bench(ctx):
        seen.clear()
        for cycle in range(len(a) + dut.LATENCY):
            n, late = min(cycle, len(a) - 1), max(cycle - dut.OTHER, 0)
            ctx.set(dut.a, int(a[n]))
            ctx.set(dut.b, int(b[n]))
            ctx.set(dut.other, int(other[late % len(a)]))
            ctx.set(dut.bypass, int(bypass[late % len(a)]))
            seen.append(ctx.get(dut.product))
            await ctx.tick()

    pysim.run(dut, bench)
    want = np.where(bypass, other, lanes.mul(a.view(np.float32), b.view(np.float32)).view(np.uint32))
    assert [f"{bits:08x}" for bits in seen[dut.LATENCY :]] == [f"{bits:08x}" for bits in want]
