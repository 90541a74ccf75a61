"""Cycle accounting for every engine, with all totals in one memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.registers import counters_of, engines_of
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

__all__ = ["ActivityCounters", "CycleCounter"]

TALLY_BITS = 5


class ActivityCounters(SharedComponent):
    """Count cycles, each cause of each engine, and words on the bus: 32 bits each, as `counters_of` lists them.

    What happens in a cycle goes into small tallies, one for each counter. A round visits them one after the other,
    adds what each holds to its total in a memory, and starts it again, without missing a cycle::

        activities ──►│tallies│──► select ──►│code│──► binary ──►│delta│──►│addend│──► + ──►│value│──┬──►
                                                                               ┌──►              │
                                       ┌──►│memory│──►│q│──► 0 if cleared ──►│total│              │
                                       └──────────────────────────────────────────────────────────┘

    A round takes as many cycles as there are counters, 23, or 28 with a vector engine. A counter is given when the
    round next passes, `done` being 4 to 26 (31) cycles after the request, and holds everything up to two cycles before
    the request. As all causes of an engine and ``cycles`` are counted in the very same cycles, those with `counting`,
    they add up when read while nothing is counted. A clear acts at once on all counters, in the midst of counting too.

    A tally is a shift register with feedback (x⁵ + x³ + 1), which counts to 30 with no carry: it takes a third of the
    LUTs of a binary counter. A table turns its state into a number.

    Parameters
    ----------
    config : AcceleratorConfig
        Which counters there are.

    Members
    -------
    activity_load_a, activity_load_b, activity_execute, activity_store, activity_vector : In(Activity)
        What each engine does in this cycle; the last only with `vector_lanes`.
    counting : In(1)
        Count this cycle, and the engines' activities in it.
    read_word, write_word : In(1)
        The bus has delivered, or taken, a word.
    clear : In(1)
        All counters are 0 in the next cycle, but for an event in the cycle before this one.
    request : In(1)
        The counter `slot` is to be read; both stay until `done`, and `request` falls at most 20 cycles later.
    slot : In(range(32))
        Index of the counter in `counters_of`.
    done : Out(1)
        For one cycle: `value` is the counter.
    value : Out(unsigned(32))
        The counter, modulo ``2**32``; valid only while `done`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.names = counters_of(config)
        self.engines = engines_of(config)
        assert len(self.names) < 1 << TALLY_BITS, "a round must be shorter than the range of a tally"
        super().__init__(
            {f"activity_{engine}": In(Activity) for engine in self.engines}
            | {
                "counting": In(1),
                "read_word": In(1),
                "write_word": In(1),
                "clear": In(1),
                "request": In(1),
                "slot": In(range(1 << TALLY_BITS)),
                "done": Out(1),
                "value": Out(unsigned(32)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        slots = len(self.names)

        # `visit` has one 1, at the counter that is visited; `slot` is its number.
        visit = Signal(slots, init=1)
        slot = Signal(range(slots))
        m.d.sync += visit.eq(visit.rotate_left(1))
        m.d.sync += slot.eq(slot + 1)
        with m.If(visit[-1]):
            m.d.sync += slot.eq(0)

        # After a clear, the next total of each counter is left out.
        fresh = Signal(3, init=0b001)
        cleared = Signal(range(slots), init=slots - 1)  # where the round was
        m.d.sync += fresh.eq(Cat(fresh[0] & (slot != cleared), fresh))
        with m.If(self.clear):
            m.d.sync += fresh[0].eq(1)
            m.d.sync += cleared.eq(slot)

        # Bit n of `states[b]` is bit b of the state of tally n.
        events = Cat(self._events(m))
        restart = visit | self.clear.replicate(slots)
        states = [Signal(slots, name=f"states_{bit}") for bit in range(TALLY_BITS)]
        fed_back = [~(states[4] ^ states[2]), *states[:-1]]
        for bit, (state, stepped) in enumerate(zip(states, fed_back, strict=True)):
            first = events if bit == 0 else 0  # the code of 1 is 1
            m.d.sync += state.eq((restart & first) | (~restart & ((events & stepped) | (~events & state))))

        # Visited in cycle 0; the code is there in cycle 1, its number in 2, with the total in 3, the sum in 4.
        code = Signal(TALLY_BITS)
        delta = Signal(TALLY_BITS)
        addend = Signal(TALLY_BITS)
        m.d.sync += code.eq(Cat((state & visit).any() for state in states))
        m.d.sync += addend.eq(delta)
        with m.Switch(code):
            for number, state in enumerate(tally_codes()):
                with m.Case(state):
                    m.d.sync += delta.eq(number)
        totals = place(m, "totals", BlockMemory(32, 1 << TALLY_BITS), platform)
        total = Signal(32)
        m.d.comb += totals.fetch.eq(1)
        m.d.comb += totals.read_row.eq(slot)
        m.d.comb += totals.take.eq(1)
        m.d.sync += total.eq(Mux(fresh[2], 0, totals.q))
        m.d.sync += self.value.eq(total + addend)
        row = slot
        for age in range(1, 5):
            row, before = Signal(range(slots), name=f"slot_{age}"), row
            m.d.sync += row.eq(before)
        m.d.comb += totals.write.eq(1)
        m.d.comb += totals.write_row.eq(row)
        m.d.comb += totals.data.eq(self.value)

        found = Signal(3)
        m.d.sync += Cat(found, self.done).eq(Cat(self.request & (self.slot == slot), found))
        return m

    def _events(self, m: Module) -> list:
        """The events of the cycle before, one for each counter."""
        counted = Signal()
        m.d.sync += counted.eq(self.counting)
        events = {"cycles": counted}
        for engine in self.engines:
            activity = Signal(Activity, name=f"activity_{engine}_before")
            m.d.sync += activity.eq(getattr(self, f"activity_{engine}"))
            for name, cause in Activity.__members__.items():
                events[f"{engine}_{name.lower()}"] = counted & (activity == cause)
        for word in ("read_word", "write_word"):
            moved = Signal(name=f"{word}_before")
            m.d.sync += moved.eq(getattr(self, word))
            events[f"{word}s"] = moved
        return [events[name] for name in self.names]


class CycleCounter(SharedComponent):
    """Count cycles only.

    Members
    -------
    counting : In(1)
        Count this cycle, unless `clear` is 1.
    clear : In(1)
        `value` is 0 in the next cycle.
    value : Out(unsigned(32))
        Cycles counted since `clear` or reset, modulo ``2**32``. From a register.
    """

    def __init__(self):
        super().__init__({"counting": In(1), "clear": In(1), "value": Out(unsigned(32))})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.counting):
            m.d.sync += self.value.eq(self.value + 1)
        with m.If(self.clear):
            m.d.sync += self.value.eq(0)
        return m


def tally_codes() -> list[int]:
    """The state of a tally after 0, 1, 2, … events, up to 30."""
    codes = [0]
    for _ in range((1 << TALLY_BITS) - 2):
        state = codes[-1]
        codes.append((state << 1 | (state >> 4 ^ state >> 2 ^ 1) & 1) & (1 << TALLY_BITS) - 1)
    return codes
