"""Bench of `DmaReader` with a memory that checks every rule of the bus."""

import random

import cocotb

from tilewright.dma import DmaConfig

from . import setup
from .dma_requests import ABORTED, consumed, expected_read, random_request
from .dma_scenarios import REQUESTS, meet_aborts, meet_faults, meet_resets
from .dma_traffic import TIMINGS, ReadTraffic

CONFIG = setup.load(DmaConfig)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=list(TIMINGS))
async def reads_match_the_model(dut, timing):
    """Random requests with random pauses give the model's words in order, and the counters add up."""
    traffic = ReadTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32))
    await traffic.start()
    await traffic.clear_counters()
    traffic.asked += [random_request(traffic.chance, CONFIG) for _ in range(REQUESTS)]
    await traffic.all_done(len(traffic.asked))
    check(traffic, traffic.asked)
    traffic.check_counters()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=["prompt", "uneven"])
async def reports_faults_and_bus_errors_and_continues(dut, timing):
    """Empty, misaligned and wrapping requests, SLVERR and DECERR: each request ends with the status of the model."""
    await meet_faults(ReadTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True), check)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(timing=["prompt", "late", "uneven"])
async def recovers_from_aborts(dut, timing):
    """An abort in a random cycle ends the requests accepted before it, and does not affect those accepted after it."""
    await meet_aborts(ReadTraffic(dut, CONFIG, TIMINGS[timing], seed=random.getrandbits(32), failing=True), check)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def restarts_after_a_reset(dut):
    """A reset in a random cycle, with bursts and words in flight, clears all state."""
    await meet_resets(ReadTraffic(dut, CONFIG, TIMINGS["uneven"], seed=random.getrandbits(32)), check)


def check(traffic, asked, cut=0):
    """Compare words, statuses and bursts with the model's; the first ``cut`` requests were accepted before an abort."""
    first = len(traffic.asked) - len(asked)
    words, addresses = traffic.marks.get(first + cut, (len(traffic.words), len(traffic.memory.reads)))
    model = [expected_read(request, CONFIG, traffic.memory.contents, traffic.failing) for request in asked]
    check_aborted(traffic.words[:words], traffic.memory.reads[:addresses], traffic.statuses[:cut], model[:cut])
    model, statuses = model[cut:], traffic.statuses[cut:]
    assert traffic.words[words:] == [word for moved in model for word in moved.words]
    assert [status[:2] for status in statuses] == [(moved.cause, moved.address) for moved in model]
    for moved, (_, _, taken) in zip(model, statuses, strict=True):
        words += len(moved.words)
        assert taken >= words, "a status came before the last word was accepted"
    parts = []
    for moved in model:
        wanted = bus_addresses(moved)
        # After a failure, only the bursts already accepted may follow.
        most = min(len(wanted), moved.alive + CONFIG.outstanding + 1) if moved.alive else 0
        parts.append((wanted, moved.alive, most if moved.cause else len(wanted)))
    assert consumed(traffic.memory.reads[addresses:], parts), "bursts are missing or were not requested"


def check_aborted(words, addresses, statuses, model):
    """Check aborted requests: the first ones are complete, one is cut short, and the others move nothing."""
    parts, bursts = [], []
    ended = False
    for (cause, *_), moved in zip(statuses, model, strict=True):
        assert cause in (moved.cause, ABORTED)
        assert not (ended and cause == 0), "a request completed after an aborted one"
        count = len(moved.words)
        parts.append((moved.words, count if cause == 0 else 0, 0 if ended else count - (cause == ABORTED)))
        wanted = bus_addresses(moved)
        bursts.append((wanted, len(wanted) if cause == 0 else 0, len(wanted)))
        ended |= cause == ABORTED
    assert consumed(words, parts), "the words are not the first of the words requested"
    assert consumed(addresses, bursts), "bursts are missing or were not requested"


def bus_addresses(moved):
    """Return the bus addresses of a request's bursts, up to the end of the address space."""
    return [a // CONFIG.word_bytes * CONFIG.word_bytes for a, *_ in moved.bursts if a < 1 << CONFIG.addr_bits]
