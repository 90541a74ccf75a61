"""From an accumulator to a float of 32 bits."""

from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.base import SharedComponent, registered
from tilewright.formats import ACCUMULATOR_BITS, EXPONENT_STEP, guard_bits

from .config import BlockTileConfig, accumulator_shape

__all__ = ["Float32Lane"]

_DIGITS = 24
"""Bits of the significand of a normal number, with the hidden one."""
_LEAST = -149
"""Exponent of the lowest bit of a subnormal number."""
_INFINITE = 254
"""An exponent field, less the hidden one, from which on the number is infinite."""
_FINE = 4  # bits of a shift after the first, which is by a multiple of 16
_WIDTH = ACCUMULATOR_BITS - 1  # of a value without its sign
_EMPTY = -32  # a room with which every value is rounded to 0: below -25, and a multiple of 16
_KEPT = _DIGITS + (1 << _FINE)  # bits that a fine shift can move into the result, or just below it


class Float32Lane(SharedComponent):
    """Round accumulators to IEEE 754 binary32, as `tilewright_sim.models.block_gemm.to_float32` does; nothing stalls.

    To nearest, ties to even, once; subnormal or infinite where the number is out of range, 0x7FC00000 (NaN) if it is
    `invalid`. The number 0 is +0; one that is rounded to 0 keeps its sign. Throughput is 1 per cycle, latency
    `LATENCY` cycles; not reset::

        cycle     0                   1               2                3                    4
        value ────┬───────────── │ │─► by 16s ─ │ │─► by 8, 4 ─ │ │─► by 2, 1, invert ─ │ │─► round ─► add ─ │o│
                  └► equal bits ─│ │    ▼       │ │      ▼      │ │       ▼             │ │             ▲
        exponent ───► room ───── │ │─► minus ── │ │─► minus ─── │ │─► minus ─────────── │ │─────────────┘

    The value is shifted left until its highest bit differs from its sign. Its *room* is how far it may be shifted
    until the result's lowest bit is that of subnormal numbers; negative, it must be shifted right. What is left of the
    room is the exponent field, less the hidden one. Bits below the result are gathered in one, `sticky`. A negative
    value is inverted, and the 1 that is missing to its magnitude is a part of the rounding.

    What the exponents of the two formats cannot reach (subnormal or infinite results) takes no logic.

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    i : In(accumulator_shape(config))
        An accumulator in each cycle.
    o : Out(32)
        The bits of its float, `LATENCY` cycles later.
    """

    LATENCY = 5

    def __init__(self, config: BlockTileConfig):
        self.config = config
        super().__init__({"i": In(accumulator_shape(config)), "o": Out(32)})

    @property
    def rooms(self) -> tuple[int, int]:
        """The least and the largest room of an accumulator."""
        a, b = self.config.a, self.config.b
        units = -guard_bits(a, b) - a.element.fraction_bits - b.element.fraction_bits
        low, high = (EXPONENT_STEP * exponent + units for exponent in self.config.exponent_range)
        above = _WIDTH - _DIGITS - _LEAST
        return low + above, high + above

    def elaborate(self, platform):
        m = Module()
        register = partial(registered, m)

        tight = self.rooms[0] < _WIDTH  # a result may be subnormal
        value = register("value", self.i.value)
        equal = [register(f"equal_{bits}", _equals_sign(self.i.value, bits)) for bits in (16, 32)]
        room = register("room_1", self._room())
        invalid = register("invalid_1", self.i.invalid)

        coarse = Cat(equal[0] & ~equal[1], equal[1])
        limit: Value = Const(15)
        if tight:
            most, wanted = room >> _FINE, Mux(equal[1], 2, equal[0])
            coarse = Mux(most < wanted, most, wanted)[:3].as_signed()
            # Where the value and not the room has limited the first shift, the value limits the second one, too.
            limit = register("limit_2", room[:_FINE] | (most > wanted).replicate(_FINE))
        word = register("word_2", _shifted(value, coarse, tight))
        room = register("room_2", (room - (coarse << _FINE))[: self.rooms[1].bit_length()])
        negative = register("negative_2", value[-1])
        invalid = register("invalid_2", invalid)

        word, by_8, limit = _step(word, 8, negative, limit)
        word, by_4, limit = _step(word, 4, negative, limit)
        word = register("word_3", word)
        limit = register("limit_3", limit) if tight else limit
        room = register("room_3", (room - (Cat(by_4, by_8) << 2))[: len(room)])
        negative = register("negative_3", negative)
        invalid = register("invalid_3", invalid)

        word, by_2, limit = _step(word, 2, negative, limit)
        word, by_1, limit = _step(word, 1, negative, limit)
        digits = word[1:] ^ negative.replicate(_DIGITS + 1)
        # A number without a hidden one is subnormal, and no room is left, or it is 0, and some may be left.
        field = register("field", Mux(digits[-1], (room - Cat(by_1, by_2))[: len(room)], 0))
        digits = register("digits", digits)
        sticky = register("sticky", word[0])
        negative = register("negative_4", negative)
        invalid = register("invalid_4", invalid)

        half, last = digits[0], digits[1]
        up = Mux(negative, half | (last & ~sticky), half & (last | sticky))
        exponent = Cat(field, Const(0, 8))[:8]
        total = Cat(digits[1:_DIGITS], exponent) + Cat(up, Const(0, _DIGITS - 2), digits[_DIGITS])
        special = invalid | (field >= _INFINITE) if self.rooms[1] >= _INFINITE else invalid
        infinite = Cat(Const(0, _DIGITS - 2), invalid, Const(255, 8))
        m.d.comb += self.o.eq(
            Cat(register("magnitude", Mux(special, infinite, total[:31])), register("sign", negative & ~invalid))
        )
        return m

    def _room(self) -> Value:
        """The room of the accumulator, but no less than `_EMPTY`."""
        low, high = self.rooms
        room = (self.i.exponent << exact_log2(EXPONENT_STEP)) + (low - EXPONENT_STEP * self.config.exponent_range[0])
        if low < _EMPTY:
            least = self.config.exponent_range[0] - (low - _EMPTY) // EXPONENT_STEP
            room = Mux(self.i.exponent < least, _EMPTY, room)
        return room[: high.bit_length()] if low >= 0 else room[: high.bit_length() + 1].as_signed()


