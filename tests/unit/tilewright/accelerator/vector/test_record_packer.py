"""Bytes that come a few at a time leave as words, each row in words of its own."""

import random

import pytest

from tilewright.accelerator.vector.results.record_packer import RecordPacker
from tilewright_sim.testbench import pysim


@pytest.mark.parametrize(("part_bytes", "word_bytes"), [(2, 4), (2, 8), (4, 16), (8, 32)])
def test_rows_of_any_length_leave_in_whole_words(part_bytes, word_bytes):
    rng = random.Random(word_bytes)
    rows = [
        rng.randbytes(length) for length in [1, word_bytes, word_bytes + 1, *(rng.randrange(1, 90) for _ in range(40))]
    ]
    want = []
    for row in rows:
        padded = row + bytes(-len(row) % word_bytes)
        want += [padded[place : place + word_bytes] for place in range(0, len(padded), word_bytes)]
    packer = RecordPacker(part_bytes, word_bytes)
    found = []

    async def feed(ctx):
        for row in rows:
            place = 0
            while place < len(row):
                part = row[place : place + rng.randint(1, part_bytes)]
                place += len(part)
                ctx.set(packer.valid, 1)
                ctx.set(packer.data, int.from_bytes(part, "little"))
                ctx.set(packer.count, len(part))
                ctx.set(packer.row_last, place == len(row))
                await ctx.tick()
                ctx.set(packer.valid, 0)
                if place == len(row) or rng.random() < 0.2:
                    await ctx.tick()
        await ctx.tick().repeat(2)

    async def take(ctx):
        found.clear()
        while True:
            *_, valid, word = await ctx.tick().sample(packer.word_valid, packer.word)
            if valid:
                found.append(word.to_bytes(word_bytes, "little"))

    pysim.run(packer, feed, background=[take], limit_cycles=5000)
    assert found == want
