"""Parts of the DMA engines: beat counter, aligners, request status, counters, word credits."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.dma import Cause, DmaConfig
from tilewright.dma.beat_counter import BeatCounter
from tilewright.dma.counters import DmaCounters
from tilewright.dma.read_aligner import ReadAligner
from tilewright.dma.request_status import RequestStatus
from tilewright.dma.word_credits import WordCredits
from tilewright.dma.write_aligner import WriteAligner
from tilewright_sim.testbench import pysim

ALIGNED = DmaConfig(data_bits=32, max_burst=4)
UNALIGNED = DmaConfig(data_bits=32, max_burst=4, unaligned=True)
GAPS = st.lists(st.integers(0, 4), max_size=12)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), GAPS)
@settings(max_examples=10, deadline=None)
def test_beat_counter_repeats_each_burst(lengths, gaps):
    counter = BeatCounter(ALIGNED)
    burst = {"address": 0, "shift": 0, "tail": 3, "row_last": 1, "last": 1, "cause": Cause.NONE}
    bursts = [burst | {"beats_less_1": n - 1, "address": 16 * k} for k, n in enumerate(lengths)]
    beats = [
        burst | {"address": 16 * k, "row_last": last, "last": last, "empty": 0, "failed": 0}
        for k, n in enumerate(lengths)
        for last in [0] * (n - 1) + [1]
    ]
    pysim.run(counter, pysim.feeder(counter.bursts, bursts), pysim.checker(counter.o, beats, gaps))


@pytest.mark.parametrize(("cause", "empty"), [(Cause.EMPTY, 1), (Cause.ABORTED, 1), (Cause.WRAPPED, 0)])
def test_beat_counter_gives_a_burst_without_beats_once(cause, empty):
    counter = BeatCounter(ALIGNED)
    burst = {"address": 4, "shift": 0, "tail": 0, "row_last": 1, "last": 1, "cause": cause}
    count = 1 if empty else 4
    beats = [
        burst | {"row_last": n == count - 1, "last": n == count - 1, "empty": empty, "failed": 1} for n in range(count)
    ]
    pysim.run(counter, pysim.feeder(counter.bursts, [burst | {"beats_less_1": 3}]), pysim.checker(counter.o, beats))


ROWS = [(0, 1), (0, 4), (0, 5), (1, 3), (1, 4), (3, 1), (3, 2), (3, 9), (2, 6), (2, 7), (0, 8)]


@pytest.mark.parametrize("config", [ALIGNED, UNALIGNED], ids=["aligned", "unaligned"])
@settings(max_examples=8, deadline=None)
@given(gaps_in=GAPS, gaps_out=GAPS)
def test_read_aligner_moves_rows_to_the_start_of_words(config, gaps_in, gaps_out):
    aligner = ReadAligner(config)
    chance = random.Random(1)
    beats, words = [], []
    for place, size in ROWS:
        shift = place if config.unaligned else 0
        lanes = chance.randbytes(-(-(shift + size) // 4) * 4)
        row = lanes[shift : shift + size]
        for start in range(0, len(lanes), 4):
            final = start + 4 >= len(lanes)
            value = int.from_bytes(lanes[start : start + 4], "little")
            where = {"shift": shift, "tail": (size - 1) % 4}
            beats.append(where | {"data": value, "blank": 0, "row_last": final, "last": final})
        for start in range(0, size, 4):
            final = start + 4 >= size
            word = int.from_bytes(row[start : start + 4], "little")
            words.append({"data": word, "row_last": final, "last": final})
    pysim.run(aligner, pysim.feeder(aligner.i, beats, gaps_in), pysim.checker(aligner.o, words, gaps_out))


@pytest.mark.parametrize("config", [ALIGNED, UNALIGNED], ids=["aligned", "unaligned"])
@settings(max_examples=8, deadline=None)
@given(gaps_in=GAPS, gaps_out=GAPS)
def test_write_aligner_places_rows_and_strobes_their_bytes_alone(config, gaps_in, gaps_out):
    aligner = WriteAligner(config)
    chance = random.Random(2)
    bursts, words, lanes = [], [], []
    for number, (place, size) in enumerate(ROWS):
        shift = place if config.unaligned else 0
        dropped = number % 4 == 3
        given_ = chance.randbytes(-(-size // 4) * 4)
        words += [int.from_bytes(given_[n : n + 4], "little") for n in range(0, len(given_), 4)]
        beats = -(-(shift + size) // 4)
        where = {"shift": shift, "tail": (size - 1) % 4, "row_last": 1, "dropped": dropped}
        bursts.append(where | {"beats_less_1": beats - 1})
        if not dropped:
            row = [None] * shift + list(given_[:size]) + [None] * (4 * beats - shift - size)
            lanes += [(row[4 * n : 4 * n + 4], n == beats - 1) for n in range(beats)]

    async def check(ctx):
        for number, (want, last) in enumerate(lanes):
            ctx.set(aligner.o.ready, 0)
            for _ in range(gaps_out[number] if number < len(gaps_out) else 0):
                await ctx.tick()
            ctx.set(aligner.o.ready, 1)
            valid = 0
            while not valid:
                _, _, valid, beat = await ctx.tick().sample(aligner.o.valid, aligner.o.payload)
            got = [beat.data >> 8 * n & 0xFF if beat.strobes >> n & 1 else None for n in range(4)]
            assert (got, beat.last) == (want, last), f"beat {number}"

    pysim.run(aligner, pysim.feeder(aligner.bursts, bursts), pysim.feeder(aligner.i, words, gaps_in), check)


STEP = {"cause": Cause.NONE, "address": 0, "closes": 0, "waits": 0}


def statuses(steps, *, leaves_after=None):
    """Give steps to a `RequestStatus`, one in two cycles; return the cycle and payload of each status."""
    request_status = RequestStatus(ALIGNED)
    seen = []

    async def bench(ctx):
        seen.clear()
        ctx.set(request_status.status.ready, 1)
        queue = list(steps)
        for cycle in range(2 * len(steps) + 20):
            step = queue.pop(0) if queue and cycle % 2 == 0 else None
            for name, value in (step or STEP).items():
                ctx.set(getattr(request_status, name), value)
            ctx.set(request_status.step, step is not None)
            ctx.set(request_status.planned, step is not None and step["closes"])
            ctx.set(request_status.leaves, cycle == leaves_after)
            _, _, valid, status = await ctx.tick().sample(request_status.status.valid, request_status.status.payload)
            if valid:
                seen.append((cycle, status.cause, status.address))
        assert not ctx.get(request_status.busy)

    pysim.run(request_status, bench)
    return seen


def test_request_status_keeps_the_first_failure_until_the_next_request():
    steps = [
        STEP | {"address": 1},
        STEP | {"address": 2, "cause": Cause.DECERR},
        STEP | {"address": 3, "cause": Cause.SLVERR},
        STEP | {"address": 4, "closes": 1},
        STEP | {"address": 5, "closes": 1},
    ]
    assert statuses(steps) == [(7, Cause.DECERR, 2), (9, Cause.NONE, 5)]


def test_request_status_waits_for_the_last_word():
    assert statuses([STEP | {"closes": 1, "waits": 1, "address": 8}], leaves_after=7) == [(8, Cause.NONE, 8)]
    assert statuses([STEP | {"closes": 1, "address": 8}]) == [(1, Cause.NONE, 8)]


def test_counters_give_every_cycle_one_cause():
    counters = DmaCounters(ALIGNED)
    chance = random.Random(3)
    names = ("beat", "waiting_stream", "busy", "burst", "clear")
    cycles = [{name: chance.random() < (0.4 if name != "clear" else 0.02) for name in names} for _ in range(200)]

    async def bench(ctx):
        want = dict.fromkeys(("beats", "bursts", "waiting_memory", "waiting_stream", "idle"), 0)
        for cycle in cycles:
            for name, value in cycle.items():
                ctx.set(getattr(counters, name), value)
            _, _, now = await ctx.tick().sample(counters.counters)
            assert {name: now[name] for name in want} == want
            causes = {"beats": "beat", "waiting_stream": "waiting_stream", "waiting_memory": "busy"}
            want[next((name for name, flag in causes.items() if cycle[flag]), "idle")] += 1
            want["bursts"] += cycle["burst"]
            if cycle["clear"]:
                want = dict.fromkeys(want, 0)

    pysim.run(counters, bench)


@pytest.mark.parametrize("flow", [0.2, 0.6, 1.0])
def test_word_credits_are_granted_soon_after_all_words_have_arrived(flow):
    """Bursts that are announced in the cycle before, as a row's first ones, and others, with pauses between them."""
    word_credits = WordCredits(ALIGNED)

    async def bench(ctx):
        chance = random.Random(int(10 * flow))
        there = waited = done = 0  # words before this cycle that no burst has claimed
        words = pause = None
        while done < 150:
            arrives = there < ALIGNED.write_buffer_words and chance.random() < flow
            begins = words is None and not pause and chance.random() < 0.5
            coming = chance.randint(1, 4) if words is None and not pause else None
            ctx.set(word_credits.arrived, arrives)
            ctx.set(word_credits.begins, begins)
            ctx.set(word_credits.row_words_less_1, coming - 1 if begins and coming < 4 else 20)
            ctx.set(word_credits.span_words_less_1, coming - 1 if begins else 0)
            ctx.set(word_credits.waiting, words is not None)
            ctx.set(word_credits.words_less_1, (words or 0) - 1)
            claim = words is not None and ctx.get(word_credits.granted) and chance.random() < 0.8
            ctx.set(word_credits.claim, claim)
            if words is not None:
                waited = waited + 1 if there >= words else 0
                assert waited < 12, "a burst is not granted whose words are there"
            if claim:
                assert there >= words, f"{words} words are claimed of {there}"
                there -= words
                done += 1
                words, pause, waited = None, chance.choice([0, 0, 1, 3]), 0
            elif words is None:
                words, pause = (coming, None) if not pause else (None, pause - 1)
            there += arrives
            await ctx.tick()

    pysim.run(word_credits, bench)
