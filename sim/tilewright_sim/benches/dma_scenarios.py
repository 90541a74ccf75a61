"""What happens to both DMA engines: requests that fail, aborts, and resets at random cycles.

Each scenario takes the traffic, which has not begun, and ``check``, which compares it with the model: it is called with
the traffic, the requests to look at, and how many of them met an abort.
"""

from cocotb.triggers import ClockCycles

from . import setup
from .dma_requests import one_of_each, random_request

__all__ = ["REQUESTS", "meet_aborts", "meet_faults", "meet_resets"]

REQUESTS = setup.effort(20, 60, 240)
ABORTS = setup.effort(6, 16, 60)
RESETS = setup.effort(4, 12, 40)
PLACES = [None, None, 0x2800, 0x5FC0, 0x9000]


async def meet_faults(traffic, check):
    """Random requests, and one for each cause that the configuration has, in any order."""
    await traffic.start()
    chance = traffic.chance
    failing, causes = one_of_each(traffic.config)
    asked = [random_request(chance, traffic.config, faulty=True, where=chance.choice(PLACES)) for _ in range(REQUESTS)]
    asked += failing
    chance.shuffle(asked)
    traffic.asked += asked
    await traffic.all_done(len(traffic.asked))
    check(traffic, traffic.asked)
    assert causes <= {cause for cause, *_ in traffic.statuses}


async def meet_aborts(traffic, check):
    """A few requests again and again, each time with an abort of a few cycles at a random one."""
    chance, dut = traffic.chance, traffic.dut
    await traffic.start()
    for _ in range(ABORTS):
        first = len(traffic.asked)
        traffic.begin_round()
        traffic.asked += [random_request(chance, traffic.config, faulty=True) for _ in range(5)]
        await ClockCycles(dut.clk, 2 + int(2 ** (chance.random() * 7)))
        dut.abort.value = 1
        # No request is accepted from the next edge on; what the traffic sees before that is settled then.
        await ClockCycles(dut.clk, 1)
        while not int(dut.abort.value):
            await ClockCycles(dut.clk, 1)
        await ClockCycles(dut.clk, chance.choice([1, 2, 9]))
        cut = traffic.accepted - first
        dut.abort.value = 0
        await traffic.all_done(len(traffic.asked) - first)
        if not cut:
            traffic.skip_what_an_abort_dropped()
        check(traffic, traffic.asked[first:], cut)


async def meet_resets(traffic, check):
    """A reset of a few cycles at a random one, with bursts and words under way, and then new requests."""
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
