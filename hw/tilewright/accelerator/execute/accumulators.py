"""The accumulators behind the tile: sums over K in two banks, one filled while the other drains."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import ADDEND_BITS, AcceleratorConfig, ResultsPort, SumsPort
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

    A row of a packet may follow the same row of the packet before after 4 cycles or more. Sums wrap at 32 bits.
    `has_bank` is 1 in the second cycle after a `release`.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    results : In(ResultsPort(config))
        From the engine that multiplies.
    sums : In(SumsPort(config))
        To the engine that stores.
    """

    READ_STAGE = 0  # in which the old sums of a result are fetched
    REGISTERED = True  # the memory that drains has an output register

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({"results": In(ResultsPort(config)), "sums": In(SumsPort(config))})

    def elaborate(self, platform):
        m = Module()
        config, results, port = self.config, self.results, self.sums
        sums_bits = config.tile.cols * ADDEND_BITS
        # Read through plain registers, not through the memory's own: they can be cleared for a first packet.
        m.submodules.added = added = Memory(
            shape=sums_bits, depth=2 * config.acc_rows, init=[], attrs={"no_rw_check": 1}
        )
        write = added.write_port()
        read = added.read_port()
        drain = place(m, "drain", BlockMemory(sums_bits, 2 * config.acc_rows, self.REGISTERED), platform)

        # Where the coming result goes; stage n is n cycles later, and the result is there in stage 2.
        bank = Signal()
        row = Signal(range(config.acc_rows))
        with m.If(results.coming):
            m.d.sync += row.eq(Mux(results.last, 0, row + 1))
            m.d.sync += bank.eq(bank ^ (results.last & results.final))
        places = [Cat(row, bank)]
        valid = Signal(3)
        ends = Signal(3)
        m.d.sync += [
            valid.eq(Cat(results.coming, valid)),
            ends.eq(Cat(results.final & (row == 0), ends)),
        ]
        for n in range(1, 4):
            places.append(Signal(len(row) + 1, name=f"place_{n}", reset_less=True))
            m.d.sync += places[n].eq(places[n - 1])
        first = Signal(reset_less=True)
        sums = Signal(sums_bits, reset_less=True)
        m.d.comb += [
            read.en.eq(1),
            read.addr.eq(places[self.READ_STAGE]),
        ]
        m.d.sync += first.eq(results.first)
        self._add(m, first, read.data, sums)
        m.d.comb += [
            write.en.eq(valid[2]),
            write.addr.eq(places[3]),
            write.data.eq(sums),
            drain.write.eq(valid[2]),
            drain.write_row.eq(places[3]),
            drain.data.eq(sums),
        ]

        # A tile of sums can be read from when row 0 of its last packet is stored.
        complete = Signal(range(3))
        m.d.sync += complete.eq(complete + (valid[2] & ends[2]) - port.release)
        drained = Signal()  # the bank of the oldest tile of sums
        m.d.sync += drained.eq(drained ^ port.release)
        m.d.comb += [
            port.ready.eq(complete.any()),
            drain.fetch.eq(port.fetch),
            drain.take.eq(port.take),
            drain.read_row.eq(Cat(port.row, drained)),
        ]
        self._hand_out(m, drain.q.word_select(port.group, len(port.sums)))
        self._count_banks(m)
        return m

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal):
        """Add the results to the old sums, or to nothing in a first packet, in the cycle after `first` and `old`."""
        before = Signal.like(sums)
        m.d.sync += before.eq(Mux(first, 0, old))
        bits = self.config.tile.result_bits
        for column in range(self.config.tile.cols):
            result = self.results.results.word_select(column, bits).as_signed()
            total = sums.word_select(column, ADDEND_BITS)
            m.d.sync += total.eq(before.word_select(column, ADDEND_BITS) + result)

    def _hand_out(self, m: Module, group: Value):
        late = Signal.like(self.sums.sums, reset_less=True, name="group")
        m.d.sync += late.eq(group)
        m.d.comb += self.sums.sums.eq(late)

    def _count_banks(self, m: Module):
        take, release = self.results.take_bank, self.sums.release
        banks = Signal(range(3), init=2)
        has_bank = Signal(init=1)
        m.d.sync += [
            banks.eq(banks + release - take),
            has_bank.eq(Mux(take, banks[1], banks.any())),
        ]
        m.d.comb += self.results.has_bank.eq(has_bank)
