"""The accumulators behind the tile: sums over K in two banks, one filled while the other drains."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Member

from tilewright.accelerator.contract import ADDEND_BITS, AcceleratorConfig, ResultsPort, SumsPort
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory, TwoPortRam

from .banks import count_banks, drain_banks

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
    WRITE_STAGE = 3  # in which the new sums are written
    REGISTERED = True  # the memory that drains has an output register, and so has the group

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({"results": In(ResultsPort(config)), "sums": In(SumsPort(config)), **self._more_ports()})

    def _more_ports(self) -> dict[str, Member]:
        return {}

    @property
    def _stored_bits(self) -> int:
        """Bits of a row of sums in the memories."""
        return self.config.tile.cols * ADDEND_BITS

    def elaborate(self, platform):
        m = Module()
        config, results, port = self.config, self.results, self.sums
        sums_bits = self._stored_bits
        last_stage = self.WRITE_STAGE - 1
        # Read through plain registers, not through the memory's own: they can be cleared for a first packet.
        added = place(m, "added", TwoPortRam(sums_bits, 2 * config.acc_rows), platform)
        drain = place(m, "drain", BlockMemory(sums_bits, 2 * config.acc_rows, self.REGISTERED), platform)

        # Where the coming result goes; stage n is n cycles later, and the result is there in the stage before the last.
        bank = Signal()
        row = Signal(range(config.acc_rows))
        with m.If(results.coming):
            m.d.sync += row.eq(Mux(results.last, 0, row + 1))
            m.d.sync += bank.eq(bank ^ (results.last & results.final))
        places = [Cat(row, bank)]
        valid = Signal(self.WRITE_STAGE)
        ends = Signal(self.WRITE_STAGE)
        m.d.sync += [
            valid.eq(Cat(results.coming, valid)),
            ends.eq(Cat(results.final & (row == 0), ends)),
        ]
        for n in range(1, self.WRITE_STAGE + 1):
            places.append(Signal(len(row) + 1, name=f"place_{n}", reset_less=True))
            m.d.sync += places[n].eq(places[n - 1])
        first = Signal(reset_less=True)
        sums = Signal(config.tile.cols * config.sum_bits, reset_less=True)
        m.d.comb += [
            added.read.eq(1),
            added.read_row.eq(places[self.READ_STAGE]),
        ]
        m.d.sync += first.eq(results.first)
        stored = self._stored(m, sums, platform)
        self._add(m, first, self._old(m, added.read_data, valid, places, stored, platform), sums, platform)
        m.d.comb += [
            added.write.eq(valid[last_stage]),
            added.write_row.eq(places[self.WRITE_STAGE]),
            added.write_data.eq(stored),
            drain.write.eq(valid[last_stage]),
            drain.write_row.eq(places[self.WRITE_STAGE]),
            drain.data.eq(stored),
        ]

        drain_banks(m, drain, port, valid[last_stage] & ends[last_stage])
        self._hand_out(m, self._group(drain.q))
        count_banks(m, results, port)
        return m

    def _add(self, m: Module, first: Signal, old: Value, sums: Signal, platform):
        """Add the results to the old sums, or to nothing in a first packet, in the cycle after `first` and `old`."""
        before = Signal.like(sums)
        m.d.sync += before.eq(Mux(first, 0, old))
        self._accumulate(m, before, sums)

    def _accumulate(self, m: Module, before: Value, sums: Signal):
        """Add the results to the sums before, into ``sums``."""
        bits, sum_bits = self.config.tile.result_bits, self.config.sum_bits
        for column in range(self.config.tile.cols):
            result = self.results.results.word_select(column, bits).as_signed()
            total = sums.word_select(column, sum_bits)
            m.d.sync += total.eq(before.word_select(column, sum_bits) + result)

    def _stored(self, m: Module, sums: Value, platform) -> Value:
        """The row of sums as it is stored."""
        return sums

    def _old(self, m: Module, row: Value, valid: Signal, places: list[Value], stored: Value, platform) -> Value:
        """The old row that `_add` takes, from the one that was read."""
        return row

    def _group(self, row: Value) -> Value:
        """The chosen columns of a row of the memory that drains."""
        return row.word_select(self.sums.group, len(self.sums.sums))

    def _hand_out(self, m: Module, group: Value):
        if not self.REGISTERED:
            m.d.comb += self.sums.sums.eq(group)
            return
        late = Signal.like(self.sums.sums, reset_less=True, name="group")
        m.d.sync += late.eq(group)
        m.d.comb += self.sums.sums.eq(late)
