"""Bench of `DmaWriter` with a memory that checks every rule of the bus."""

import random

import cocotb

from tilewright.dma import DmaConfig
from tilewright_sim.models import dma as dma_model

from . import setup
from .dma_requests import ABORTED, consumed, expected_write, random_request
from .dma_scenarios import REQUESTS, meet_aborts, meet_faults, meet_resets
from .dma_traffic import TIMINGS, WriteTraffic

CONFIG = setup.load(DmaConfig)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=list(TIMINGS))
async def writes_match_the_model(dut, timing):
    """Random requests with random pauses write the model's bytes and no others."""
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
async def reports_faults_and_bus_errors_and_continues(dut, timing):
    """Empty, misaligned and wrapping requests, SLVERR and DECERR: each request ends with the status of the model."""
    await meet_faults(WriteTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True), check)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=["prompt", "late", "uneven"])
async def recovers_from_aborts(dut, timing):
    """An abort in a random cycle ends the requests accepted before it, and does not affect those accepted after it."""
    await meet_aborts(WriteTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True), check)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def restarts_after_a_reset(dut):
    """A reset in a random cycle, with bursts and words in flight, clears all state."""
    await meet_resets(WriteTraffic(dut, CONFIG, TIMINGS["uneven"], seed=random.getrandbits(32)), check)


def check(traffic, asked, cut=0):
    """Compare bursts, bytes and statuses with the model's; the first ``cut`` requests were accepted before an abort."""
    bursts = 0
    if cut:
        bursts = check_aborted(traffic, asked, cut)
    parts, answered = [], bursts
    sure = True
    for request, (cause, address, count) in zip(asked[cut:], traffic.statuses[cut:], strict=True):
        moved = expect(traffic, request, len(traffic.words))
        assert (cause, address) == (moved.cause, moved.address)
        on_bus = [burst for burst in moved.bursts if burst[0] < 1 << CONFIG.addr_bits]
        # After a failure, only the bursts already accepted may follow.
        most = min(len(on_bus), moved.alive + CONFIG.outstanding + 1) if moved.alive else 0
        parts.append((on_bus, moved.alive, most if moved.cause else len(on_bus)))
        sure &= not moved.cause
        answered += len(on_bus)
        assert not sure or count - traffic.answered_before >= answered, "a status came before the last response"
    assert consumed(traffic.memory.writes[bursts:], parts), "bursts are missing, wrong or were not requested"


def check_aborted(traffic, asked, cut):
    """Check aborted requests: the first are complete, one is cut short, the others move nothing; return the bursts."""
    first = len(traffic.asked) - len(asked)
    _, bursts = traffic.marks.get(first + cut, (0, len(traffic.memory.writes)))
    parts = []
    ended = False
    for request, (cause, *_) in zip(asked[:cut], traffic.statuses[:cut], strict=True):
        moved = expect(traffic, request, traffic.words_lost)
        assert cause in (moved.cause, ABORTED)
        assert not (ended and cause == 0), "a request completed after an aborted one"
        on_bus = [burst for burst in moved.bursts if burst[0] < 1 << CONFIG.addr_bits]
        least = len(on_bus) if cause == 0 else 0
        # An aborted request lacks its last burst, which may be one that does not reach the bus.
        most = 0 if ended else len(on_bus)
        if cause == ABORTED:
            most = min(most, max(0, len(moved.bursts) - 1))
        parts.append((on_bus, least, most))
        ended |= cause == ABORTED
    assert consumed(traffic.memory.writes[:bursts], parts), "the bursts are not the first of the bursts requested"
    traffic.next_word = traffic.words_lost
    return bursts


def expect(traffic, request, end):
    """Return the result of the model for the next request, with its words of the stream before word ``end``."""
    count = dma_model.word_count(request, word_bytes=CONFIG.word_bytes)
    start = traffic.next_word
    traffic.next_word += count
    words = traffic.words[start : min(start + count, end)]
    return expected_write(request, CONFIG, words + [0] * (count - len(words)), traffic.failing)
