"""What holds between the registers of the small engines: with it, induction closes.

These alone look inside. All that they say is proven too, together with the rules they help.
"""

from amaranth.hdl import Assert, Elaboratable, Fragment, Module, Mux
from amaranth.lib.data import View

from tilewright.write_responses import flight_shape

__all__ = ["ReaderInvariants", "WriterInvariants", "opened"]


def opened(component):
    """Elaborate a component; return it, and its signals by the names of its modules and their own."""
    fragment = Fragment.get(component, None)
    signals = {}

    def walk(part, path):
        for statements in part.statements.values():
            signals.update({path + signal.name: signal for signal in statements._lhs_signals()})
        for child, name, _ in part.subfragments:
            walk(child, f"{path}{name}.")

    walk(fragment, "")
    return fragment, signals


def requests_in_planner(m, inside):
    """The requests that the planner holds: one whose burst is on offer, and one in its rows."""
    valid, final_row = inside["planner.valid"], inside["planner.final_row"]
    row_valid, row_first = inside["planner.rows.valid"], inside["planner.rows.first"]
    goes_on = row_valid & ~row_first
    m.d.comb += Assert(valid | ~inside["planner.some_left"])
    m.d.comb += Assert((valid & ~final_row) == goes_on)
    return valid, row_valid & row_first


def statuses_in_verdict(m, inside):
    """The requests that are closed and whose status has not been taken."""
    waiting, valid = inside["verdict.waiting"], inside["verdict.status__valid"]
    m.d.comb += Assert(~(waiting & valid))
    return waiting + valid


class ReaderInvariants(Elaboratable):
    """Of a reader with two bursts outstanding: beats queued are beats due and beats in the buffer; no request is lost.

    Asserts also that the buffer is never full when a beat comes.
    """

    def __init__(self, dut, inside, memory, statuses):
        self.dut, self.inside, self.memory, self.statuses = dut, inside, memory, statuses

    def elaborate(self, platform):
        m = Module()
        inside, memory = self.inside, self.memory
        flight = View(self.dut.config.burst_shape, inside["flights.o__payload"])
        kept = View(self.dut.config.burst_shape, inside["beats.kept"])
        queued, counted = inside["flights.valid"], inside["beats.o__valid"]
        left, final = inside["beats.left"], inside["beats.final"]
        second = queued & (flight.cause.as_value() == 0)
        first = counted & ~inside["beats.dead"]
        m.d.comb += Assert(inside["flights.ready"] == ~queued)
        m.d.comb += Assert(~first | (final == (left == 0)) & ~inside["beats.hollow"])
        m.d.comb += Assert(~counted | (inside["beats.last"] == (final & kept.last)))

        # The bursts that the memory still owes beats of are the youngest.
        level, (length_0, length_1), beat = memory.level, memory.lengths[:2], memory.beat
        due_0 = length_0 - beat
        m.d.comb += Assert(level <= first + second)
        m.d.comb += Assert(Mux(level == 0, beat == 0, beat <= length_0))
        with m.If(level == 2):
            m.d.comb += Assert((length_1 == flight.beats_less_1) & (due_0 <= left))
        with m.Elif(level == 1):
            m.d.comb += Assert(Mux(second, length_0 == flight.beats_less_1, due_0 <= left))
        due = Mux(level > 0, due_0 + 1, 0) + Mux(level > 1, length_1 + 1, 0)
        rows = (inside["buffer.tail"] - inside["buffer.head"])[: len(inside["buffer.tail"])]
        buffered = rows + inside["buffer.fetched"] + inside["buffer.valid"]
        m.d.comb += Assert(Mux(first, left + 1, 0) + Mux(second, flight.beats_less_1 + 1, 0) == due + buffered)
        m.d.comb += Assert(~self.dut.m_axi.rvalid | inside["buffer.i__ready"])

        on_offer, in_rows = requests_in_planner(m, inside)
        ends = (queued & flight.last) + (counted & kept.last)
        m.d.comb += Assert(inside["verdict.queued"] == ends)
        m.d.comb += Assert(self.statuses.open == on_offer + in_rows + ends + statuses_in_verdict(m, inside))
        return m


class WriterInvariants(Elaboratable):
    """Of a writer with two bursts outstanding: the bursts it keeps are those on the bus; no request is lost."""

    def __init__(self, dut, inside, memory, statuses):
        self.dut, self.inside, self.memory, self.statuses = dut, inside, memory, statuses

    def elaborate(self, platform):
        m = Module()
        inside = self.inside
        flight, kept = (
            View(flight_shape(self.dut.config), inside[name]) for name in ("flights.o__payload", "responses.burst")
        )
        offered = View(self.dut.config.burst_shape, inside["planner.burst"])
        queued, present = inside["flights.valid"], inside["responses.present"]
        alive = queued & (flight.cause.as_value() == 0)
        m.d.comb += Assert(inside["flights.ready"] == ~queued)
        m.d.comb += Assert(~present | (inside["responses.dead"] == (kept.cause.as_value() != 0)))
        # One that is claimed and not accepted by AW is the youngest of all.
        claimed = inside["claimed"]
        first = present & ~inside["responses.dead"]
        m.d.comb += Assert(self.memory.level + claimed == alive + first)
        m.d.comb += Assert(~claimed | inside["planner.valid"] & (offered.cause.as_value() == 0))
        m.d.comb += Assert(~claimed | Mux(queued, alive, first))

        on_offer, in_rows = requests_in_planner(m, inside)
        last = ~inside["planner.some_left"] & inside["planner.final_row"]
        ends = (queued & flight.last) + (present & kept.last)
        m.d.comb += Assert(inside["verdict.queued"] == ends)
        planned = claimed & last
        m.d.comb += Assert(~claimed | (last == Mux(queued, flight.last, kept.last)))
        m.d.comb += Assert(~inside["verdict.waiting"])
        m.d.comb += Assert(
            self.statuses.open == (on_offer & ~planned) + in_rows + ends + statuses_in_verdict(m, inside)
        )
        return m
