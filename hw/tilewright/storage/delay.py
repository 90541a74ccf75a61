"""Registers in a row: the same delay for a whole word, or one more cycle for each group of it."""

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place


class DelayLine(SharedComponent):
    """Delay a word by a number of cycles: ``o(t + cycles) = i(t)``. Not reset.

    Parameters
    ----------
    bits : int
    cycles : int
        At least 1.

    Members
    -------
    i : In(unsigned(bits))
        A word in each cycle.
    o : Out(unsigned(bits))
        The word of ``cycles`` cycles before.
    """

    def __init__(self, bits: int, cycles: int):
        self.bits = bits
        self.cycles = cycles
        super().__init__({"i": In(unsigned(bits)), "o": Out(unsigned(bits))})

    def elaborate(self, platform):
        m = Module()
        word = self.i
        for cycle in range(self.cycles):
            stage = Signal(self.bits, name=f"stage_{cycle + 1}", reset_less=True)
            m.d.sync += stage.eq(word)
            word = stage
        m.d.comb += self.o.eq(word)
        return m


def delayed(m: Module, name: str, word: Value, cycles: int, platform: object) -> Value:
    """The word of ``cycles`` cycles before, by a `DelayLine` with this name; the word itself for 0."""
    if not cycles:
        return word
    line = place(m, name, DelayLine(len(word), cycles), platform)
    m.d.comb += line.i.eq(word)
    return line.o


class Skew(SharedComponent):
    """Delay group g of a word by ``skew_cycles(g)`` cycles, so that it meets the partial sum from above.

    ::

        group 0 ───────────────────────►
        group 1 ───────────────────────►      the first element adds nothing, so has no register
        group 2 ──│ │──────────────────►
        group 3 ──│ │──│ │─────────────►

    Not reset.

    Parameters
    ----------
    groups, bits : int
        Groups in the word, and bits of each.

    Members
    -------
    i : In(unsigned(groups * bits))
        A word in each cycle, group 0 in the lowest bits.
    o : Out(unsigned(groups * bits))
        Group g of the word of ``skew_cycles(g)`` cycles before, group 0 in the lowest bits.
    """

    def __init__(self, groups: int, bits: int):
        self.groups = groups
        self.bits = bits
        super().__init__({"i": In(unsigned(groups * bits)), "o": Out(unsigned(groups * bits))})

    def elaborate(self, platform):
        m = Module()
        delayed = []
        for group in range(self.groups):
            word = self.i.word_select(group, self.bits)
            for cycle in range(skew_cycles(group)):
                stage = Signal(self.bits, name=f"group_{group}_stage_{cycle + 1}", reset_less=True)
                m.d.sync += stage.eq(word)
                word = stage
            delayed.append(word)
        m.d.comb += self.o.eq(Cat(delayed))
        return m


def skew_cycles(group: int) -> int:
    """Cycles by which a group's operands run behind those of group 0."""
    return max(0, group - 1)
