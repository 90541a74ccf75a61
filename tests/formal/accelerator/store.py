"""The store path that is proven: the tiles of a job, and the words of a tile, with what is around them."""

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.data import View
from formal.accelerator.surroundings import Wires, tiny
from support.formal.prove import Proof

from tilewright.accelerator.contract import tile_shape
from tilewright.accelerator.store.drain import StoreDrain
from tilewright.accelerator.store.packer import StorePacker
from tilewright.accelerator.store.tile_iterator import TileIterator

__all__ = ["narrow", "tiles", "words"]

LATE = 2
"""Cycles from the fetch of sums to their results, here; `StorePacker` has space for more."""


def narrow(**fields):
    """Addresses of 16 bits, and rows of C that fill words."""
    return tiny(**({"addr_bits": 16, "stride_bits": 12, "size_bits": 8, "cols": 4} | fields))


def tiles(config, cls=TileIterator):
    """The iterator with a free job, and operands that come at any time after they are asked for."""
    dut = cls(config)
    rules = TilesOfAJob(config, dut)
    free = [dut.job.valid, Value.cast(dut.job.payload), dut.head, dut.parameter_requests.ready, dut.c_requests.ready,
            dut.arrived, dut.tiles.ready]  # fmt: skip
    return Proof(dut=dut, rules=rules), free


class TilesOfAJob(Elaboratable):
    """Each tile once, along N first, with its own address, sizes and bank, and not before its operands.

    Operands are asked for once, at the right address, and with ``fence_c`` not before all earlier jobs are complete.
    """

    def __init__(self, config, dut):
        self.config, self.dut = config, dut

    def elaborate(self, platform):
        m = Module()
        config, dut = self.config, self.dut
        cols, tile, given = config.tile.cols, dut.tiles.payload, dut.job.payload
        job = Signal.like(Value.cast(given))
        job = View(given.shape(), job)
        m.d.comb += Assume((given.m != 0) & (given.n != 0) & (given.block_rows != 0))
        m.d.comb += Assume((given.block_rows <= 2) & (given.m <= 4) & (given.n <= 3 * cols))
        m.d.comb += Assume(given.c_block_bytes == Mux(given.block_rows == 2, given.c_stride << 1, given.c_stride))
        m.d.comb += Assume(~(given.accumulate & (given.requant | given.bias)) & (~given.requant | given.bias))
        held, before = Signal(), Signal.like(Value.cast(given))
        m.d.sync += [held.eq(dut.job.valid & ~dut.job.ready), before.eq(given)]
        m.d.comb += Assume(~held | dut.job.valid & (Value.cast(given) == before))

        at_work, row, column, bank = Signal(), Signal(8), Signal(8), Signal()
        start = Signal(config.addr_bits)  # of the M-block
        handed, last_row, last_column = Signal(), Signal(), Signal()
        rows, columns = Signal(8), Signal(8)
        m.d.comb += handed.eq(dut.tiles.valid & dut.tiles.ready)
        m.d.comb += [rows.eq(job.m - row), columns.eq(job.n - column)]
        m.d.comb += [last_row.eq(rows <= job.block_rows), last_column.eq(columns <= cols)]
        address = start + Mux(job.requant, column, column << 2)
        with m.If(dut.job.valid & dut.job.ready):
            m.d.comb += Assert(~at_work)
            m.d.sync += [Value.cast(job).eq(given), at_work.eq(1), row.eq(0), column.eq(0), start.eq(given.c_address)]
        with m.If(handed):
            m.d.sync += [bank.eq(~bank), column.eq(column + cols)]
            with m.If(last_column):
                m.d.sync += [column.eq(0), row.eq(row + job.block_rows), start.eq(start + job.c_block_bytes)]
                m.d.sync += at_work.eq(~last_row)

        asked, there = Signal(), Signal()
        needs = job.accumulate | job.bias | job.requant
        with m.If(dut.tiles.valid):
            m.d.comb += Assert(at_work & (~needs | there))
            m.d.comb += Assert((tile.address == address[: config.addr_bits]) & (tile.stride == job.c_stride))
            m.d.comb += Assert(tile.rows == Mux(last_row, rows, job.block_rows))
            m.d.comb += Assert(tile.columns == Mux(last_column, columns, cols))
            m.d.comb += Assert(
                (tile.last == (last_row & last_column)) & (tile.bank == bank) & (tile.index == job.index)
            )
            m.d.comb += Assert(
                (tile.add == needs) & (tile.accumulate == job.accumulate) & (tile.requant == job.requant)
            )
        m.d.comb += Assume(~dut.arrived | asked & ~there)
        by_array, by_row = dut.parameter_requests, dut.c_requests
        request = by_array.payload.request
        m.d.comb += Assert(~(by_array.valid & by_row.valid))
        fenced = Signal()  # the head of the cycle before did not let it pass
        m.d.sync += fenced.eq(job.fence_c & (dut.head != job.index))
        for port in (by_array, by_row):
            with m.If(port.valid):
                m.d.comb += Assert(at_work & ~asked & ~fenced & (port.payload.index == job.index))
                m.d.comb += Assert(port.payload.request.bytes == Mux(last_column, columns, cols) << 2)
            with m.If(port.valid & port.ready):
                m.d.sync += asked.eq(1)
        with m.If(by_array.valid):
            m.d.comb += Assert(
                job.bias & (request.address == (job.parameter_address + (column << 2))[: config.addr_bits])
            )
            m.d.comb += Assert(request.rows == Mux(job.requant, 3, 1))
        with m.If(by_row.valid):
            m.d.comb += Assert(job.accumulate & (by_row.payload.request.address == address[: config.addr_bits]))
            m.d.comb += Assert(by_row.payload.request.rows == Mux(last_row, rows, job.block_rows))
        with m.If(dut.arrived):
            m.d.sync += there.eq(1)
        with m.If(handed):
            m.d.sync += [asked.eq(0), there.eq(0)]
        return m


