"""The fences of A and B: a loader requests nothing before all earlier descriptors are complete."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.load import LoadA, LoadB
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig(
    rows=4, cols=4, dot=2, data_bits=32, panel_words=64, ring_words=64, acc_rows=8, chunk_words=2, long_chunk_words=8,
    requant_lanes=1, outstanding=4,
)  # fmt: skip
JOB = {
    "m": 4, "n": 4, "k": 8, "k_words": 2, "long": 0, "block_rows": 8, "a_address": 0, "b_address": 256, "a_stride": 8,
    "b_stride": 8, "a_block_bytes": 64,
}  # fmt: skip
FENCED_CYCLES = 20


@pytest.mark.parametrize("head", [3, 0xFFFF], ids=["", "wrapped"])
@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no-fence"])
@pytest.mark.parametrize(("loader", "operand"), [(LoadA, "a"), (LoadB, "b")], ids=["a", "b"])
def test_the_fence_of_an_operand_holds_its_loads_until_earlier_descriptors_are_complete(loader, operand, fence, head):
    engine = loader(CONFIG)
    index = (head + 2) % (1 << 16)  # two descriptors before this one are not complete
    other = "b" if operand == "a" else "a"

    async def bench(ctx):
        if operand == "a":
            ctx.set(engine.panel.half_free, 1)
        else:
            ctx.set(engine.ring.room, 1)
        ctx.set(engine.head, head)
        ctx.set(engine.job.payload, JOB | {"index": index, f"fence_{operand}": fence, f"fence_{other}": 1})
        ctx.set(engine.job.valid, 1)
        for cycle in range(FENCED_CYCLES):
            if cycle == FENCED_CYCLES // 2:
                ctx.set(engine.head, (head + 1) % (1 << 16))  # one of the two
            valid, activity = ctx.get(engine.requests.valid), ctx.get(engine.activity)
            if not fence and valid:
                return
            assert not valid, f"a request in cycle {cycle} in spite of the fence"
            await ctx.tick()
        assert fence, "no request, though the job has no fence"
        assert activity == Activity.DEPENDENCY
        ctx.set(engine.head, index)
        for _ in range(4):
            await ctx.tick()
        assert ctx.get(engine.requests.valid)

    pysim.run(engine, bench)


@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no-fence"])
@pytest.mark.parametrize(("loader", "operand"), [(LoadA, "a"), (LoadB, "b")], ids=["a", "b"])
def test_waiting_for_space_and_for_a_fence_have_different_causes(loader, operand, fence):
    """The panel or ring is full. Without a fence SPACE counts, with one DEPENDENCY, and SPACE once it is passed."""
    engine = loader(CONFIG)

    async def bench(ctx):
        ctx.set(engine.head, 1)
        ctx.set(engine.job.payload, JOB | {"index": 2, f"fence_{operand}": fence})
        ctx.set(engine.job.valid, 1)
        for cause in [Activity.DEPENDENCY if fence else Activity.SPACE, Activity.SPACE]:
            for _ in range(6):
                await ctx.tick()
            assert not ctx.get(engine.requests.valid)
            assert ctx.get(engine.activity) == cause
            ctx.set(engine.head, 2)

    pysim.run(engine, bench)
