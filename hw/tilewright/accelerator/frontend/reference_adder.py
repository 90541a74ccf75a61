"""Adds variables to the fields of a descriptor that refer to them."""

from typing import NamedTuple

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, REFERENCE_BITS, AcceleratorConfig
from tilewright.accelerator.registers import DESCRIPTOR, REFERABLE
from tilewright.base import SharedComponent, registered, wired

__all__ = ["ReferenceAdder"]


class _Word(NamedTuple):
    """A word of a field, by its number; and the numbers of the field's first and last."""

    number: int
    first: int
    last: int

    @property
    def begins(self) -> bool:
        return self.number == self.first

    @property
    def ends(self) -> bool:
        return self.number == self.last


def _words() -> list[_Word]:
    """Return the words of the fields that can refer to a variable, the low word of each first."""
    found = []
    for field in (field for field in DESCRIPTOR if field.name in REFERABLE):
        first = field.offset // 4
        last = first + field.bits // 32 - 1
        found += [_Word(number, first, last) for number in range(first, last + 1)]
    return found


class ReferenceAdder(SharedComponent):
    """Rewrite the fields of a descriptor that refer to variables.

    A field refers to a variable if its top bit is 1: the 7 bits below it are the variable's number, and all others are
    added to its value. A reference to a variable that there is not stays as it is, as does a size whose sum has more
    than 32 bits: both are over the limit of the field. The words pass one after the other::

        text ──► word of a step ────────────────►│operand│───► + ──► data
           └───► top byte of its field ─► variables ─►│variable│─┘└─► carry, for the field's next word

    One word a cycle, from the cycle after `start`; `done` is 1 `latency` cycles after `start`, in the cycle after the
    last word has been written.

    Parameters
    ----------
    config : AcceleratorConfig
        With `variables`.

    Attributes
    ----------
    words : list
        What can be rewritten.
    latency : int
        2 more than there are words, which are 9.

    Members
    -------
    start : In(1)
        Begin with the descriptor that is in `text`; not before `done` of the one before.
    text : In(512)
        The descriptor. It must change only by what is written here, from `start` to `done`.
    variables : In(32 * config.variables)
        The values of the variables, number 0 lowest.
    write : Out(1)
        In this cycle the word `word` of the descriptor is to become `data`.
    word : Out(4)
        Number of a 32-bit word.
    data : Out(32)
        The new value of that word. Valid with `write`.
    done : Out(1)
        All words have been written. For one cycle.
    """

    words = _words()
    latency = len(words) + 2

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "start": In(1),
            "text": In(8 * DESCRIPTOR_BYTES),
            "variables": In(32 * config.variables),
            "write": Out(1),
            "word": Out(4),
            "data": Out(32),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        words = self.words
        step = Signal(range(len(words) + 1), init=len(words))  # the word that is taken in this cycle
        takes = Signal()
        m.d.comb += takes.eq(step != len(words))
        with m.If(takes):
            m.d.sync += step.eq(step + 1)
        with m.Elif(self.start):
            m.d.sync += step.eq(0)
        ended = registered(m, "ended", step == len(words) - 1)
        m.d.sync += self.done.eq(ended)

        top = wired(m, "top", Array(self._text(word.last)[-REFERENCE_BITS:] for word in words)[step])
        number = top[:-1]
        refers = registered(m, "refers", takes & top[-1] & (number < self.config.variables))
        operand = registered(m, "operand", Array(self._offset(word) for word in words)[step])
        variables = Array(self.variables.word_select(n, 32) for n in range(self.config.variables))
        variable = registered(m, "variable", variables[number])
        begins = registered(m, "begins", Array(Const(word.begins, 1) for word in words)[step])
        alone = registered(m, "alone", Array(Const(word.begins and word.ends, 1) for word in words)[step])
        m.d.sync += self.word.eq(Array(Const(word.number, 4) for word in words)[step])

        carry = Signal()
        total = Signal(33)
        m.d.comb += total.eq(operand + Mux(begins, variable, carry))
        m.d.sync += carry.eq(total[-1])
        m.d.comb += self.data.eq(total)
        m.d.comb += self.write.eq(refers & ~(alone & total[-1]))
        return m

    def _text(self, number: int) -> Value:
        return self.text.word_select(number, 32)

    def _offset(self, word: _Word) -> Value:
        """The word without the bits that say to what its field refers."""
        text = self._text(word.number)
        return text[:-REFERENCE_BITS] if word.ends else text