def words(config, drain_cls=StoreDrain, shift=0):
    """Drain and packer, free tiles, and results that say which sums they are of; for ``shift`` see `Epilogue`."""
    drain, packer = drain_cls(config), StorePacker(config)
    epilogue = Epilogue(config, drain, packer, shift)
    rules = WordsOfTiles(config, drain, packer, epilogue)
    wires = Wires([(packer.claim, drain.claim), (drain.room, packer.room)])
    free = [drain.tiles.valid, Value.cast(drain.tiles.payload), drain.sums.ready, packer.o.ready]
    return Proof(drain=drain, packer=packer, epilogue=epilogue, wires=wires, rules=rules), free


def mark(tile, row, column, byte):
    """A byte of a sum that no other byte near it is equal to."""
    return Cat(tile[:1], row[:2], column[:2], Const(byte ^ 1 | 4, 3))


class Epilogue(Elaboratable):
    """Accumulators and requantizer: the results of a group are the marks of its sums, `LATE` cycles after them.

    Their place in the word comes ``shift`` cycles too late.
    """

    def __init__(self, config, drain, packer, shift):
        self.config, self.drain, self.packer, self.shift = config, drain, packer, shift
        self.released = Signal(4)

    def elaborate(self, platform):
        m = Module()
        config, drain = self.config, self.drain
        sums, lanes = drain.sums, config.requant_lanes
        m.d.sync += self.released.eq(self.released + sums.release)
        # `ready` stays until the release.
        ready = Signal()
        m.d.sync += ready.eq(sums.ready & ~sums.release)
        m.d.comb += Assume(~ready | sums.ready)
        fetched, output = Signal(6), Signal(6)  # tile and row, as fetched, and as moved on
        with m.If(sums.fetch):
            m.d.comb += Assert(sums.ready)
            m.d.sync += fetched.eq(Cat(sums.row | Const(0, 2), self.released))
        with m.If(sums.take):
            m.d.sync += output.eq(fetched)
        # The group comes two cycles after its fetch, its sums a cycle later.
        results = Signal(lanes * 32)
        marks = []
        for lane in range(lanes):
            column = Signal(4, name=f"column_{lane}")
            m.d.comb += column.eq(sums.group * lanes + lane)
            marks += [mark(output[2:], output[:2], column, byte) for byte in range(4)]
        m.d.sync += results.eq(Cat(marks))
        place, ends = [drain.place.as_value()], [drain.claim]
        for cycle in range(3 + LATE + self.shift):
            for values in (place, ends):
                values.append(Signal(len(values[-1]), name=f"late_{cycle}_{len(values[-1])}"))
                m.d.sync += values[-1].eq(values[-2])
        for cycle in range(LATE):
            late = Signal(len(results), name=f"results_{cycle}")
            m.d.sync += late.eq(results)
            results = late
        m.d.comb += [self.packer.place.as_value().eq(place[-1]), self.packer.ends.eq(ends[-1])]
        m.d.comb += self.packer.results.eq(results)
        return m


class WordsOfTiles(Elaboratable):
    """The words are those of the tiles in turn: every result, once, in order, and none without space in the queue."""

    def __init__(self, config, drain, packer, epilogue):
        self.config, self.drain, self.packer, self.epilogue = config, drain, packer, epilogue

    def elaborate(self, platform):
        m = Module()
        config, drain, o = self.config, self.drain, self.packer.o
        given = drain.tiles.payload
        m.d.comb += Assume((given.rows != 0) & (given.rows <= 2) & (given.columns != 0))
        m.d.comb += Assume(given.columns <= config.tile.cols)
        tiles = Array(
            Signal(tile_shape(config), name=f"tile_{n}") for n in range(8)
        )  # within the depth, more are not accepted
        accepted, current, row, word = Signal(4), Signal(4), Signal(2), Signal(4)
        with m.If(drain.tiles.valid & drain.tiles.ready):
            m.d.sync += [Value.cast(tiles[accepted[:3]]).eq(given), accepted.eq(accepted + 1)]
        m.d.comb += Assert(self.epilogue.released <= accepted)
        m.d.comb += Assume((accepted - current)[:4] <= 8)
        tile = View(tile_shape(config), Value.cast(tiles[current[:3]]))
        size = config.data_bits // 8
        count = Signal(4)
        m.d.comb += count.eq(
            Mux(tile.requant, (tile.columns + size - 1) // size, (4 * tile.columns + size - 1) // size)
        )
        with m.If(o.valid):
            m.d.comb += Assert(current != accepted)
            for byte in range(size):
                place = Signal(6, name=f"place_{byte}")
                m.d.comb += place.eq(word * size + byte)
                column = Signal(4, name=f"of_column_{byte}")
                m.d.comb += column.eq(Mux(tile.requant, place, place >> 2))
                number = Mux(tile.requant, 0, byte % 4)
                want = Mux(number == 0, mark(current, row, column, 0), mark(current, row, column, byte % 4))
                got = o.payload[8 * byte : 8 * byte + 8]
                m.d.comb += Assert((column >= tile.columns) | (got == want))
        with m.If(o.valid & o.ready):
            m.d.sync += word.eq(word + 1)
            with m.If(word + 1 == count):
                m.d.sync += [word.eq(0), row.eq(row + 1)]
                with m.If(row + 1 == tile.rows):
                    m.d.sync += [row.eq(0), current.eq(current + 1)]
        return m
