"""The store engine of the variant `compact`: one sum after the other, from the accumulators to memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import (
    ADDEND_BITS,
    RESULT,
    SHIFT_BITS,
    AcceleratorConfig,
    Activity,
    Unit,
    store_ports,
)
from tilewright.base import FSM, SharedComponent, place
from tilewright.dma import Cause
from tilewright.storage import BlockMemory

from .serial_requantizer import SerialRequantizer
from .tile_position import TilePosition

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
    job : In(stream.Signature(job_shape(config)))
        Accepted when it is complete; it stays until then.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``. Before it equals the job's ``index``, the job
        writes nothing, and with ``fence_c`` reads nothing.
    sums : Out(SumsPort(config))
        The sums of a tile, a column of a row at a time.
    parameter_requests, c_requests : Out(stream.Signature(transfer_shape(config)))
        The operands of a tile: parameters, a row for each array, or rows of the old C. Never both at once; each is
        offered until it is accepted, after its last word.
    parameter_words, c_words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of the current request, in order, each an int32. They are taken in the cycle in which they come.
    write_requests : Out(stream.Signature(transfer_shape(config)))
        The rows of a tile, to a `WordWriter`; offered until it accepts, which is when the tile is in memory.
    write_words : Out(stream.Signature(unsigned(32)))
        The words of that tile, row by row: an int32 each, or four int8 of which the first column is lowest. A word
        stays until it is accepted.
    write_status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How the request ended, from the `WordWriter`; one for each tile.
    completed : Out(1)
        The last tile of the job has been written, and none of it failed.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        Writing a tile has failed, in the cycle of its status. Nothing more is done then, as after a read that failed,
        until reset.
    sums_flipped, parameters_flipped : Out(FlippedBits())
        Flipped bits in the sums, and in biases, multipliers, shifts or old C; only with `ecc`.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(store_ports(config))

    def elaborate(self, platform):
        m = Module()
        config, job = self.config, self.job.payload
        scaler = place(m, "scaler", SerialRequantizer(config.rounding), platform)
        bits = config.addend_code.code_bits if config.ecc else ADDEND_BITS
        operands = place(m, "operands", BlockMemory(bits, config.acc_rows * config.tile.cols, False), platform)
        read = [Signal(name="operand_read"), Signal(name="sum_read")] if config.ecc else []
        sums, operand = self._check(m, operands, read, platform) if config.ecc else (self.sums.sums, operands.q)
        position = TilePosition(m, config, job)
        last_came, row_of_operand = self._operands(m, operands, position, platform)
        self._requests(m, position)
        adds = job.bias | job.requant | job.accumulate
        packed = Signal(config.data_bits, reset_less=True)
        part = position.column[: exact_log2(config.data_bits // RESULT.bits)]  # which of its results
        shift = Signal(SHIFT_BITS, reset_less=True)
        m.d.comb += [
            self.sums.row.eq(position.row),
            self.sums.group.eq(position.column),
            scaler.sum.eq(sums),
            scaler.addend.eq(Mux(adds, operand, 0)),
            scaler.multiplier.eq(operand),
            scaler.shift.eq(shift),
            *(scaler.format[name].eq(job[name]) for name in ("zero_point", "minimum", "maximum", "double")),
            self.write_words.payload.eq(Mux(job.requant, packed, scaler.total)),
        ]
        first = Signal()  # all earlier jobs are complete
        m.d.sync += first.eq(self.head == job.index)
        with m.FSM() as fsm:
            self._tile_states(m, position, first, adds, last_came)
            with m.State("Fetch"):
                m.d.comb += self.sums.fetch.eq(1)
                m.d.comb += operands.fetch.eq(1)
                m.d.comb += row_of_operand.eq(Mux(job.accumulate, position.row, 0))
                m.next = "Load"
            with m.State("Load"):
                m.d.comb += scaler.load.eq(1)
                if config.ecc:
                    m.d.comb += Cat(read).eq(Cat(adds, 1))
                m.d.comb += operands.fetch.eq(1)
                m.d.comb += row_of_operand.eq(SHIFTS)
                m.next = "Put"
                with m.If(job.requant):
                    m.next = "Scale"
            with m.State("Scale"):
                m.d.sync += shift.eq(operand)
                m.d.comb += scaler.start.eq(1)
                if config.ecc:
                    m.d.comb += read[0].eq(1)
                m.d.comb += operands.fetch.eq(1)
                m.d.comb += row_of_operand.eq(MULTIPLIERS)
                m.next = "Scaled"
            with m.State("Scaled"), m.If(scaler.done):
                m.d.sync += packed.word_select(part, RESULT.bits).eq(scaler.o)
                if config.ecc:
                    m.d.comb += read[0].eq(1)
                with m.If(position.row_ends | part.all()):
                    m.next = "Put"
                with m.Else():
                    m.d.sync += position.column.eq(position.column + 1)
                    m.next = "Fetch"
            self._word_states(m, position)
        with m.If(self.write_requests.ready):
            m.d.sync += position.writing.eq(0)
        self._report(m, fsm)
        return m

    def _check(self, m: Module, operands: BlockMemory, read: list[Signal], platform) -> tuple[Value, Value]:
        """The sum and the operand that were read, corrected; report what was found in them."""
        job = self.job.payload
        results = []
        for name, code, stored, which, port in (
            ("operand", self.config.addend_code, operands.q, read[0], self.parameters_flipped),
            ("sum", self.config.drained_code, self.sums.sums, read[1], self.sums_flipped),
        ):
            syndrome = code.syndrome(m, f"{name}_check", stored, platform)
            right, corrected, corrupt = code.correct(m, f"{name}_correction", stored[: code.bits], syndrome, platform)
            m.d.comb += [
                port.corrected.eq(which & corrected),
                port.corrupt.eq(which & corrupt),
                port.source.index.eq(job.index),
                port.source.row.eq(self.sums.row),
            ]
            results.append(right)
        operand, total = results
        return total.as_signed(), operand

    def _operands(self, m: Module, operands: BlockMemory, position: TilePosition, platform) -> tuple[Signal, Signal]:
        """Store the operands of a tile in their memory; return whether all have arrived, and the row to read."""
        config = self.config
        came = Signal()
        last_came = Signal()
        place_of_word = Signal(range(config.tile.cols))
        row_of_word = Signal(range(config.acc_rows))
        taken = Mux(self.c_words.valid, self.c_words.payload.as_value(), self.parameter_words.payload.as_value())
        word = Signal(config.dma.word_shape)
        m.d.comb += came.eq(self.c_words.valid | self.parameter_words.valid)
        m.d.comb += word.as_value().eq(taken)
        with m.If(came):
            m.d.sync += place_of_word.eq(place_of_word + 1)
            with m.If(word.row_last):
                m.d.sync += place_of_word.eq(0)
                m.d.sync += row_of_word.eq(row_of_word + 1)
            with m.If(word.last):
                m.d.sync += row_of_word.eq(0)
                m.d.sync += last_came.eq(1)
        row_of_operand = Signal(range(config.acc_rows))
        data = config.addend_code.encode(m, "checks", word.data, platform) if config.ecc else word.data
        m.d.comb += [
            operands.write.eq(came),
            operands.write_row.eq(Cat(place_of_word, row_of_word)),
            operands.data.eq(data),
            operands.read_row.eq(Cat(position.column, row_of_operand)),
        ]
        return last_came, row_of_operand

    def _requests(self, m: Module, position: TilePosition):
        """Drive the requests to the DMA engines: operands and old sums to read, results to write."""
        job = self.job.payload
        for requests, address_of, rows, stride in (
            (self.parameter_requests, position.parameters, Mux(job.requant, 3, 1), job.parameter_pitch),
            (self.c_requests, position.address, position.tile_rows, job.c_stride),
        ):
            m.d.comb += [
                requests.payload.index.eq(job.index),
                requests.payload.request.address.eq(address_of),
                requests.payload.request.bytes.eq(position.tile_columns << 2),
                requests.payload.request.rows.eq(rows),
                requests.payload.request.stride.eq(stride),
            ]
        request = self.write_requests.payload
        row_bytes = Mux(job.requant, RESULT.bytes_of(position.tile_columns), position.tile_columns << 2)
        m.d.comb += [
            self.write_requests.valid.eq(position.writing),
            request.index.eq(job.index),
            request.request.address.eq(position.address),
            request.request.bytes.eq(row_bytes),
            request.request.rows.eq(position.tile_rows),
            request.request.stride.eq(job.c_stride),
        ]

    def _tile_states(self, m: Module, position: TilePosition, first: Signal, adds: Value, last_came: Signal):
        """The states between two tiles: the operands are read before the sums are awaited."""
        job = self.job.payload
        with m.State("Idle"):
            m.d.sync += position.block.eq(job.c_address)
            m.d.sync += position.rows_remaining.eq(job.m)
            with m.If(self.job.valid):
                m.next = "Block"
        with m.State("Block"):
            m.d.sync += position.address.eq(position.block)
            m.d.sync += position.columns_remaining.eq(job.n)
            m.d.sync += position.parameters.eq(job.parameter_address)
            m.next = "Tile"
        with m.State("Tile"):
            m.d.sync += last_came.eq(0)
            with m.If(~adds):
                m.next = "Sums"
            with m.Elif(first | ~job.fence_c):
                m.next = "Ask"
        with m.State("Ask"):
            m.d.comb += self.c_requests.valid.eq(job.accumulate)
            m.d.comb += self.parameter_requests.valid.eq(~job.accumulate)
            with m.If(self.c_requests.ready | self.parameter_requests.ready):
                m.next = "Failed"
                with m.If(last_came):
                    m.next = "Sums"
        with m.State("Failed"):
            pass
        with m.State("Sums"), m.If(self.sums.ready & first):
            m.d.sync += position.writing.eq(1)
            m.next = "Fetch"

    def _word_states(self, m: Module, position: TilePosition):
        """The states that pass on a word and, after the last of a tile, wait for the status of its write."""
        with m.State("Put"):
            m.d.comb += self.write_words.valid.eq(1)
            with m.If(self.write_words.ready):
                m.d.sync += position.column.eq(position.column + 1)
                m.next = "Fetch"
                with m.If(position.row_ends):
                    m.d.sync += position.column.eq(0)
                    m.d.sync += position.row.eq(position.row + 1)
                with m.If(position.tile_ends):
                    m.d.comb += self.sums.release.eq(1)
                    m.d.sync += position.row.eq(0)
                    m.next = "Status"
        with m.State("Status"), m.If(self.write_status.valid & ~self.failure.valid):
            m.d.sync += position.next_tile
            m.next = "Tile"
            with m.If(position.in_last_tile):
                m.d.sync += position.next_block
                m.next = "Block"
                with m.If(position.in_last_block):
                    m.d.comb += self.completed.eq(1)
                    m.d.comb += self.job.ready.eq(1)
                    m.next = "Idle"

    def _report(self, m: Module, fsm: FSM):
        """Report a write that failed, and the activity of each cycle."""
        status, failure = self.write_status.payload, self.failure.payload
        m.d.comb += [
            self.failure.valid.eq(self.write_status.valid & (status.cause != Cause.NONE)),
            failure.unit.eq(Unit.STORE_C),
            failure.index.eq(self.job.payload.index),
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
