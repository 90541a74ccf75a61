"""The gearbox of records: rows of bus words become the blocks that were packed into them."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.load import RecordGearbox
from tilewright.formats import FORMATS
from tilewright_sim.models.blocks import pack
from tilewright_sim.testbench import pysim

CONFIGS = {32: AcceleratorConfig.preset("nano"), 64: AcceleratorConfig.preset("small"),
           128: AcceleratorConfig.preset("base")}  # fmt: skip
FORMS = ("q4_1", "q8_0", "q8_e5m3", "mxfp4", "q4_0", "mxfp6_e2m3")
FLAGS = ("row_last", "last", "block_last", "long")
LONG_ROWS = ("q8_e5m3", 128), ("mxfp6_e2m3", 64)  # rows of 40 records, with more places of their first byte


def draw(form, records, rng):
    """The bytes of a row, and its blocks: codes lowest, then the scale, then the minimum."""
    codes = rng.integers(0, 1 << form.element.bits, (1, records, form.block))
    headers = rng.integers(0, 1 << form.scale.bits, (1 + form.minimum, 1, records))
    blocks = []
    for number in range(records):
        fields = [(int(code), form.element.bits) for code in codes[0, number]]
        fields += [(int(header[0, number]), form.scale.bits) for header in headers]
        block, first = 0, 0
        for value, bits in fields:
            block |= value << first
            first += bits
        blocks.append(block)
    return pack(form, codes, *headers)[0], blocks


def traffic(form, word_bytes, lengths, rng):
    """Bus words of rows of some lengths, and the blocks with their flags; what follows a row is random."""
    words, blocks = [], []
    for records in lengths:
        row, expected = draw(form, records, rng)
        count = -(-len(row) // word_bytes)
        filled = np.concatenate([row, rng.integers(0, 256, count * word_bytes - len(row), dtype=np.uint8)])
        flags = rng.integers(0, 2, (count, len(FLAGS)))
        flags[:, 0] = np.arange(count) == count - 1
        for number in range(count):
            data = int.from_bytes(filled[number * word_bytes : (number + 1) * word_bytes].tobytes(), "little")
            words.append({"data": data, **dict(zip(FLAGS, flags[number].tolist(), strict=True))})
        for number, block in enumerate(expected, start=1):
            at = (number * form.record_bytes - 1) // word_bytes
            blocks.append({"data": block, **dict(zip(FLAGS, flags[at].tolist(), strict=True))})
    return words, blocks


def check(name, bits, lengths, most_gap, rng):
    form = FORMATS[name]
    dut = RecordGearbox(CONFIGS[bits], form)
    words, blocks = traffic(form, bits // 8, lengths, rng)
    gaps = rng.integers(0, most_gap + 1, len(words)) * (rng.random(len(words)) < 0.5)
    limit = len(words) + int(gaps.sum()) + 30
    pysim.run(dut, pysim.feeder(dut.i, words, gaps.tolist()), pysim.checker(dut.o, blocks), limit_cycles=limit)


@pytest.mark.parametrize("bits", CONFIGS)
@pytest.mark.parametrize("name", FORMS)
def test_rows_become_their_blocks(name, bits):
    """With and without gaps between words; rows of a record or of many follow each other at once."""
    rng = np.random.default_rng([len(name), bits])
    lengths = [1, 1, 2, 3, *rng.integers(1, 12, 5).tolist(), *([40] if (name, bits) in LONG_ROWS else [])]
    check(name, bits, lengths, 0, rng)
    check(name, bits, lengths[::-1], 3, rng)


@pytest.mark.parametrize(("name", "bits"), [("q4_1", 128), ("mxfp6_e2m3", 128), ("q8_0", 32)])
def test_a_block_comes_a_cycle_after_the_bus_word_that_ends_it(name, bits):
    form = FORMATS[name]
    dut = RecordGearbox(CONFIGS[bits], form)
    words, blocks = traffic(form, bits // 8, [7, 3], np.random.default_rng(0))
    valid = []

    async def bench(ctx):
        valid.clear()
        for word in [*words, None]:
            ctx.set(dut.i.valid, word is not None)
            ctx.set(dut.i.payload, word or {})
            valid.append(ctx.get(dut.o.valid))
            await ctx.tick()

    pysim.run(dut, bench)
    row_words = -(-7 * form.record_bytes // (bits // 8))
    ends = [-(-number * form.record_bytes // (bits // 8)) for number in range(1, 8)]
    ends += [row_words + end for end in ends[:3]]
    assert [cycle for cycle, there in enumerate(valid) if there] == ends  # the word of number n comes in cycle n - 1
    assert len(ends) == len(blocks)


@pytest.mark.parametrize(("name", "reason"), [("nvfp4", "a record has 4 blocks"), ("int8", "fits in a bus word")])
def test_records_of_several_blocks_or_no_longer_than_a_bus_word_are_refused(name, reason):
    with pytest.raises(AssertionError, match=reason):
        RecordGearbox(CONFIGS[32], FORMATS[name])
