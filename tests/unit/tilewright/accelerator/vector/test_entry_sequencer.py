"""Entries come in order, each as soon as what it reads is there, and never before."""

import random

import pytest
from unit.tilewright.accelerator.vector.interpreter import extent_of

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig
from tilewright.accelerator.vector.entry_sequencer import EntrySequencer
from tilewright.accelerator.vector.program.instructions import Extent
from tilewright_sim.testbench import pysim

DEPTH = 11
ELEMENTS, FOLD, WHOLE_PARTIALS, ROWS = Extent.ELEMENTS, Extent.FOLD, Extent.PARTIALS, Extent.ROWS


def run(lanes, offers, depth=DEPTH):
    """Offer instructions (extent, exchange, rows, elements, gap); return all entries and when each was offered."""
    config = AcceleratorConfig.preset("nano", vector_lanes=lanes)
    dut = EntrySequencer(config, depth)
    entries, offered, drained = [], [], []

    async def bench(ctx):
        for found in (entries, offered, drained):
            found.clear()
        now = 0
        for number, (extent, exchange, rows, elements, gap) in enumerate(offers):
            for _ in range(gap):
                *_, valid, empty = await ctx.tick().sample(dut.valid, dut.drained)
                assert not valid
                drained.append(empty)
                now += 1
            payload = dut.steps.payload
            ctx.set(payload.instruction.extent, extent)
            ctx.set(payload.instruction.exchange, exchange)
            for name, value in extent_of(rows, elements).items():
                ctx.set(payload[name], value)
            ctx.set(dut.steps.valid, 1)
            offered.append(now)
            accepted = False
            while not accepted:
                *_, valid, accepted, row, group, entry, empty = await ctx.tick().sample(
                    dut.valid, dut.steps.ready, dut.row, dut.group, dut.entry, dut.drained
                )
                if valid:
                    entries.append((now, number, group, row, entry))
                drained.append(empty)
                assert valid or not accepted
                now += 1
            ctx.set(dut.steps.valid, 0)

    pysim.run(dut, bench, limit_cycles=20_000)
    return entries, offered, drained


def expected(lanes, offers, offered, depth=DEPTH):
    """The same, as the docstring says."""
    entries = []
    first, last, in_order = -depth, -depth, False
    for number, (extent, exchange, rows, elements, _) in enumerate(offers):
        whole = extent in (ELEMENTS, FOLD)
        follows = whole and in_order and not exchange
        now = max(offered[number], last + 1, first + depth if follows else last + depth)
        for group in range(-(-elements // PARTIALS) if whole else 1):
            if extent == FOLD and group:
                now = max(now, first + depth)
            if extent == FOLD or group == 0:
                first = now
            for row in range(rows):
                for entry in range(1 if extent == ROWS else PARTIALS // lanes):
                    entries.append((now, number, group, row, entry))
                    last, now = now, now + 1
        in_order = extent == ELEMENTS
    return entries


def drawn(rng, lanes, count, gaps):
    """Instructions that fit into the registers."""
    offers = []
    for _ in range(count):
        rows = 1 << rng.randrange(lanes.bit_length())
        groups = lanes // rows
        extent = rng.choice([ELEMENTS, ELEMENTS, ELEMENTS, FOLD, WHOLE_PARTIALS, ROWS])
        exchange = rng.choice([0, 0, 0, 1, 6, 7]) if extent != ROWS else 0
        elements = rng.choice([1, PARTIALS * groups, rng.randint(1, PARTIALS * groups)])
        offers.append((extent, exchange, rng.randint(1, rows), elements, rng.choice(gaps)))
    return offers


@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("gaps", [(0,), (0, 0, 1, 5, 3 * DEPTH)], ids=["prompt", "late"])
def test_entries_come_as_soon_as_their_operands_are_there(lanes, gaps):
    offers = drawn(random.Random(lanes), lanes, 25, gaps)
    entries, offered, drained = run(lanes, offers)
    assert entries == expected(lanes, offers, offered)
    times = {now for now, *_ in entries}
    last = -DEPTH
    for now, empty in enumerate(drained):
        assert empty == (now - last >= DEPTH)
        last = now if now in times else last


def test_no_cycle_is_lost_between_instructions_of_many_entries():
    entries, *_ = run(4, [(ELEMENTS, 0, 1, 128, 0)] * 5)
    assert [now for now, *_ in entries] == list(range(5 * 32))


def test_short_instructions_wait_for_the_first_result():
    entries, *_ = run(16, [(ELEMENTS, 0, 1, 10, 0)] * 3)
    assert [now for now, *_ in entries] == [begin + entry for begin in (0, DEPTH, 2 * DEPTH) for entry in range(4)]


def test_a_fold_waits_for_its_partial_sums():
    entries, *_ = run(16, [(FOLD, 0, 2, 130, 0)])
    assert [now for now, *_ in entries] == [begin + entry for begin in (0, DEPTH, 2 * DEPTH) for entry in range(8)]
