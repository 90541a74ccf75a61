"""The arithmetic of the epilogue, for a group of sums in every cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import MAGNITUDE, RESULT, SHIFT_BITS, format_shape
from tilewright.base import SharedComponent, place
from tilewright.storage import DelayLine

from .requant_lane import RequantLane

__all__ = ["Requantizer"]


FLIPS = ("flip_positions", "flip_groups")
MOVED = signed(RESULT.bits + 2)
"""A result before it is clamped: both the zero point and what is added to it are at most 2**8."""


class Requantizer(SharedComponent):
    """Add biases or an old C to sums, and requantize them to int8 or pass them on as int32.

    As `tilewright_sim.models.gemm.requantize` computes it. Nothing stalls: the result of cycle t's inputs is in cycle
    ``t + latency``, raw or not. Throughput is 1 group of `lanes` sums per cycle::

        sums, addends, multipliers, shifts ──► lanes ──► + zero point, or total ──│ │──► clamp ──│o│──►

    Parameters
    ----------
    lanes : int
    rounding : str
        ``both``, ``single`` or ``double``, as in `AcceleratorConfig`.
    flips : bool
        Bits of the sums can be flipped.

    Members
    -------
    flip_positions, flip_groups : In(unsigned(lanes * 32))
        Where both are 1, the bit of `sums` is wrong; only with `flips`.
    sums, addends : In(unsigned(lanes * 32))
        An int32 for each lane, lane 0 lowest. All inputs of a group come in the same cycle.
    add : In(1)
        Add the addends; otherwise zero.
    multipliers : In(unsigned(lanes * 31))
        A multiplier for each lane, in units of ``2**-31``, lane 0 lowest.
    shifts : In(unsigned(lanes * 6))
        The lowest 6 bits of each lane's shift, which is -31 to 30; lane 0 lowest.
    format : In(format_shape(rounding))
        ``requant``: the result is an int8, made with this zero point and these clamp limits, and rounded twice if
        ``double``; otherwise they are ignored.
    o : Out(unsigned(lanes * 32))
        The results, lane 0 lowest: of each lane the total, an int32; with ``requant`` an int8 in its lowest byte, and
        undefined bits above.
    """

    def __init__(self, lanes: int, rounding: str = "single", flips: bool = False):
        self.lanes = lanes
        self.rounding = rounding
        self.flips = flips
        flip_ports = {name: In(lanes * 32) for name in FLIPS} if flips else {}
        super().__init__({
            **flip_ports,
            "sums": In(unsigned(lanes * 32)),
            "addends": In(unsigned(lanes * 32)),
            "add": In(1),
            "multipliers": In(unsigned(lanes * 31)),
            "shifts": In(unsigned(lanes * SHIFT_BITS)),
            "format": In(format_shape(rounding)),
            "o": Out(unsigned(lanes * 32)),
        })

    @staticmethod
    def latency_of(rounding: str) -> int:
        """Cycles from a group to its results."""
        return RequantLane.latency_of(rounding) + 2

    @property
    def latency(self) -> int:
        """Cycles from a group to its results."""
        return self.latency_of(self.rounding)

    def elaborate(self, platform):
        m = Module()
        formats = place(m, "format_to_scaled", DelayLine(len(self.format.as_value()), self.latency - 2), platform)
        m.d.comb += formats.i.eq(self.format)
        shape = format_shape(self.rounding)
        scaled = data.View(shape, formats.o)
        # Nothing is beyond the bounds of a raw result.
        raw = ~scaled.requant
        maximum = Signal(MOVED, reset_less=True)
        minimum = Signal(MOVED, reset_less=True)
        m.d.sync += [
            maximum.eq(Mux(raw, (1 << MOVED.width - 1) - 1, scaled.maximum)),
            minimum.eq(Mux(raw, -(1 << MOVED.width - 1), scaled.minimum)),
        ]
        for number in range(self.lanes):
            lane = place(m, f"lane_{number}", RequantLane(self.rounding, self.flips), platform)
            m.d.comb += [
                lane.sum.eq(self.sums.word_select(number, 32)),
                lane.addend.eq(self.addends.word_select(number, 32)),
                lane.add.eq(self.add),
                lane.multiplier.eq(self.multipliers.word_select(number, 31)),
                lane.shift.eq(self.shifts.word_select(number, SHIFT_BITS)),
                lane.double.eq(self.format.double),
            ]
            if self.flips:
                m.d.comb += [getattr(lane, name).eq(getattr(self, name).word_select(number, 32)) for name in FLIPS]
            total = place(m, f"total_{number}", DelayLine(32, self.latency - 3), platform)
            m.d.comb += total.i.eq(lane.total)
            # The lowest bits are there for the carry.
            signed_magnitude = Cat(lane.carry, lane.magnitude ^ lane.negative.replicate(MAGNITUDE), lane.negative)
            with_offset = ((Cat(1, scaled.zero_point).as_signed() + signed_magnitude.as_signed()) >> 1)[: MOVED.width]
            moved = Signal(MOVED, name=f"moved_{number}", reset_less=True)
            upper = Signal(32 - RESULT.bits, name=f"upper_{number}", reset_less=True)
            m.d.sync += [
                moved.eq(Mux(raw, total.o[: RESULT.bits], with_offset)),
                upper.eq(total.o[RESULT.bits :]),
            ]
            # The sign of a difference is a sum of the carry chain; a comparison needs logic behind it.
            above, below = (maximum - moved)[-1], (moved - minimum)[-1]
            byte = Mux(above, maximum, Mux(below, minimum, moved))[: RESULT.bits]
            result = Signal(32, name=f"result_{number}", reset_less=True)
            m.d.sync += result.eq(Cat(byte, upper))
            m.d.comb += self.o.word_select(number, 32).eq(result)
        return m
