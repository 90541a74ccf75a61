"""The accumulators behind the tile: sums over K in two banks, one filled while the other drains."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out

from .accelerator_config import ADDEND_BITS, AcceleratorConfig
from .block_memory import BlockMemory
from .target import SharedComponent, place

__all__ = ["Accumulators"]


class Accumulators(SharedComponent):
    """Add the packets of results that belong to one tile of sums, and hand the sums out.

    All packets of a tile of sums but the last are added up in its bank, a row per cycle. The last is stored by itself
    and added when its row is handed out, so that handing out begins while it still comes in::

        results ─┬──────────────────────► │last packets│──────┐
                 └─► + ──► │bank 0│ │bank 1│ ──┬─► │group│──► + ──► sums
                     ▲                         │
                     └──────── read, 2 cycles ◄┘

    A row of a packet may follow the same row of the packet before after 4 cycles or more. Sums wrap at 32 bits.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    coming, coming_last, coming_first, coming_final : In(1)
        2 cycles ahead of a result: there will be one, it ends its packet, it is of the first packet of its tile of
        sums, of the last.
    results : In(unsigned(cols * result_bits))
        A row of results, as of `MatmulTile`.
    ready : Out(1)
        The oldest tile of sums not yet released can be read: row 0 now, and a further row in each cycle.
    fetch, take : In(1)
    row : In(range(acc_rows))
        A row fetched in cycle t can be taken from t + 1 on; it stays until the next is taken.
    group : In(range(cols // requant_lanes))
        Which columns of the row that was taken.
    sums : Out(unsigned(requant_lanes * 32))
        Their sums, a cycle after `group`.
    release : In(1)
        The tile of sums is not read any more; in the cycle of its last `group` at the earliest. `ready` then speaks
        of the next tile, and `fetch` and `take` are for that.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        tile = config.tile
        super().__init__({
            "coming": In(1),
            "coming_last": In(1),
            "coming_first": In(1),
            "coming_final": In(1),
            "results": In(unsigned(config.cols * tile.result_bits)),
            "ready": Out(1),
            "fetch": In(1),
            "take": In(1),
            "row": In(range(config.acc_rows)),
            "group": In(range(config.cols // config.requant_lanes)),
            "sums": Out(unsigned(config.requant_lanes * ADDEND_BITS)),
            "release": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        result_bits = config.tile.result_bits
        banks = [
            place(m, f"bank_{n}", BlockMemory(config.cols * ADDEND_BITS, config.acc_rows), platform) for n in range(2)
        ]
        finals = place(m, "last_packets", BlockMemory(config.cols * result_bits, 2 * config.acc_rows), platform)

        # Where the coming result goes; stage n is n cycles later, and the result is there in stage 2.
        bank = Signal()
        coming_row = Signal(range(config.acc_rows))
        with m.If(self.coming):
            m.d.sync += coming_row.eq(Mux(self.coming_last, 0, coming_row + 1))
            m.d.sync += bank.eq(bank ^ (self.coming_last & self.coming_final))
        add = self.coming & ~self.coming_final
        stage = Cat(coming_row, bank, self.coming_first, self.coming_final)
        valid, stages = [add], [stage]
        for n in range(1, 4):
            stages.append(Signal(len(stage), name=f"stage_{n}", reset_less=True))
            valid.append(Signal(name=f"adds_{n}"))
            m.d.sync += [stages[n].eq(stages[n - 1]), valid[n].eq(valid[n - 1])]
        ends = Signal(2)  # a last packet's result is there in stage 2
        m.d.sync += ends.eq(Cat(self.coming & self.coming_final, ends))
        row_bits = len(coming_row)
        row_2, bank_2, first_2 = stages[2][:row_bits], stages[2][row_bits], stages[2][row_bits + 1]

        drained = Signal()  # the bank of the oldest tile of sums
        taken = Signal()  # the bank of the row that was taken
        with m.If(self.take):
            m.d.sync += taken.eq(drained)
        sums = Signal(config.cols * ADDEND_BITS, reset_less=True)
        for n, memory in enumerate(banks):
            # The last reading of a bank for adding precedes its draining.
            adds = Signal(name=f"fetches_{n}")
            m.d.comb += [
                adds.eq(add & (bank == n)),
                memory.fetch.eq(adds | (self.fetch & (drained == n))),
                memory.read_row.eq(Mux(adds, coming_row, self.row)),
                memory.take.eq((valid[1] & (stages[1][row_bits] == n)) | (self.take & (drained == n))),
                memory.write.eq(valid[3] & (stages[3][row_bits] == n)),
                memory.write_row.eq(stages[3][:row_bits]),
                memory.data.eq(sums),
            ]
        for column in range(config.cols):
            before = Mux(first_2, 0, Mux(bank_2, *(b.q.word_select(column, ADDEND_BITS) for b in reversed(banks))))
            result = self.results.word_select(column, result_bits).as_signed()
            m.d.sync += sums.word_select(column, ADDEND_BITS).eq(before + result)

        m.d.comb += [
            finals.write.eq(ends[1]),
            finals.write_row.eq(stages[2][: row_bits + 1]),
            finals.data.eq(self.results),
        ]
        m.d.comb += [finals.fetch.eq(self.fetch), finals.take.eq(self.take), finals.read_row.eq(Cat(self.row, drained))]

        # A tile of sums can be read from when row 0 of its last packet is stored.
        complete = Signal(range(3))
        single = Signal(2)  # it has one packet only: what its bank holds is older
        starts = ends[1] & (row_2 == 0)
        m.d.sync += complete.eq(complete + starts - self.release)
        with m.If(starts):
            m.d.sync += single.bit_select(bank_2, 1).eq(first_2)
        m.d.sync += drained.eq(drained ^ self.release)
        m.d.comb += self.ready.eq(complete.any())

        lanes = config.requant_lanes
        single_taken = Signal()
        with m.If(self.take):
            m.d.sync += single_taken.eq(single.bit_select(drained, 1))
        total = Signal(lanes * ADDEND_BITS, reset_less=True)
        for lane in range(lanes):
            lane_bank = [b.q.word_select(self.group, lanes * ADDEND_BITS).word_select(lane, ADDEND_BITS) for b in banks]
            before = Mux(single_taken, 0, Mux(taken, lane_bank[1], lane_bank[0]))
            final = finals.q.word_select(self.group, lanes * result_bits).word_select(lane, result_bits)
            m.d.sync += total.word_select(lane, ADDEND_BITS).eq(before + final.as_signed())
        m.d.comb += self.sums.eq(total)
        return m
