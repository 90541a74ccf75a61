"""A code that corrects one flipped bit of a word and detects two."""

from functools import reduce
from itertools import combinations, islice
from operator import xor

from amaranth.hdl import Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

__all__ = ["Secded", "SecdedLocator", "SecdedSyndrome", "WordCode"]

SEGMENT_BITS = 64
"""Bits that share check bits, at most, unless a word has natural parts."""


class Secded:
    """The code: which check bits cover which data bits.

    Data bit i is at position ``i % size`` of group ``i // size``. Check bit p, one for each position, is the parity of
    the bits at that position in all groups. The others are one for each of a few letters; a group has two letters
    (the pairs in lexical order), and a letter's check bit is the parity of all groups that have it::

                       position 0 1 2 3
        group 0, letters a b  ─ ■ ■ ■ ■ ─► parity ─► a, b
        group 1, letters a c  ─ ■ ■ ■ ■ ─► parity ─► a, c
                                │ │ │ │
                                ▼ ▼ ▼ ▼
                                0 1 2 3   position checks

    A data bit is in three check bits, and no other bit is in the same three; so an error of one bit changes one or
    three of the recomputed check bits, of two bits a positive even number. Encoding takes about 0.7 LUTs per bit, as
    the parity of a group serves two letters; the bit to correct is found by an AND of three.

    Parameters
    ----------
    bits : int
        Data bits, at least 1.

    Attributes
    ----------
    size : int
        Data bits in a group.
    groups : list of tuple
        The two letters of each group.
    check_bits : int
        ``size`` positions, then the letters.
    """

    def __init__(self, bits: int):
        self.bits = bits
        self.size = 4 if bits <= 40 else 7
        count = -(-bits // self.size)
        letters = 2
        while letters * (letters - 1) // 2 < count:
            letters += 1
        self.groups = list(islice(combinations(range(letters), 2), count))
        self.check_bits = self.size + letters

    @property
    def code_bits(self) -> int:
        """Data and check bits."""
        return self.bits + self.check_bits

    def checks(self, m: Module, data: Value, stored: Value) -> Value:
        """The check bits of data, XOR stored ones; the parities of the groups become signals of ``m``."""
        groups = [data[low : low + self.size] for low in range(0, self.bits, self.size)]
        parities = []
        for number, group in enumerate(groups):
            parity = Signal(name=f"parity_{number}")
            m.d.comb += parity.eq(group.xor())
            parities.append(parity)
        terms = [[group[position] for group in groups if position < len(group)] for position in range(self.size)]
        terms += [
            [parity for parity, pair in zip(parities, self.groups, strict=True) if letter in pair]
            for letter in range(self.check_bits - self.size)
        ]
        return Cat(reduce(xor, some, check) for some, check in zip(terms, stored, strict=True))


class SecdedSyndrome(SharedComponent):
    """Recompute the check bits of a word that was read, and compare. Combinational.

    Parameters
    ----------
    bits : int
        Data bits of the code, see `Secded`.

    Members
    -------
    i : In(unsigned(code_bits))
        The word as it was read: data lowest, then check bits.
    o : Out(unsigned(check_bits))
        The check bits that are not what they should be.
    """

    def __init__(self, bits: int):
        self.code = Secded(bits)
        super().__init__({"i": In(unsigned(self.code.code_bits)), "o": Out(unsigned(self.code.check_bits))})

    def elaborate(self, platform):
        m = Module()
        bits = self.code.bits
        m.d.comb += self.o.eq(self.code.checks(m, self.i[:bits], self.i[bits:]))
        return m


class SecdedLocator(SharedComponent):
    """Say which bit of a word is flipped, from its syndrome. Combinational.

    Parameters
    ----------
    bits : int
        Data bits of the code, see `Secded`.

    Members
    -------
    syndrome : In(unsigned(check_bits))
        From `SecdedSyndrome`; its lowest bits say at which position of its group a data bit is flipped.
    groups : Out(unsigned(groups))
        In which groups. Like the position undefined if `corrupt`.
    corrected : Out(1)
        One bit, of the data or the check bits, is flipped; three or any other odd number look the same.
    corrupt : Out(1)
        Two bits are flipped, or a larger even number unless the result is another code word.
    """

    def __init__(self, bits: int):
        self.code = code = Secded(bits)
        super().__init__({
            "syndrome": In(unsigned(code.check_bits)),
            "groups": Out(unsigned(len(code.groups))),
            "corrected": Out(1),
            "corrupt": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        letters = self.syndrome[self.code.size :]
        m.d.comb += [
            self.groups.eq(Cat(letters[first] & letters[second] for first, second in self.code.groups)),
            self.corrected.eq(self.syndrome.xor()),
            self.corrupt.eq(self.syndrome.any() & ~self.syndrome.xor()),
        ]
        return m


class WordCode:
    """How a word of any width is stored: in segments of equal width, each with check bits of its own.

    The word is lowest, then come the check bits of its segments. The methods add logic to a module, as submodules
    whose names start with ``name``.

    Parameters
    ----------
    bits : int
        Of the word.
    segment_bits : int or None
        Bits of a segment; by default the whole word, or 64 bits of it.
    """

    def __init__(self, bits: int, segment_bits: int | None = None):
        self.bits = bits
        self.segment_bits = segment_bits or min(bits, SEGMENT_BITS)
        if bits % self.segment_bits:
            raise ValueError(f"bits = {bits} must be a multiple of segment_bits = {self.segment_bits}")
        self.segments = bits // self.segment_bits
        self.code = Secded(self.segment_bits)

    @property
    def check_bits(self) -> int:
        """Check bits of all segments; so many bits has a syndrome too."""
        return self.segments * self.code.check_bits

    @property
    def code_bits(self) -> int:
        """Bits of a word with its check bits."""
        return self.bits + self.check_bits

    def encode(self, m: Module, name: str, word: Value, platform) -> Value:
        """The word with its check bits."""
        zero = Const(0, self.code.check_bits)
        return Cat(word, self._checked(m, name, word, zero.replicate(self.segments), platform))

    def syndrome(self, m: Module, name: str, stored: Value, platform) -> Value:
        """The syndromes of the segments of a word that was read."""
        return self._checked(m, name, stored[: self.bits], stored[self.bits :], platform)

    def _checked(self, m: Module, name: str, word: Value, checks: Value, platform) -> Value:
        found = []
        for number in range(self.segments):
            part = place(m, f"{name}_{number}", SecdedSyndrome(self.segment_bits), platform)
            check = checks.word_select(number, self.code.check_bits)
            m.d.comb += part.i.eq(Cat(word.word_select(number, self.segment_bits), check))
            found.append(part.o)
        return Cat(found)

    def locate(self, m: Module, name: str, syndrome: Value, platform) -> tuple[Value, Value, Value, Value]:
        """Two vectors that are both 1 at the flipped bits of the word; and the last two results of `correct`."""
        parts, flips = [], []
        for number in range(self.segments):
            part = place(m, f"{name}_{number}", SecdedLocator(self.segment_bits), platform)
            m.d.comb += part.syndrome.eq(syndrome.word_select(number, self.code.check_bits))
            flips += [
                (part.syndrome[bit % self.code.size], part.groups[bit // self.code.size])
                for bit in range(self.segment_bits)
            ]
            parts.append(part)
        positions, groups = (Cat(some) for some in zip(*flips, strict=True))
        corrupt = Cat(part.corrupt for part in parts).any()
        return positions, groups, Cat(part.corrected for part in parts).any() & ~corrupt, corrupt

    def correct(self, m: Module, name: str, word: Value, syndrome: Value, platform) -> tuple[Value, Value, Value]:
        """The word, whether bits of it were corrected and none is corrupt, and whether any is corrupt."""
        positions, groups, corrected, corrupt = self.locate(m, name, syndrome, platform)
        return word ^ (positions & groups), corrected, corrupt
