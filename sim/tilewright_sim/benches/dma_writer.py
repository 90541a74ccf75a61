"""`DmaWriter` through its ports, on a memory that checks every rule of the bus."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from tilewright.dma import DmaConfig
from tilewright_sim.models import dma as dma_model

from . import setup
from .dma_requests import ABORTED, consumed, expected_write, one_of_each, random_request
from .dma_traffic import TIMINGS, WriteTraffic

CONFIG = setup.load(DmaConfig)
REQUESTS = setup.effort(20, 60, 240)
ABORTS = setup.effort(6, 16, 60)
RESETS = setup.effort(4, 12, 40)
PLACES = [None, None, 0x2800, 0x5FC0, 0x9000]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=list(TIMINGS))
async def writes_what_was_asked(dut, timing):
    """Random requests under random pauses write the model's bytes and no others."""
    traffic = WriteTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32))
    await traffic.start()
    await traffic.clear_counters()
    before = traffic.memory.contents[:]
    traffic.asked += [random_request(traffic.chance, CONFIG) for _ in range(REQUESTS)]
    await traffic.all_done(len(traffic.asked))
    given = iter(traffic.words)
    for request in traffic.asked:
        words = [next(given) for _ in range(dma_model.word_count(request, word_bytes=CONFIG.word_bytes))]
        for address, byte in dma_model.write_bytes(request, words, word_bytes=CONFIG.word_bytes):
            before[address % len(before)] = byte
    assert traffic.memory.contents == before
    check(traffic, traffic.asked)
    traffic.check_counters()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=["prompt", "uneven"])
async def reports_faults_and_bus_errors_and_goes_on(dut, timing):
    """Empty, misaligned and wrapping requests, SLVERR and DECERR: each request ends as the model says."""
    traffic = WriteTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True)
    await traffic.start()
    chance = traffic.chance
    failing, causes = one_of_each(CONFIG)
    asked = [random_request(chance, CONFIG, faulty=True, where=chance.choice(PLACES)) for _ in range(REQUESTS)]
    asked += failing
    chance.shuffle(asked)
    traffic.asked += asked
    await traffic.all_done(len(traffic.asked))
    check(traffic, traffic.asked)
    assert causes <= {cause for cause, *_ in traffic.statuses}


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=["prompt", "late", "uneven"])
async def recovers_from_aborts(dut, timing):
    """An abort at a random cycle ends what was accepted before it, and touches nothing that is accepted after it."""
    traffic = WriteTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True)
    chance = traffic.chance
    await traffic.start()
    for _ in range(ABORTS):
        first = len(traffic.asked)
        traffic.statuses.clear()
        traffic.memory.writes.clear()
        traffic.answered_before = traffic.memory.answered
        traffic.asked += [random_request(chance, CONFIG, faulty=True) for _ in range(5)]
        await ClockCycles(dut.clk, 2 + int(2 ** (chance.random() * 7)))
        dut.abort.value = 1
        # No request is accepted from the next edge on; what the traffic sees before that is settled then.
        await ClockCycles(dut.clk, 1)
        while not int(dut.abort.value):
            await ClockCycles(dut.clk, 1)
        await ClockCycles(dut.clk, chance.choice([1, 2, 9]))
        cut = traffic.accepted
        dut.abort.value = 0
        await traffic.all_done(len(traffic.asked) - first)
        traffic.next_word = max(traffic.next_word, traffic.words_lost) if cut == first else traffic.next_word
        cut -= first
        check(traffic, traffic.asked[first:], cut)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def starts_anew_after_a_reset(dut):
    """A reset at a random cycle, with bursts and words under way, leaves nothing behind."""
    traffic = WriteTraffic(dut, CONFIG, TIMINGS["uneven"], seed=random.getrandbits(32))
    chance = traffic.chance
    await traffic.start()
    for _ in range(RESETS):
        traffic.asked += [random_request(chance, CONFIG) for _ in range(3)]
        await ClockCycles(dut.clk, 2 + int(2 ** (chance.random() * 8)))
        dut.abort.value = chance.random() < 0.3
        dut.rst.value = 1
        await ClockCycles(dut.clk, 1)
        dut.abort.value = 0
        await ClockCycles(dut.clk, chance.choice([1, 2]))
        dut.rst.value = 0
        await ClockCycles(dut.clk, 2)
        traffic.statuses.clear()
        fresh = [random_request(chance, CONFIG) for _ in range(2)]
        traffic.asked += fresh
        await traffic.all_done(2)
        check(traffic, fresh)


def check(traffic, asked, cut=0):
    """Compare bursts, bytes and statuses with the model's; the first ``cut`` requests met an abort."""
    bursts = 0
    if cut:
        bursts = check_aborted(traffic, asked, cut)
    parts, answered = [], bursts
    sure = True
    for request, (cause, address, count) in zip(asked[cut:], traffic.statuses[cut:], strict=True):
        moved = expect(traffic, request, len(traffic.words))
        assert (cause, address) == (moved.cause, moved.address)
        on_bus = [burst for burst in moved.bursts if burst[0] < 1 << CONFIG.addr_bits]
        # After a failure, no more than what was in hand.
        most = min(len(on_bus), moved.alive + CONFIG.outstanding + 1) if moved.alive else 0
        parts.append((on_bus, moved.alive, most if moved.cause else len(on_bus)))
        sure &= not moved.cause
        answered += len(on_bus)
        assert not sure or count - traffic.answered_before >= answered, "a status came before the last response"
    assert consumed(traffic.memory.writes[bursts:], parts), "bursts are missing or wrong, or nobody asked for them"


def check_aborted(traffic, asked, cut):
    """Of requests that met an abort, the first are done, one is cut short, and no other moves; return the bursts."""
    first = len(traffic.asked) - len(asked)
    _, bursts = traffic.marks.get(first + cut, (0, len(traffic.memory.writes)))
    parts = []
    ended = False
    for request, (cause, *_) in zip(asked[:cut], traffic.statuses[:cut], strict=True):
        moved = expect(traffic, request, traffic.words_lost)
        assert cause in (moved.cause, ABORTED)
        assert not (ended and cause == 0), "a request is done after one that was aborted"
        on_bus = [burst for burst in moved.bursts if burst[0] < 1 << CONFIG.addr_bits]
        least = len(on_bus) if cause == 0 else 0
        # One that was aborted lacks its last burst, which may be one that is not for the bus.
        most = 0 if ended else len(on_bus)
        if cause == ABORTED:
            most = min(most, max(0, len(moved.bursts) - 1))
        parts.append((on_bus, least, most))
        ended |= cause == ABORTED
    assert consumed(traffic.memory.writes[:bursts], parts), "bursts are no beginning of those asked for"
    traffic.next_word = traffic.words_lost
    return bursts


def expect(traffic, request, end):
    """What the model makes of the next request, with the next words that were given before word ``end``."""
    count = dma_model.word_count(request, word_bytes=CONFIG.word_bytes)
    start = traffic.next_word
    traffic.next_word += count
    words = traffic.words[start : min(start + count, end)]
    return expected_write(request, CONFIG, words + [0] * (count - len(words)), traffic.failing)
