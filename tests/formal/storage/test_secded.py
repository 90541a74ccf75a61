"""Proofs of the code: for every word and all flips of one and two bits."""

import pytest
from amaranth.hdl import Assert, Assume, Cat, ClockDomain, Const, Elaboratable, Module, Signal
from support.formal.prove import YICES, prove

from tilewright.storage import Secded, WordCode


class Flips(Elaboratable):
    """Any word with up to two flipped bits is corrected or reported."""

    def __init__(self, bits: int):
        self.domain = ClockDomain("sync")
        self.code = WordCode(bits)
        self.word = Signal(bits)
        self.first, self.second = Signal(self.code.code_bits), Signal(self.code.code_bits)

    @property
    def free(self):
        return self.word, self.first, self.second

    def elaborate(self, platform):
        m = Module()
        m.domains += self.domain
        code = self.code
        stored = Signal(code.code_bits)
        syndrome = Signal(code.check_bits)
        m.d.comb += stored.eq(code.encode(m, "checks", self.word, platform) ^ self.first ^ self.second)
        m.d.comb += syndrome.eq(code.syndrome(m, "syndrome", stored, platform))
        right, corrected, corrupt = code.correct(m, "correct", stored[: code.bits], syndrome, platform)
        one, two = self.first != 0, (self.second != 0) & (self.first != self.second)
        m.d.comb += [
            Assume((self.first & (self.first - 1)) == 0),
            Assume((self.second & (self.second - 1)) == 0),
            Assume(one | (self.second == 0)),
            Assume((self.second == 0) | two),
            Assert((right == self.word) | two),
            Assert(corrected == (one & ~two)),
            Assert(corrupt == two),
        ]
        return m


@pytest.mark.parametrize("bits", [12, 32])
def test_one_flip_is_corrected_and_two_are_reported(bits, tmp_path):
    proof = Flips(bits)
    prove(proof, tmp_path, free=proof.free, depth=1, engine=YICES)


def test_finds_a_code_without_the_check_bits_of_its_letters(tmp_path, monkeypatch):
    right = Secded.checks

    def positions_only(self, m, data, stored):
        found = right(self, m, data, stored)
        return Cat(found[: self.size], Const(0, self.check_bits - self.size))

    monkeypatch.setattr(Secded, "checks", positions_only)
    proof = Flips(12)
    with pytest.raises(AssertionError, match="Assert failed in top"):
        prove(proof, tmp_path, free=proof.free, depth=1, engine=YICES)
