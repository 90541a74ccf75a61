"""`DmaWriter` through its ports, on a memory that checks every rule of the bus."""

import os
import random

import cocotb
from cocotb.triggers import ClockCycles
from support.dma_traffic import (
    ABORTED,
    ERRORS,
    MANNERS,
    Manners,
    WriteTraffic,
    consumed,
    expected_write,
    random_request,
)

from tilewright.dma import DmaConfig
from tilewright_sim.models import dma as dma_model

CONFIG = DmaConfig.from_json(os.environ["HW_CONFIG"])


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(manners=list(MANNERS))
async def writes_what_was_asked(dut, manners):
    """Random requests under random pauses write the model's bytes and no others."""
    traffic = WriteTraffic(dut, CONFIG, MANNERS[manners], seed=random.getrandbits(32))
    await traffic.start()
    await traffic.clear_counters()
    before = traffic.contents[:]
    traffic.asked += [random_request(traffic.chance, CONFIG) for _ in range(60)]
    await traffic.all_done(len(traffic.asked))
    given = iter(traffic.words)
    for request in traffic.asked:
        words = [next(given) for _ in range(dma_model.word_count(request, word_bytes=CONFIG.word_bytes))]
        for address, byte in dma_model.write_bytes(request, words, word_bytes=CONFIG.word_bytes):
            before[address] = byte
    assert traffic.contents == before
    check(traffic, traffic.asked)
    traffic.check_counters()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(manners=["prompt", "uneven"])
async def reports_faults_and_bus_errors_and_goes_on(dut, manners):
    """Empty, misaligned and wrapping requests, SLVERR and DECERR: each request ends as the model says."""
    style = MANNERS[manners]
    style = Manners(**(vars(style) | {"errors": ERRORS}))
    traffic = WriteTraffic(dut, CONFIG, style, seed=random.getrandbits(32))
    await traffic.start()
    places = [None, None, 0x2800, 0x5FC0, 0x9000]
    traffic.asked += [
        random_request(traffic.chance, CONFIG, faulty=True, where=traffic.chance.choice(places)) for _ in range(60)
    ]
    await traffic.all_done(len(traffic.asked))
    check(traffic, traffic.asked)
    assert len({cause for cause, *_ in traffic.statuses}) >= 4, "the traffic has too few faults"


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(manners=["prompt", "late", "uneven"])
async def recovers_from_aborts(dut, manners):
    """An abort at a random cycle ends what was accepted before it, and touches nothing that is accepted after it."""
    style = Manners(**(vars(MANNERS[manners]) | {"errors": ERRORS}))
    traffic = WriteTraffic(dut, CONFIG, style, seed=random.getrandbits(32))
    chance = traffic.chance
    await traffic.start()
    for _ in range(16):
        first = len(traffic.asked)
        traffic.statuses.clear()
        traffic.bursts.clear()
        traffic.answered_before = traffic.answered
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
    traffic = WriteTraffic(dut, CONFIG, MANNERS["uneven"], seed=random.getrandbits(32))
    chance = traffic.chance
    await traffic.start()
    for _ in range(12):
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
    assert consumed(traffic.bursts[bursts:], parts), "bursts are missing or wrong, or nobody asked for them"


def check_aborted(traffic, asked, cut):
    """Of requests that met an abort, the first are done, one is cut short, and no other moves; return the bursts."""
    first = len(traffic.asked) - len(asked)
    _, bursts = traffic.marks.get(first + cut, (0, len(traffic.bursts)))
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
    assert consumed(traffic.bursts[:bursts], parts), "bursts are no beginning of those asked for"
    traffic.next_word = traffic.words_lost
    return bursts


def expect(traffic, request, end):
    """What the model makes of the next request, with the next words that were given before word ``end``."""
    count = dma_model.word_count(request, word_bytes=CONFIG.word_bytes)
    start = traffic.next_word
    traffic.next_word += count
    words = traffic.words[start : min(start + count, end)]
    return expected_write(request, CONFIG, words + [0] * (count - len(words)), traffic.manners.errors)
