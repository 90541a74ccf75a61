"""What holds between the registers of the small engines: with it, induction closes.

These alone look inside. All that they say is proven too, together with the rules they help.
"""

from unittest import mock

from amaranth.hdl import Array, Assert, Elaboratable, Fragment, Module, Mux, Signal, Value, signed
from amaranth.lib.data import View

from tilewright.dma.write_aligner import write_beat_shape, write_burst_shape
from tilewright.dma.write_responses import flight_shape
from tilewright.storage import small_fifo

__all__ = ["ReaderInvariants", "WriterInvariants", "opened"]


class Registers(Elaboratable):
    """Stands for the `TwoPortRam` of a `SmallFifo` where invariants speak of its rows: they are ``row_0`` and up."""

    def __init__(self, bits, rows, latency):
        assert latency == 0
        self.rows = [Signal(bits, name=f"row_{n}", reset_less=True) for n in range(rows)]
        self.write = Signal()
        self.write_row = Signal(range(rows))
        self.write_data = Signal(bits)
        self.read_row = Signal(range(rows))
        self.read_data = Signal(bits)

    def elaborate(self, platform):
        m = Module()
        for n, row in enumerate(self.rows):
            with m.If(self.write & (self.write_row == n)):
                m.d.sync += row.eq(self.write_data)
        m.d.comb += self.read_data.eq(Array(self.rows)[self.read_row])
        return m


def opened(component):
    """Elaborate a component; return it, and its signals by the names of its modules and their own."""
    with mock.patch.object(small_fifo, "TwoPortRam", Registers):
        fragment = Fragment.get(component, None)
    signals = {}

    def walk(part, path):
        for statements in part.statements.values():
            signals.update({path + signal.name: signal for signal in statements._lhs_signals()})
        for child, name, _ in part.subfragments:
            walk(child, f"{path}{name}.")

    walk(fragment, "")
    return fragment, signals


def fifo_entries(m, inside, name, shape, depth):
    """The entries of a `SmallFifo`, oldest first: whether it is there, and what it is."""
    rows = 1 << (depth - 1).bit_length()
    valid, ready = inside[f"{name}.valid"], inside[f"{name}.ready"]
    stored = [inside[f"{name}.memory.row_{n}"] for n in range(rows)]
    if rows == 1:
        m.d.comb += Assert(ready == ~valid)
        return [(valid, View(shape, stored[0]))]
    head, tail = inside[f"{name}.head"], inside[f"{name}.tail"]
    bits = len(head)
    count = Signal(range(rows + 1), name=f"{name}_count")
    m.d.comb += count.eq(Mux(valid & (head == tail), rows, (tail - head)[:bits]))
    m.d.comb += Assert((valid == (count != 0)) & (ready == (count != depth)) & (count <= depth))
    m.d.comb += Assert(inside[f"{name}.head_next"] == (head + 1)[:bits])
    m.d.comb += Assert(inside[f"{name}.full_at"] == (tail + 1 - depth)[:bits])
    entries = []
    for n in range(depth):
        entry = Signal(shape, name=f"{name}_{n}")
        m.d.comb += entry.as_value().eq(Array(stored)[(head + n)[:bits]])
        entries.append((n < count, entry))
    return entries


def buffered_words(m, inside):
    """Words in the `BlockFifo`, on their way out too."""
    rows = Signal(len(inside["buffer.tail"]))
    m.d.comb += rows.eq(inside["buffer.tail"] - inside["buffer.head"])
    m.d.comb += Assert(rows <= 1 << len(rows) - 1)
    return rows + inside["buffer.fetched"] + inside["buffer.valid"]


def empty(burst):
    """Whether a burst has no beats."""
    return burst.cause.as_value()[1:].all()


