"""The stand-in of the vector engine completes each job in its turn."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.vector import VectorEngine
from tilewright_sim.testbench import pysim


def test_a_job_completes_when_all_before_it_have():
    dut = VectorEngine(AcceleratorConfig.preset("nano", vector_lanes=1))

    async def bench(ctx):
        ctx.set(dut.head, 6)
        ctx.set(dut.job.payload.index, 7)
        ctx.set(dut.job.valid, 1)
        assert ctx.get(dut.job.ready)
        await ctx.tick()
        ctx.set(dut.job.valid, 0)
        for _ in range(4):
            assert (ctx.get(dut.job.ready), ctx.get(dut.writes), ctx.get(dut.completed)) == (0, 0, 0)
            await ctx.tick()
        ctx.set(dut.head, 7)
        assert (ctx.get(dut.writes), ctx.get(dut.completed)) == (1, 1)
        await ctx.tick()
        assert (ctx.get(dut.job.ready), ctx.get(dut.completed)) == (1, 0)

    pysim.run(dut, bench)
