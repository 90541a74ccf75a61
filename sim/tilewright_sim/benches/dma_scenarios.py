"""Scenarios for both DMA engines: failing requests, aborts, and resets in random cycles.

Each scenario takes traffic that has not been started, and a function ``check`` that compares it with the model. The
arguments of ``check`` are the traffic, the requests to check, and the number of them accepted before an abort.
"""

from cocotb.triggers import ClockCycles

from . import setup
from .dma_requests import one_of_each, random_request

__all__ = ["REQUESTS", "meet_aborts", "meet_faults", "meet_resets"]

REQUESTS = setup.effort(20, 60, 240)
ABORTS = setup.effort(6, 16, 60)
RESETS = setup.effort(4, 12, 40)
ADDRESSES = [None, None, 0x2800, 0x5FC0, 0x9000]


async def meet_faults(traffic, check):
    """Random requests and one request for each cause that the configuration supports, in random order."""
    await traffic.start()
    chance = traffic.chance
    failing, causes = one_of_each(traffic.config)
    asked = [
        random_request(chance, traffic.config, faulty=True, where=chance.choice(ADDRESSES)) for _ in range(REQUESTS)
    ]
    asked += failing
    chance.shuffle(asked)
    traffic.asked += asked
    await traffic.all_done(len(traffic.asked))
    check(traffic, traffic.asked)
    assert causes <= {cause for cause, *_ in traffic.statuses}


async def meet_aborts(traffic, check):
    """Several rounds of a few requests, each with an abort of a few cycles at a random time."""
    chance, dut = traffic.chance, traffic.dut
    await traffic.start()
    for _ in range(ABORTS):
        first = len(traffic.asked)
        traffic.begin_round()
        traffic.asked += [random_request(chance, traffic.config, faulty=True) for _ in range(5)]
        await ClockCycles(dut.clk, 2 + int(2 ** (chance.random() * 7)))
        dut.abort.value = 1
        # No request is accepted from the next edge on; wait until the traffic has counted those before it.
        await ClockCycles(dut.clk, 1)
        while not int(dut.abort.value):
            await ClockCycles(dut.clk, 1)
        await ClockCycles(dut.clk, chance.choice([1, 2, 9]))
        cut = traffic.accepted - first
        dut.abort.value = 0
        await traffic.all_done(len(traffic.asked) - first)
        if not cut:
            traffic.skip_dropped_words()
        check(traffic, traffic.asked[first:], cut)


async def meet_resets(traffic, check):
    """Several resets of a few cycles at a random time, with bursts and words in flight, and new requests after each."""
    chance, dut = traffic.chance, traffic.dut
    await traffic.start()
    for _ in range(RESETS):
        traffic.asked += [random_request(chance, traffic.config) for _ in range(3)]
        await ClockCycles(dut.clk, 2 + int(2 ** (chance.random() * 8)))
        dut.abort.value = chance.random() < 0.3
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.abort.value = 0
        await ClockCycles(dut.clk, chance.choice([1, 2]))
        dut.rst.value = 0
        await ClockCycles(dut.clk, 2)
        traffic.statuses.clear()
        fresh = [random_request(chance, traffic.config) for _ in range(2)]
        traffic.asked += fresh
        await traffic.all_done(2)
        check(traffic, fresh)