def requests_in_planner(m, config, inside):
    """The requests that the planner holds: one whose burst is on offer, and one in its rows."""
    valid, final_row = inside["planner.valid"], inside["planner.final_row"]
    row_valid, row_first = inside["planner.rows.valid"], inside["planner.rows.first"]
    goes_on = row_valid & ~row_first
    m.d.comb += Assert(valid | ~inside["planner.some_remaining"])
    m.d.comb += Assert((valid & ~final_row) == goes_on)
    # What has no beats is the last of its request.
    burst, row = (
        View(config.burst_shape, inside["planner.burst"]),
        View(config.request_shape, inside["planner.rows.row"]),
    )
    m.d.comb += Assert(~(valid & empty(burst)) | ~inside["planner.some_remaining"] & final_row)
    m.d.comb += Assert(~(row_valid & inside["planner.rows.empty"]) | row_first & (row.bytes == 0))
    return valid, row_valid & row_first


def statuses_in_order(m, inside):
    """The requests that are closed and whose status has not been taken."""
    waiting, valid = inside["request_status.waiting"], inside["request_status.status__valid"]
    m.d.comb += Assert(~(waiting & valid))
    return waiting + valid


def total(values):
    """Their sum, which is 0 if there are none."""
    return sum(values, start=Value.cast(0))


class ReaderInvariants(Elaboratable):
    """Beats queued are beats due and beats in the buffer; no request is lost; what is waited for is on its way.

    Asserts also that the buffer is never full when a beat comes.
    """

    def __init__(self, dut, inside, memory, statuses):
        self.dut, self.inside, self.memory, self.statuses = dut, inside, memory, statuses

    def elaborate(self, platform):
        m = Module()
        config, inside, memory = self.dut.config, self.inside, self.memory
        flights = fifo_entries(m, inside, "flights", config.burst_shape, max(1, config.outstanding - 1))
        kept = View(config.burst_shape, inside["beats.kept"])
        counted = inside["beats.o__valid"]
        remaining, final = inside["beats.remaining"], inside["beats.final"]
        first = counted & ~inside["beats.failed"]
        m.d.comb += Assert(~first | (final == (remaining == 0)) & ~inside["beats.empty"])
        for name in ("row_last", "last"):
            m.d.comb += Assert(~counted | (inside[f"beats.{name}"] == (final & kept[name])))
        m.d.comb += Assert(~counted | (inside["beats.empty"] == empty(kept)))
        m.d.comb += Assert(~counted | (inside["beats.failed"] == (kept.cause.as_value() != 0)))
        m.d.comb += Assert(~inside["beats.empty"] | final)
        if config.outstanding == 1:
            m.d.comb += Assert(~(counted & flights[0][0]))
        for present, burst in [(counted, kept), *flights]:
            m.d.comb += Assert(~(present & empty(burst)) | burst.last)
            m.d.comb += Assert(~(present & burst.last) | burst.row_last)

        # The bursts that the memory still owes beats of are the youngest.
        level, lengths, beat = memory.level, memory.lengths, memory.beat
        alive = [present & (burst.cause.as_value() == 0) for present, burst in flights]
        before = Signal(range(config.outstanding + 1))  # bursts that have had all their beats
        m.d.comb += Assert(level <= first + total(alive))
        m.d.comb += before.eq(first + total(alive) - level)
        m.d.comb += Assert(Mux(level == 0, beat == 0, beat <= lengths[0]))
        with m.If(first & (before == 0)):
            m.d.comb += Assert(lengths[0] - beat <= remaining)
        for n, (_, burst) in enumerate(flights):
            rank = first + total(alive[:n])
            with m.If(alive[n] & (rank >= before)):
                m.d.comb += Assert(lengths[(rank - before)[: len(level)]] == burst.beats_less_1)
        due = total(Mux(n < level, lengths[n] + 1, 0) for n in range(config.outstanding)) - beat
        queued = total(Mux(a, burst.beats_less_1 + 1, 0) for a, (_, burst) in zip(alive, flights, strict=True))
        m.d.comb += Assert(Mux(first, remaining + 1, 0) + queued == due + buffered_words(m, inside))
        m.d.comb += Assert(~self.dut.m_axi.rvalid | inside["buffer.i__ready"])

        on_offer, in_rows = requests_in_planner(m, config, inside)
        ends = total(present & burst.last for present, burst in flights) + (counted & kept.last)
        m.d.comb += Assert(inside["request_status.queued"] == ends)
        m.d.comb += Assert(self.statuses.open == on_offer + in_rows + ends + statuses_in_order(m, inside))

        if not config.unaligned:
            # A status that waits for the last word has it before it.
            word = View(config.word_shape, inside["aligner.word"])
            m.d.comb += Assert(inside["request_status.waiting"] == (inside["aligner.valid"] & word.last))
        return m


