"""The burst planner splits requests as the model does."""

from dataclasses import asdict, replace

import pytest

from tilewright.dma import Cause, DmaConfig
from tilewright.dma.burst_planner import BurstPlanner
from tilewright_sim.models import Request
from tilewright_sim.models import dma as dma_model
from tilewright_sim.testbench import pysim

ALIGNED = DmaConfig(data_bits=32, max_burst=4)
UNALIGNED = DmaConfig(data_bits=32, max_burst=4, unaligned=True)
SINGLE = DmaConfig(data_bits=32, max_burst=1, unaligned=True)
WHOLE = DmaConfig(data_bits=512, max_burst=256)


def plan(config, request):
    """The planner's bursts of a request on a memory without errors, by the model."""
    word, end = config.word_bytes, 1 << config.addr_bits
    cause = dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned)
    if cause == "EMPTY":
        return [(Cause.EMPTY, request.address, None, 1, 1)]
    wanted, found = [], Cause.NONE
    if cause == "MISALIGNED":  # its words count as if it were aligned
        found = Cause.MISALIGNED
        request = replace(request, address=request.address // word * word, stride=request.stride // word * word)
    bursts = list(dma_model.bursts(request, word_bytes=word, burst_words=config.burst_words))
    for number, (address, size, row_last) in enumerate(bursts):
        if found == Cause.NONE and address >= end:
            found = Cause.WRAPPED
        beats = (address % word + size + word - 1) // word
        wanted.append((found, address % end, beats - 1, int(row_last), int(number == len(bursts) - 1)))
    return wanted


REQUESTS = [
    Request(0, 1),
    Request(0, 4),
    Request(0, 16),
    Request(0, 17),
    Request(0x0FFC, 8),
    Request(0x0FF8, 8),
    Request(0x0FF4, 100, 3, 0x1000),
    Request(0x100, 5, 4, 8),
    Request(0x100, 64, 2),
    Request(0, 0),
    Request(0, 4, 0),
    Request(0xFFFF_FFF0, 16),
    Request(0xFFFF_FFF0, 17),
    Request(0xFFFF_FF00, 16, 3, 0x100),
    Request(0x102, 8),
    Request(0x100, 8, 2, 6),
    Request(0x103, 30, 3, 37),
]


@pytest.mark.parametrize("config", [ALIGNED, UNALIGNED, SINGLE, WHOLE], ids=["aligned", "unaligned", "single", "wide"])
@pytest.mark.parametrize("gaps", [(), (3, 0, 1, 2, 0, 0, 4)], ids=["full", "slow"])
def test_planner_splits_requests_as_the_model_does(config, gaps):
    planner = BurstPlanner(config)
    wanted = [burst for request in REQUESTS for burst in plan(config, request)]

    async def check(ctx):
        for number, want in enumerate(wanted):
            ctx.set(planner.bursts.ready, 0)
            for _ in range(gaps[number % len(gaps)] if gaps else 0):
                await ctx.tick()
            ctx.set(planner.bursts.ready, 1)
            valid = 0
            while not valid:
                _, _, valid, burst = await ctx.tick().sample(planner.bursts.valid, planner.bursts.payload)
            beats = burst.beats_less_1 if want[2] is not None else None
            address = want[1] if burst.cause == Cause.MISALIGNED else burst.address
            assert (burst.cause, address, beats, burst.row_last, burst.last) == want, f"burst {number}"

    feed = pysim.feeder(planner.requests, [asdict(request) for request in REQUESTS])
    pysim.run(planner, feed, check)


def test_planner_takes_two_cycles_from_request_to_burst():
    planner = BurstPlanner(ALIGNED)

    async def bench(ctx):
        ctx.set(planner.requests.payload, asdict(Request(0, 8)))
        ctx.set(planner.requests.valid, 1)
        await ctx.tick()
        ctx.set(planner.requests.valid, 0)
        seen = [(await ctx.tick().sample(planner.bursts.valid))[2] for _ in range(2)]
        assert seen == [0, 1]

    pysim.run(planner, bench)


def test_planner_ends_a_request_when_stopped():
    planner = BurstPlanner(ALIGNED)

    async def bench(ctx):
        ctx.set(planner.requests.payload, asdict(Request(0, 400, 5, 0x400)))
        ctx.set(planner.requests.valid, 1)
        await ctx.tick().until(planner.requests.ready)
        await ctx.tick().repeat(3)
        ctx.set(planner.stop, 1)
        await ctx.tick()
        ctx.set(planner.bursts.ready, 1)
        _, _, valid, burst, ready = await ctx.tick().sample(
            planner.bursts.valid, planner.bursts.payload, planner.requests.ready
        )
        assert valid
        assert not ready
        assert (burst.cause, burst.last) == (Cause.ABORTED, 1)
        _, _, valid, busy = await ctx.tick().sample(planner.bursts.valid, planner.busy)
        assert not valid
        assert not busy

    pysim.run(planner, bench)