def _equals_sign(value: Value, bits: int) -> Value:
    """So many bits below the sign are equal to it."""
    return ~(value[-bits - 1 : -1] ^ value[-1].replicate(bits)).any()


def _shifted(value: Value, coarse: Value, tight: bool) -> Value:
    """The value shifted left by ``16 * coarse``, and below its upper bits one that says if any other bit is 1."""
    word = Mux(coarse[0], _moved(value, 16), _moved(value, 0))
    word = Mux(coarse[1], _moved(value, 32), word)
    if tight:
        word = Mux(coarse[2], Mux(coarse[0], _moved(value, -16), _moved(value, -32)), word)
    return word


def _moved(value: Value, left: int) -> Value:
    """The same by a fixed distance."""
    lowest = _WIDTH - _KEPT - left
    if lowest < 0:
        return Cat(Const(0, 1 - lowest), value)[: _KEPT + 1]
    return Cat(value[:lowest].any(), value[lowest:], value[-1].replicate(_KEPT))[: _KEPT + 1]


def _step(word: Value, distance: int, negative: Value, limit: Value) -> tuple[Value, Value, Value]:
    """Shift a word left unless a bit is lost that differs from its sign, or the limit is less; drop as many bits.

    Return the word, with the lower bits gathered in its lowest; whether it was shifted; and the limit of what follows.
    """
    within = limit[-1]
    shifts = ~(word[-distance:] ^ negative.replicate(distance)).any() & within
    moved = Mux(shifts, word[:-distance], Cat(word[: distance + 1].any(), word[distance + 1 :]))
    rest = limit[:-1]
    return moved, shifts, rest | (within & ~shifts).replicate(len(rest))
