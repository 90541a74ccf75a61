"""Iterates over the output tiles of a job, and requests their operands from memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import INDEX_BITS, RESULT, AcceleratorConfig, job_shape, tile_shape, transfer_shape
from tilewright.arithmetic import CarryAdder
from tilewright.base import SharedComponent, place

__all__ = ["TileIterator"]


class TileIterator(SharedComponent):
    """Iterate over the tiles of each job, and request their parameters, or old C, one tile ahead.

    For each M-block of ``block_rows`` rows, for each N-tile of ``cols`` columns; the last of either may be short. A
    tile is offered when its operands have arrived; then the next is prepared. So there are two tiles with operands:
    the one that is being stored and the one offered, each with its own `bank`. The first tile of a job is offered 3
    cycles after the job is accepted; the next follows 2 cycles after a tile is accepted, 3 after the last of a row
    of tiles, 4 after that of a job; or else 2 cycles after its operands have `arrived`::

        job ──► Begin: start of a row of tiles ──► Settle: which are last ──► Offer: ask, wait, hand over ─┐
                  ▲                                  ▲                                                     │
                  └──────── next block, job ─────────┴───────────── next tile ─────────────────────────────┘

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order; copied when accepted, which is when the last tile of the one before has been accepted.
    head : In(unsigned(INDEX_BITS))
        Descriptors that are complete: a job with ``fence_c`` asks for nothing before this is its index.
    parameter_requests : Out(stream.Signature(transfer_shape(config)))
        Biases, and with ``requant`` multipliers and shifts: a row of the request each.
    c_requests : Out(stream.Signature(transfer_shape(config)))
        Old C: rows of the tile.
    arrived : In(1)
        In this cycle the last word of the request comes.
    tiles : Out(stream.Signature(tile_shape(config)))
        Tiles, in order, each with its operands in the bank it names. A tile stays until it is accepted.
    bank : Out(1)
        Bank of the operands that are on their way.
    waiting : Out(1)
        There is a job, but no tile is offered.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(job_shape(config))),
            "head": In(unsigned(INDEX_BITS)),
            "parameter_requests": Out(stream.Signature(transfer_shape(config))),
            "c_requests": Out(stream.Signature(transfer_shape(config))),
            "arrived": In(1),
            "tiles": Out(stream.Signature(tile_shape(config))),
            "bank": Out(1),
            "waiting": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        log2 = config.tile.cols.bit_length() - 1
        offer, tile = self.tiles, self.tiles.payload

        job = Signal(job_shape(config), reset_less=True)
        block = Signal(config.addr_bits, reset_less=True)  # of C, after this one
        rows_remaining = Signal(config.size_bits, reset_less=True)
        address = Signal(config.addr_bits, reset_less=True)
        parameters = Signal(config.addr_bits, reset_less=True)
        columns_remaining = Signal(config.size_bits, reset_less=True)
        last_column = Signal(reset_less=True)
        last_row = Signal(reset_less=True)
        tile_rows = Signal.like(tile.rows, reset_less=True)
        tile_columns = Signal.like(tile.columns, reset_less=True)
        bank = Signal()

        empty = Signal(init=1)
        begin = Signal()
        settle = Signal()
        settled = Signal()
        handed = Signal()
        job_ends = Signal()
        row_ends = handed & last_column & ~last_row
        m.d.comb += handed.eq(offer.valid & offer.ready)
        m.d.comb += job_ends.eq(handed & last_column & last_row)
        m.d.comb += self.job.ready.eq(empty)
        accepted = self.job.valid & self.job.ready
        m.d.sync += [
            empty.eq(job_ends | (empty & ~self.job.valid)),
            begin.eq(accepted | row_ends),
            settle.eq(begin | (handed & ~last_column)),
            settled.eq(settle | (settled & ~handed)),
        ]

        with m.If(accepted):
            m.d.sync += job.eq(self.job.payload)
            m.d.sync += rows_remaining.eq(self.job.payload.m)
            m.d.sync += block.eq(self.job.payload.c_address)
        with m.If(begin):
            m.d.sync += block.eq(block + job.c_block_bytes)
        with m.If(begin | handed):
            m.d.sync += address.eq(self._next_address(m, begin, block, address, job.requant, platform))
            m.d.sync += parameters.eq(self._next_parameters(m, begin, job.parameter_address, parameters, platform))
            m.d.sync += columns_remaining.eq(self._next_columns(m, begin, job.n, columns_remaining, platform))

        beyond = Signal(signed(config.size_bits + 1))  # rows below this block
        in_last_row = Signal()
        in_last_column = Signal()
        m.d.comb += beyond.eq(rows_remaining - job.block_rows)
        m.d.comb += in_last_row.eq((beyond < 0) | (beyond == 0))
        others = columns_remaining[log2:]
        m.d.comb += in_last_column.eq((others == 0) | (others == 1) & (columns_remaining[:log2] == 0))
        with m.If(row_ends):
            m.d.sync += rows_remaining.eq(beyond)
        with m.If(settle):
            m.d.sync += last_row.eq(in_last_row)
            m.d.sync += last_column.eq(in_last_column)
            m.d.sync += tile_rows.eq(Mux(in_last_row, rows_remaining, job.block_rows))
            m.d.sync += tile_columns.eq(Mux(in_last_column, columns_remaining, config.tile.cols))
        with m.If(handed):
            m.d.sync += bank.eq(~bank)

        m.d.comb += [
            tile.address.eq(address),
            tile.rows.eq(tile_rows),
            tile.columns.eq(tile_columns),
            tile.stride.eq(job.c_stride),
            tile.last.eq(last_row & last_column),
            tile.bank.eq(bank),
            tile.add.eq(job.requant | job.bias | job.accumulate),
            tile.integer.eq(job.b_format == config.integer if config.integer is not None else 0),
            *(
                tile[name].eq(job[name])
                for name in ("index", "accumulate", "requant", "double", "zero_point", "minimum", "maximum")
            ),
            self.bank.eq(bank),
        ]
        self._ask(m, settle, settled, handed, job, parameters)
        m.d.comb += self.waiting.eq(~empty & ~offer.valid)
        return m

    def _ask(self, m: Module, settle: Value, settled: Value, handed: Value, job: data.View, parameters: Value):
        """Request the operands of the tile, and offer it when they have arrived."""
        tile = self.tiles.payload
        free = Signal()  # of the fence
        asked = Signal()
        there = Signal()
        ask = Signal()
        m.d.sync += free.eq(~job.fence_c | (self.head == job.index))
        m.d.comb += ask.eq(settled & free & ~asked)
        by_row, by_array = self.c_requests, self.parameter_requests
        m.d.comb += by_row.valid.eq(ask & job.accumulate)
        m.d.comb += by_array.valid.eq(ask & tile.add & ~job.accumulate)
        for requests in (by_row, by_array):
            m.d.comb += requests.payload.index.eq(job.index)
            m.d.comb += requests.payload.request.bytes.eq(tile.columns << 2)
        m.d.comb += [
            by_row.payload.request.address.eq(tile.address),
            by_row.payload.request.rows.eq(tile.rows),
            by_row.payload.request.stride.eq(job.c_stride),
            by_array.payload.request.address.eq(parameters),
            by_array.payload.request.rows.eq(Mux(job.requant, 3, 1)),
            by_array.payload.request.stride.eq(job.parameter_pitch),
        ]
        with m.If(handed):
            m.d.sync += asked.eq(0)
            m.d.sync += there.eq(0)
        with m.Else():
            taken = (by_row.valid & by_row.ready) | (by_array.valid & by_array.ready)
            m.d.sync += asked.eq(asked | taken)
            m.d.sync += there.eq(there | self.arrived)
        offered = Signal()
        m.d.sync += offered.eq((settle & ~tile.add | settled & there | offered) & ~handed)
        m.d.comb += self.tiles.valid.eq(offered)

    def _next_address(self, m: Module, begin: Value, block: Value, address: Value, requant: Value, platform) -> Value:
        """``block`` if ``begin``, else ``cols`` elements further: choice and sum in one carry chain."""
        adder = place(m, "next_address", CarryAdder(len(address)), platform)
        cols = self.config.tile.cols
        step = {exact_log2(RESULT.bytes_of(cols)): requant, exact_log2(4 * cols): ~requant}
        for bit in range(len(address)):
            if bit in step:
                m.d.comb += adder.a[bit].eq(Mux(begin, block[bit], step[bit]))
                m.d.comb += adder.b[bit].eq(1)
            else:
                m.d.comb += adder.a[bit].eq(block[bit])
                m.d.comb += adder.b[bit].eq(begin)
        m.d.comb += adder.c.eq(address)
        m.d.comb += adder.d.eq((~begin).replicate(len(address)))
        return adder.total

    def _next_parameters(self, m: Module, begin: Value, first: Value, before: Value, platform) -> Value:
        """``first`` if ``begin``, else ``4 * cols`` further."""
        low = self.config.tile.cols.bit_length() + 1
        adder = place(m, "next_parameters", CarryAdder(len(first) - low + 1), platform)
        # The lowest bits of both operands are there for the carry.
        m.d.comb += adder.a.eq(Cat(1, first[low:]))
        m.d.comb += adder.b.eq(Cat(~begin, begin.replicate(len(first) - low)))
        m.d.comb += adder.c.eq(Cat(1, before[low:]))
        m.d.comb += adder.d.eq((~begin).replicate(len(adder.d)))
        return Cat(first[:low], adder.total[1:])

    def _next_columns(self, m: Module, begin: Value, first: Value, before: Value, platform) -> Value:
        """``first`` if ``begin``, else ``cols`` less: by adding ones to the upper bits."""
        log2 = self.config.tile.cols.bit_length() - 1
        adder = place(m, "next_columns", CarryAdder(len(first) - log2, either=True), platform)
        more = (~begin).replicate(len(adder.a))
        m.d.comb += [
            adder.a.eq(before[log2:]),
            adder.b.eq(more),
            adder.c.eq(first[log2:]),
            adder.d.eq(more),
        ]
        return Cat(first[:log2], adder.total)
