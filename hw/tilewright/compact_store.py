"""The walker that stores, for the variant `compact`: one sum after the other, from the accumulators to memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from .accelerator_config import ADDEND_BITS, INDEX_BITS, AcceleratorConfig, Activity, Unit
from .block_memory import BlockMemory
from .dma_config import Cause
from .requant_lane import SHIFT_BITS
from .serial_requantizer import SerialRequantizer
from .target import SharedComponent, place

__all__ = ["CompactStore"]

# Rows of a parameter request.
MULTIPLIERS, SHIFTS = 1, 2


class CompactStore(SharedComponent):
    """Do what `Store` does, for one tile, one row, one column after the other.

    A tile's parameters, or its old C, are read before its sums are waited for; a word is made when the one before has
    been taken; the next tile begins when this one is in memory. A sum takes 2 cycles, and 106 more if it is requantized
    (`SerialRequantizer`); a word takes as long as `WordWriter` does::

        words ──►│operands│──┐                         job, row, column
                             ▼                                ▼
        sums ──────────► SerialRequantizer ──►│word│──► write_words, write_requests

    Parameters
    ----------
    config : AcceleratorConfig
        With ``variant = compact``.

    Members
    -------
    job : In(stream.Signature(config.job_shape))
        Accepted when it is complete; it stays until then.
    head : In(unsigned(INDEX_BITS))
    sums_ready : In(1)
    sums_fetch, sums_release : Out(1)
    sums_row : Out(range(acc_rows))
    sums_group : Out(range(cols))
    sums : In(unsigned(32))
        As of `Accumulators`.
    parameter_requests, c_requests : Out(stream.Signature(config.transfer_shape))
        Never both at once.
    parameter_words, c_words : In(stream.Signature(config.dma.word_shape, always_ready=True))
    write_requests : Out(stream.Signature(config.transfer_shape))
    write_words : Out(stream.Signature(unsigned(32)))
    write_status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        To and from a `WordWriter`; a request for each tile.
    completed : Out(1)
        The last tile of the job has been written, and none of it failed.
    failure : Out(stream.Signature(config.failure_shape, always_ready=True))
        The writing of a tile has. Nothing more is done then, as after a read that failed, until reset.
    activity : Out(Activity)
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        transfers = stream.Signature(config.transfer_shape)
        words = stream.Signature(config.dma.word_shape, always_ready=True)
        super().__init__({
            "job": In(stream.Signature(config.job_shape)),
            "head": In(unsigned(INDEX_BITS)),
            "sums_ready": In(1),
            "sums_fetch": Out(1),
            "sums_release": Out(1),
            "sums_row": Out(range(config.acc_rows)),
            "sums_group": Out(range(config.cols)),
            "sums": In(unsigned(ADDEND_BITS)),
            "parameter_requests": Out(transfers),
            "parameter_words": In(words),
            "c_requests": Out(transfers),
            "c_words": In(words),
            "write_requests": Out(transfers),
            "write_words": Out(stream.Signature(config.data_bits)),
            "write_status": In(stream.Signature(config.dma.status_shape, always_ready=True)),
            "completed": Out(1),
            "failure": Out(stream.Signature(config.failure_shape, always_ready=True)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.job.payload
        scaler = place(m, "scaler", SerialRequantizer(config.rounding), platform)
        operands = place(m, "operands", BlockMemory(ADDEND_BITS, config.acc_rows * config.cols, False), platform)

        # Where the walk is.
        block = Signal(config.addr_bits, reset_less=True)  # of C
        address = Signal(config.addr_bits, reset_less=True)
        parameters = Signal(config.addr_bits, reset_less=True)
        rows_left = Signal(config.size_bits, reset_less=True)
        columns_left = Signal(config.size_bits, reset_less=True)
        row = Signal(range(config.acc_rows))
        column = Signal(range(config.cols))
        in_last_block, in_last_tile = Signal(), Signal()
        tile_rows, tile_columns = Signal.like(job.block_rows), Signal(range(config.cols + 1))
        m.d.comb += [
            in_last_block.eq(rows_left <= job.block_rows),
            in_last_tile.eq(columns_left <= config.cols),
            tile_rows.eq(Mux(in_last_block, rows_left, job.block_rows)),
            tile_columns.eq(Mux(in_last_tile, columns_left, config.cols)),
        ]
        row_ends, tile_ends = Signal(), Signal()
        m.d.comb += [row_ends.eq(column + 1 == tile_columns), tile_ends.eq(row_ends & (row + 1 == tile_rows))]

        # Operands of the tile: rows as they come.
        came, last_came = Signal(), Signal()
        place_of_word = Signal(range(config.cols))
        row_of_word = Signal(range(config.acc_rows))
        taken = Mux(self.c_words.valid, self.c_words.payload.as_value(), self.parameter_words.payload.as_value())
        word = Signal(config.dma.word_shape)
        m.d.comb += [came.eq(self.c_words.valid | self.parameter_words.valid), word.as_value().eq(taken)]
        with m.If(came):
            m.d.sync += place_of_word.eq(place_of_word + 1)
            with m.If(word.row_last):
                m.d.sync += [place_of_word.eq(0), row_of_word.eq(row_of_word + 1)]
            with m.If(word.last):
                m.d.sync += [row_of_word.eq(0), last_came.eq(1)]
        row_of_operand = Signal(range(config.acc_rows))
        m.d.comb += [
            operands.write.eq(came),
            operands.write_row.eq(Cat(place_of_word, row_of_word)),
            operands.data.eq(word.data),
            operands.read_row.eq(Cat(column, row_of_operand)),
        ]

        adds = job.bias | job.requant | job.accumulate
        for requests, address_of, rows, stride in (
            (self.parameter_requests, parameters, Mux(job.requant, 3, 1), job.parameter_pitch),
            (self.c_requests, address, tile_rows, job.c_stride),
        ):
            m.d.comb += [
                requests.payload.index.eq(job.index),
                requests.payload.request.address.eq(address_of),
                requests.payload.request.bytes.eq(tile_columns << 2),
                requests.payload.request.rows.eq(rows),
                requests.payload.request.stride.eq(stride),
            ]
        writing = Signal()
        request = self.write_requests.payload
        m.d.comb += [
            self.write_requests.valid.eq(writing),
            request.index.eq(job.index),
            request.request.address.eq(address),
            request.request.bytes.eq(Mux(job.requant, tile_columns, tile_columns << 2)),
            request.request.rows.eq(tile_rows),
            request.request.stride.eq(job.c_stride),
        ]

        packed = Signal(config.data_bits, reset_less=True)
        shift = Signal(SHIFT_BITS, reset_less=True)
        m.d.comb += [
            self.sums_row.eq(row),
            self.sums_group.eq(column),
            scaler.sum.eq(self.sums),
            scaler.addend.eq(Mux(adds, operands.q, 0)),
            scaler.multiplier.eq(operands.q),
            scaler.shift.eq(shift),
            *(scaler.format[name].eq(job[name]) for name in ("zero_point", "minimum", "maximum")),
            self.write_words.payload.eq(Mux(job.requant, packed, scaler.total)),
        ]
        first = Signal()  # all earlier jobs are complete
        m.d.sync += first.eq(self.head == job.index)
        with m.FSM() as fsm:
            with m.State("Idle"):
                m.d.sync += [block.eq(job.c_address), rows_left.eq(job.m)]
                with m.If(self.job.valid):
                    m.next = "Block"
            with m.State("Block"):
                m.d.sync += [address.eq(block), columns_left.eq(job.n), parameters.eq(job.parameter_address)]
                m.next = "Tile"
            with m.State("Tile"):
                m.d.sync += last_came.eq(0)
                with m.If(~adds):
                    m.next = "Sums"
                with m.Elif(first | ~job.fence_c):
                    m.next = "Ask"
            with m.State("Ask"):
                accumulates = job.accumulate
                m.d.comb += [self.c_requests.valid.eq(accumulates), self.parameter_requests.valid.eq(~accumulates)]
                with m.If(self.c_requests.ready | self.parameter_requests.ready):
                    m.next = "Failed"
                    with m.If(last_came):
                        m.next = "Sums"
            with m.State("Failed"):
                pass
            with m.State("Sums"), m.If(self.sums_ready & first):
                m.d.sync += writing.eq(1)
                m.next = "Fetch"
            with m.State("Fetch"):
                m.d.comb += [self.sums_fetch.eq(1), operands.fetch.eq(1)]
                m.d.comb += row_of_operand.eq(Mux(job.accumulate, row, 0))
                m.next = "Load"
            with m.State("Load"):
                m.d.comb += [scaler.load.eq(1), operands.fetch.eq(1), row_of_operand.eq(SHIFTS)]
                m.next = "Put"
                with m.If(job.requant):
                    m.next = "Scale"
            with m.State("Scale"):
                m.d.sync += shift.eq(operands.q)
                m.d.comb += [scaler.start.eq(1), operands.fetch.eq(1), row_of_operand.eq(MULTIPLIERS)]
                m.next = "Scaled"
            with m.State("Scaled"), m.If(scaler.done):
                m.d.sync += packed.word_select(column[:2], 8).eq(scaler.o)
                with m.If(row_ends | column[:2].all()):
                    m.next = "Put"
                with m.Else():
                    m.d.sync += column.eq(column + 1)
                    m.next = "Fetch"
            with m.State("Put"):
                m.d.comb += self.write_words.valid.eq(1)
                with m.If(self.write_words.ready):
                    m.d.sync += column.eq(column + 1)
                    m.next = "Fetch"
                    with m.If(row_ends):
                        m.d.sync += [column.eq(0), row.eq(row + 1)]
                    with m.If(tile_ends):
                        m.d.comb += self.sums_release.eq(1)
                        m.d.sync += row.eq(0)
                        m.next = "Status"
            with m.State("Status"), m.If(self.write_status.valid & ~self.failure.valid):
                m.d.sync += [
                    address.eq(address + Mux(job.requant, config.cols, 4 * config.cols)),
                    parameters.eq(parameters + 4 * config.cols),
                    columns_left.eq(columns_left - config.cols),
                ]
                m.next = "Tile"
                with m.If(in_last_tile):
                    m.d.sync += [block.eq(block + job.c_block_bytes), rows_left.eq(rows_left - job.block_rows)]
                    m.next = "Block"
                    with m.If(in_last_block):
                        m.d.comb += [self.completed.eq(1), self.job.ready.eq(1)]
                        m.next = "Idle"
        with m.If(self.write_requests.ready):
            m.d.sync += writing.eq(0)
        status, failure = self.write_status.payload, self.failure.payload
        m.d.comb += [
            self.failure.valid.eq(self.write_status.valid & (status.cause != Cause.NONE)),
            failure.unit.eq(Unit.STORE_C),
            failure.index.eq(job.index),
            failure.cause.eq(status.cause),
            failure.address.eq(status.address),
        ]

        with m.If(fsm.ongoing("Idle")):
            m.d.comb += self.activity.eq(Activity.IDLE)
        with m.Elif(fsm.ongoing("Sums") | fsm.ongoing("Tile")):
            m.d.comb += self.activity.eq(Activity.DEPENDENCY)
        with m.Elif(fsm.ongoing("Ask") | fsm.ongoing("Put") | fsm.ongoing("Status")):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Else():
            m.d.comb += self.activity.eq(Activity.BUSY)
        return m
