"""The accumulators behind the tile: sums over K in two banks, one filled while the other drains."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import ADDEND_BITS, AcceleratorConfig
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

__all__ = ["Accumulators"]


class Accumulators(SharedComponent):
    """Add the packets of results that belong to one tile of sums, and hand the sums out.

    The sums are kept twice, so that adding and draining each have a memory to read. Each memory has two banks: one
    tile of sums is added up while the one before drains. Draining begins while the last packet still comes in::

        results ──► + ──┬──► │bank 0 │ bank 1│ ──┐  to add
                    ▲   │                        │
                    └───│────────────────────────┘  2 cycles
                        └──► │bank 0 │ bank 1│ ──► group ──► sums

    With the variant ``compact`` a sum is there in the cycle of its `group`, a cycle after the `fetch` of its row, and
    nothing is taken.

    A row of a packet may follow the same row of the packet before after 4 cycles or more. Sums wrap at 32 bits.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    coming, coming_last, coming_first, coming_final : In(1)
        There will be a result in 2 cycles; it ends its packet; it belongs to the first packet of its tile of sums; to
        the last. The last three are valid with `coming`.
    results : In(unsigned(cols * result_bits))
        A row of signed results, column 0 lowest, from `MatmulTile`. Valid 2 cycles after `coming`.
    ready : Out(1)
        The oldest tile of sums not yet released can be read: row 0 now, and a further row in each cycle.
    fetch, take : In(1)
        Read row `row` of the oldest tile of sums; hold the row fetched last for `group`, from the next cycle on.
    row : In(range(acc_rows))
        Row of the tile, sampled with `fetch`. A row fetched in cycle t can be taken from t + 1 on; it stays until the
        next is taken.
    group : In(range(cols // requant_lanes))
        Selects ``requant_lanes`` neighbouring columns of the row that was taken.
    sums : Out(unsigned(requant_lanes * 32))
        The int32 sums of those columns, the first lowest, a cycle after `group`.
    release : In(1)
        The tile of sums is not read any more; in the cycle of its last `fetch` at the earliest. `ready` then speaks
        of the next tile, and `fetch` is for that.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "coming": In(1),
            "coming_last": In(1),
            "coming_first": In(1),
            "coming_final": In(1),
            "results": In(unsigned(config.cols * config.tile.result_bits)),
            "ready": Out(1),
            "fetch": In(1),
            "take": In(1),
            "row": In(range(config.acc_rows)),
            "group": In(range(max(2, config.cols // config.requant_lanes))),  # no port without bits
            "sums": Out(unsigned(config.requant_lanes * ADDEND_BITS)),
            "release": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        result_bits, sums_bits = config.tile.result_bits, config.cols * ADDEND_BITS
        # Read through plain registers, not through the memory's own: they can be cleared for a first packet.
        m.submodules.added = added = Memory(
            shape=sums_bits, depth=2 * config.acc_rows, init=[], attrs={"no_rw_check": 1}
        )
        write = added.write_port()
        read = added.read_port()
        if config.compact:
            drain = place(m, "drain", BlockMemory(sums_bits, 2 * config.acc_rows, registered=False), platform)
        else:
            drain = place(m, "drain", BlockMemory(sums_bits, 2 * config.acc_rows), platform)

        # Where the coming result goes; stage n is n cycles later, and the result is there in stage 2.
        bank = Signal()
        row = Signal(range(config.acc_rows))
        with m.If(self.coming):
            m.d.sync += row.eq(Mux(self.coming_last, 0, row + 1))
            m.d.sync += bank.eq(bank ^ (self.coming_last & self.coming_final))
        places = [Cat(row, bank)]
        valid = Signal(3)
        ends = Signal(3)
        m.d.sync += [valid.eq(Cat(self.coming, valid)), ends.eq(Cat(self.coming_final & (row == 0), ends))]
        for n in range(1, 4):
            places.append(Signal(len(row) + 1, name=f"place_{n}", reset_less=True))
            m.d.sync += places[n].eq(places[n - 1])
        first = Signal(reset_less=True)
        before = Signal(sums_bits, reset_less=True)
        sums = Signal(sums_bits, reset_less=True)
        late_first = Signal(reset_less=True)
        m.d.comb += [read.en.eq(1), read.addr.eq(places[1 if config.compact else 0])]
        m.d.sync += first.eq(self.coming_first)
        if config.compact:
            m.d.sync += late_first.eq(first)
        else:
            m.d.sync += before.eq(Mux(first, 0, read.data))
        for column in range(config.cols):
            result = self.results.word_select(column, result_bits).as_signed()
            total = sums.word_select(column, ADDEND_BITS)
            if config.compact:  # choice and sum fit into one LUT of an iCE40
                old = read.data.word_select(column, ADDEND_BITS)
                m.d.sync += total.eq(Mux(late_first, result, (old + result)[:ADDEND_BITS]))
            else:
                m.d.sync += total.eq(before.word_select(column, ADDEND_BITS) + result)
        m.d.comb += [write.en.eq(valid[2]), write.addr.eq(places[3]), write.data.eq(sums)]
        m.d.comb += [drain.write.eq(valid[2]), drain.write_row.eq(places[3]), drain.data.eq(sums)]

        # A tile of sums can be read from when row 0 of its last packet is stored.
        complete = Signal(range(3))
        m.d.sync += complete.eq(complete + (valid[2] & ends[2]) - self.release)
        m.d.comb += self.ready.eq(complete.any())
        drained = Signal()  # the bank of the oldest tile of sums
        m.d.sync += drained.eq(drained ^ self.release)
        m.d.comb += [drain.fetch.eq(self.fetch), drain.take.eq(self.take), drain.read_row.eq(Cat(self.row, drained))]
        group = drain.q.word_select(self.group, len(self.sums))
        if config.compact:
            m.d.comb += self.sums.eq(group)
            return m
        late = Signal.like(self.sums, reset_less=True, name="group")
        m.d.sync += late.eq(group)
        m.d.comb += self.sums.eq(late)
        return m
