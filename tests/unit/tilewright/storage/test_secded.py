"""Check bits in hardware: against the golden model, all single and double flips."""

from itertools import combinations

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib.wiring import Component, In, Out

from tilewright.storage import SecdedLocator, WordCode
from tilewright_sim.models.secded import Secded
from tilewright_sim.testbench import pysim


class Storage(Component):
    """Encodes a word, flips some bits, and decodes it."""

    def __init__(self, bits, segment_bits=None):
        self.code = WordCode(bits, segment_bits)
        super().__init__({
            "i": In(unsigned(bits)),
            "flips": In(unsigned(self.code.code_bits)),
            "stored": Out(unsigned(self.code.code_bits)),
            "o": Out(unsigned(bits)),
            "located": Out(unsigned(bits)),
            "corrected": Out(1),
            "corrupt": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        code = self.code
        m.d.comb += self.stored.eq(code.encode(m, "checks", self.i, platform) ^ self.flips)
        syndrome = Signal(code.check_bits)
        m.d.comb += syndrome.eq(code.syndrome(m, "syndrome", self.stored, platform))
        right, corrected, corrupt = code.correct(m, "correct", self.stored[: code.bits], syndrome, platform)
        positions, groups, *_ = code.locate(m, "locate", syndrome, platform)
        m.d.comb += [
            self.o.eq(right),
            self.located.eq(self.stored[: code.bits] ^ (positions & groups)),
            self.corrected.eq(corrected),
            self.corrupt.eq(corrupt),
        ]
        return m


def run(dut, cases):
    """For each word and its flips: the stored word, both corrected words, and what was found."""
    results = []

    async def bench(ctx):
        for word, flips in cases:
            ctx.set(dut.i, word)
            ctx.set(dut.flips, flips)
            await ctx.delay(1e-9)
            ports = (dut.stored, dut.o, dut.located, dut.corrected, dut.corrupt)
            results.append(tuple(ctx.get(port) for port in ports))

    pysim.run(dut, bench)
    return results


def number(bits):
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


@pytest.mark.parametrize("bits", [6, 32, 41, pytest.param(64, marks=pytest.mark.long)])
def test_all_flips_of_one_and_two_bits(bits):
    dut, golden = Storage(bits), Secded(bits)
    data = np.random.default_rng(bits).integers(0, 2, bits, dtype=np.uint8)
    word, stored = number(data), number(golden.encode(data))
    size = golden.code_bits
    assert dut.code.code_bits == size
    singles = [1 << bit for bit in range(size)]
    doubles = [1 << first | 1 << second for first, second in combinations(range(size), 2)]
    results = run(dut, [(word, flips) for flips in [0, *singles, *doubles]])
    assert results[0] == (stored, word, word, 0, 0)
    for flips, result in zip(singles, results[1:], strict=False):
        assert result == (stored ^ flips, word, word, 1, 0)
    assert all(result[3:] == (0, 1) for result in results[1 + size :])


def test_each_segment_is_corrected_on_its_own():
    """One flip in each; a double one in any of them is reported, whatever is corrected in others."""
    dut = Storage(96, 32)
    word, code = 0x0123_4567_89AB_CDEF_F00F_5AA5, dut.code.code
    one_each = 1 << 3 | 1 << 40 | 1 << 96 + 2 * code.check_bits
    assert run(dut, [(word, one_each)])[0][1:] == (word, word, 1, 0)
    assert run(dut, [(word, one_each | 1 << 95)])[0][3:] == (0, 1)


def test_a_segment_that_does_not_divide_the_word_is_refused():
    with pytest.raises(ValueError, match="bits = 96 must be a multiple of segment_bits = 64"):
        WordCode(96)


def test_a_locator_that_ignores_a_letter_is_found(monkeypatch):
    """As if the second letter of the groups did not count: then more bits than the flipped one change."""

    def elaborate(self, platform):
        m = Module()
        letters = self.syndrome[self.code.size :]
        m.d.comb += self.groups.eq(sum(letters[first] << n for n, (first, _) in enumerate(self.code.groups)))
        return m

    monkeypatch.setattr(SecdedLocator, "elaborate", elaborate)
    with pytest.raises(AssertionError):
        test_all_flips_of_one_and_two_bits(32)