class WriterInvariants(Elaboratable):
    """The bursts kept are those on the bus; no request is lost; each burst's words are there, or on the bus."""

    def __init__(self, dut, inside, memory, statuses):
        self.dut, self.inside, self.memory, self.statuses = dut, inside, memory, statuses

    def elaborate(self, platform):
        m = Module()
        config, inside, memory = self.dut.config, self.inside, self.memory
        flights = fifo_entries(m, inside, "flights", flight_shape(config), max(1, config.outstanding - 1))
        kept = View(flight_shape(config), inside["responses.burst"])
        offered = View(config.burst_shape, inside["planner.burst"])
        present = inside["responses.present"]
        alive = [there & (burst.cause.as_value() == 0) for there, burst in flights]
        m.d.comb += Assert(~present | (inside["responses.failed"] == (kept.cause.as_value() != 0)))
        if config.outstanding == 1:
            m.d.comb += Assert(~(present & flights[0][0]))
        for there, burst in [(present, kept), *flights]:
            m.d.comb += Assert(~(there & empty(burst)) | burst.last)
        # One that is claimed and not accepted by AW is the youngest of all.
        claimed = inside["claimed"]
        first = present & ~inside["responses.failed"]
        in_flight = first + total(alive)
        m.d.comb += Assert(memory.level + claimed == in_flight)
        m.d.comb += Assert(~claimed | inside["planner.valid"] & (offered.cause.as_value() == 0))
        youngest, youngest_last = first, kept.last
        for a, (there, burst) in zip(alive, flights, strict=True):
            youngest, youngest_last = Mux(there, a, youngest), Mux(there, burst.last, youngest_last)
        m.d.comb += Assert(~claimed | youngest)

        on_offer, in_rows = requests_in_planner(m, config, inside)
        last = ~inside["planner.some_remaining"] & inside["planner.final_row"]
        ends = total(there & burst.last for there, burst in flights) + (present & kept.last)
        m.d.comb += Assert(inside["request_status.queued"] == ends)
        planned = claimed & last
        m.d.comb += Assert(~claimed | (last == youngest_last))
        m.d.comb += Assert(~inside["request_status.waiting"])
        m.d.comb += Assert(self.statuses.open == (on_offer & ~planned) + in_rows + ends + statuses_in_order(m, inside))

        # Each burst in flight is still to be formed, or its last beat is on offer, or it is with the memory.
        forming = fifo_entries(m, inside, "forming", write_burst_shape(config), config.outstanding)
        beat = View(write_beat_shape(config), inside["aligner.beat"])
        to_form = total(there & ~burst.dropped for there, burst in forming)
        m.d.comb += Assert(in_flight == to_form + (inside["aligner.valid"] & beat.last) + memory.written)
        # The words in the buffer are those of the bursts to form, and those that nobody has claimed.
        index = inside["aligner.index"]
        m.d.comb += Assert(Mux(forming[0][0], index <= forming[0][1].beats_less_1, index == 0))
        needed = total(Mux(there, burst.beats_less_1 + 1, 0) for there, burst in forming)
        if config.unaligned:
            spare = [b.row_last & (b.shift + b.tail)[config.word_log2 :].any() for _, b in forming]
            needed -= total(there & more for (there, _), more in zip(forming, spare, strict=True))
        needed -= index
        unclaimed, claim = inside["word_credits.unclaimed"], inside["word_credits.claimed_words"]
        free = Signal(signed(len(unclaimed) + 2))
        m.d.comb += free.eq(unclaimed + claim)
        m.d.comb += Assert((claim <= 0) & ((claim == 0) | inside["word_credits.claiming"]))
        m.d.comb += Assert(claim >= -config.burst_words)
        m.d.comb += Assert(free >= 0)
        m.d.comb += Assert(~inside["word_credits.plenty"] | (free >= config.burst_words))
        m.d.comb += Assert(buffered_words(m, inside) == free + inside["word_credits.arrived"] + needed)
        return m
