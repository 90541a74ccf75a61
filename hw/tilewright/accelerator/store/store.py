"""The store engine: sums from the accumulators, through the epilogue, to memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import connect, flipped

from tilewright.accelerator.contract import (
    ADDEND_BITS,
    AcceleratorConfig,
    Activity,
    store_ports,
)
from tilewright.accelerator.epilogue import ParameterBuffer, Requantizer
from tilewright.base import SharedComponent, place
from tilewright.block_tile import Float32Lane, accumulator_shape, chosen
from tilewright.formats import guard_bits
from tilewright.storage import DelayLine, delayed

from .drain import StoreDrain
from .packer import StorePacker
from .tile_iterator import TileIterator
from .write_requests import StoreWrites

__all__ = ["Store"]


class Store(SharedComponent):
    """Store the results of each job, in tiles of ``block_rows`` rows and ``cols`` columns, in the order of the sums.

    Results are those of `tilewright_sim.models.gemm`. Tiles run along N first. Parameters, or old C,
    are requested one tile ahead, also into the next job::

        job ──► TileIterator ──► requests      words ──► ParameterBuffer ──┐
                    │ tiles                                               ▼
                    ├──► StoreDrain ──► sums         sums.sums ─────► Requantizer ──► StorePacker ──► write_words
                    │                                                 with scales: Float32Lane, or both
                    └──► StoreWrites ──► write_requests        write_status ──► completed, failure

    Requantized, `requant_lanes` sums are taken in a cycle; raw, a bus word is made in a cycle. Between tiles, and
    jobs, 2 cycles are lost, and what the next operands take longer than the tile before (old C always does: it is as
    many words as are written). The first word is offered `latency` cycles after its last sums were fetched, which is in
    the cycle of `sums.ready` at the earliest.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order; copied when accepted.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``. Before it equals the job's ``index``, the job
        writes nothing, and with ``fence_c`` reads nothing.
    sums : Out(SumsPort(config))
        The tiles of sums. A row fetched in cycle t is taken in t + 1; `release` comes with the last `group` of a tile.
    parameter_requests, c_requests : Out(stream.Signature(transfer_shape(config)))
        The operands of a tile: parameters, a row for each array, or rows of the old C. A request stays until it is
        accepted.
    parameter_words, c_words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of those requests, in order: biases, multipliers and shifts of an N-tile, a row each; rows of the
        old C. Taken in the cycle in which they come.
    write_requests : Out(stream.Signature(transfer_shape(config)))
        The rows of a tile, to a `DmaWriter`. A request stays until it is accepted.
    write_words : Out(stream.Signature(unsigned(result_word_bits)))
        The words of the tiles, with `ecc` and their check bits, in order. They may come before their request, and stay
        until they are accepted.
    write_status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How each write request ended, in order.
    completed : Out(1)
        The last tile of a job has been written, and none of it failed.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        Writing a tile has failed, in the cycle of its status.
    sums_flipped, parameters_flipped : Out(FlippedBits())
        Flipped bits in the sums that drain, and in biases, multipliers, shifts or old C; only with `ecc`.
    activity : Out(Activity)
        What the engine did in the cycle before, or waited for. From a register.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(store_ports(config))

    @property
    def latency(self) -> int:
        """Cycles from the fetch of a word's last sums to its offer."""
        config = self.config
        epilogues = [Float32Lane.LATENCY] if config.scaled else []
        if config.integers:
            epilogues.append(Requantizer.latency_of(config.rounding))
        return config.fetch_cycles + max(epilogues) + 2

    def elaborate(self, platform):
        m = Module()
        config = self.config
        iterator = place(m, "iterator", TileIterator(config), platform)
        drain = place(m, "drain", StoreDrain(config), platform)
        packer = place(m, "packer", StorePacker(config), platform)
        writes = place(m, "writes", StoreWrites(config), platform)

        connect(m, flipped(self.job), iterator.job)
        connect(m, iterator.parameter_requests, flipped(self.parameter_requests))
        connect(m, iterator.c_requests, flipped(self.c_requests))
        connect(m, packer.o, flipped(self.write_words))
        connect(m, writes.requests, flipped(self.write_requests))
        connect(m, flipped(self.write_status), writes.status)
        connect(m, writes.failure, flipped(self.failure))
        m.d.comb += iterator.head.eq(self.head)
        m.d.comb += writes.head.eq(self.head)
        m.d.comb += self.completed.eq(writes.completed)

        # Both take a tile at once.
        tiles = iterator.tiles
        m.d.comb += drain.tiles.payload.eq(tiles.payload)
        m.d.comb += writes.tiles.payload.eq(tiles.payload)
        m.d.comb += [
            drain.tiles.valid.eq(tiles.valid & writes.tiles.ready),
            writes.tiles.valid.eq(tiles.valid & drain.tiles.ready),
            tiles.ready.eq(drain.tiles.ready & writes.tiles.ready),
        ]

        connect(m, drain.sums, flipped(self.sums))
        results = self._results(m, iterator, drain, platform)
        m.d.comb += packer.claim.eq(drain.claim)
        m.d.comb += drain.room.eq(packer.room)

        cycles = self.latency - 2
        ends = Signal(cycles)
        m.d.sync += ends.eq(ends << 1 | drain.claim)
        late_place = place(m, "place", DelayLine(len(drain.place.as_value()), cycles), platform)
        m.d.comb += late_place.i.eq(drain.place)
        m.d.comb += packer.place.eq(late_place.o)
        m.d.comb += packer.ends.eq(ends[-1])
        m.d.comb += packer.results.eq(chosen(results, packer.place.integer))

        stalled = Signal()
        m.d.comb += stalled.eq(self.write_words.valid & ~self.write_words.ready)
        activity = Signal(Activity)
        with m.If(drain.busy):
            m.d.sync += activity.eq(Activity.BUSY)
        with m.Elif(drain.starved | (~drain.present & tiles.valid & ~self.sums.ready)):
            m.d.sync += activity.eq(Activity.DEPENDENCY)
        with m.Elif(drain.present):
            m.d.sync += activity.eq(Mux(stalled, Activity.MEMORY, Activity.SPACE))
        with m.Elif(tiles.valid & writes.tiles.ready):
            m.d.sync += activity.eq(Activity.SPACE)
        with m.Elif(iterator.waiting | tiles.valid | writes.pending):
            m.d.sync += activity.eq(Activity.MEMORY)
        with m.Else():
            m.d.sync += activity.eq(Activity.IDLE)
        m.d.comb += self.activity.eq(activity)
        return m

    def _results(self, m: Module, iterator: TileIterator, drain: StoreDrain, platform) -> list[Value]:
        """What becomes of the sums: float32, integers, or both, in the same cycle."""
        config, epilogue = self.config, self.latency - self.config.fetch_cycles - 2
        found = []
        if config.scaled:
            floats = self._convert(m, platform)
            found.append(delayed(m, "late_floats", floats, epilogue - Float32Lane.LATENCY, platform))
        if config.integers:
            integers = self._requantize(m, iterator, drain, platform)
            wait = epilogue - Requantizer.latency_of(config.rounding)
            found.append(delayed(m, "late_integers", integers, wait, platform))
        return found

    def _convert(self, m: Module, platform) -> Value:
        """Make the sums float32; there are no parameters."""
        config = self.config
        results = []
        for lane in range(config.requant_lanes):
            convert = place(m, f"lane_{lane}", Float32Lane(config.block_tile), platform)
            m.d.comb += convert.i.eq(self.sums.sums.word_select(lane, len(convert.i.as_value())))
            results.append(convert.o)
        return Cat(results)

    def _requantize(self, m: Module, iterator: TileIterator, drain: StoreDrain, platform) -> Value:
        """Send the sums through the epilogue, with their parameters."""
        config = self.config
        parameters = place(m, "parameters", ParameterBuffer(config), platform)
        requantizer = place(m, "requantizer", Requantizer(config.requant_lanes, config.rounding, config.ecc), platform)
        connect(m, flipped(self.parameter_words), parameters.parameter_words)
        connect(m, flipped(self.c_words), parameters.c_words)
        m.d.comb += [
            parameters.bank.eq(iterator.bank),
            iterator.arrived.eq(parameters.arrived),
            parameters.fetch.eq(drain.fetch),
            parameters.row.eq(drain.row),
            requantizer.sums.eq(
                self._check(m, requantizer, drain, parameters, platform) if config.ecc else self._integers()
            ),
            requantizer.addends.eq(parameters.addends),
            requantizer.multipliers.eq(parameters.multipliers),
            requantizer.shifts.eq(parameters.shifts),
            requantizer.add.eq(drain.add),
            requantizer.format.eq(drain.format),
        ]
        return requantizer.o

    def _integers(self) -> Value:
        """The sums as int32; those of scales that are 1 are exact, in upper bits of the accumulators."""
        if not self.config.scaled:
            return self.sums.sums
        tile = self.config.block_tile
        shape, below = accumulator_shape(tile), guard_bits(tile.a, tile.b)
        words = (self.sums.sums.word_select(lane, shape.size) for lane in range(self.config.requant_lanes))
        values = (data.View(shape, word).value[below:].as_signed() for word in words)
        return Cat((value + Const(0, signed(ADDEND_BITS)))[:ADDEND_BITS] for value in values)

    def _delay_source(self, m: Module, drain: StoreDrain, platform) -> tuple[Value, Value, data.View]:
        """Whether sums are in the epilogue, which bus words of their operands count, and where they come from."""
        cycles = self.config.fetch_cycles
        reading = Signal(cycles)
        m.d.sync += reading.eq(Cat(drain.busy, reading))
        source = drain.read.as_value()
        late = place(m, "source", DelayLine(len(source) + len(drain.read_parts), cycles), platform)
        m.d.comb += late.i.eq(Cat(source, drain.read_parts))
        return reading[-1], late.o[len(source) :], data.View(drain.read.shape(), late.o[: len(source)])

    def _check(
        self, m: Module, requantizer: Requantizer, drain: StoreDrain, parameters: ParameterBuffer, platform
    ) -> Value:
        """Report what is flipped in sums and parameters; return the sums, whose flips go to the epilogue."""
        config, code = self.config, self.config.drained_code
        reading, parts, source = self._delay_source(m, drain, platform)
        word = Signal(code.bits, reset_less=True)
        syndrome = Signal(code.check_bits, reset_less=True)
        m.d.sync += word.eq(self.sums.sums[: code.bits])
        m.d.sync += syndrome.eq(code.syndrome(m, "sums_check", self.sums.sums, platform))
        positions, groups, corrected, corrupt = code.locate(m, "sums_locator", syndrome, platform)

        def lanes(value: Value) -> Value:
            some = (value.word_select(lane, config.sum_bits).as_signed() for lane in range(config.requant_lanes))
            return Cat((one + Const(0, signed(ADDEND_BITS)))[:ADDEND_BITS] for one in some)

        m.d.comb += requantizer.flip_positions.eq(lanes(positions))
        m.d.comb += requantizer.flip_groups.eq(lanes(groups))
        m.d.comb += [
            self.sums_flipped.corrected.eq(reading & corrected),
            self.sums_flipped.corrupt.eq(reading & corrupt),
            self.sums_flipped.source.eq(source),
        ]
        addends, scales = (
            parts & (reading & drain.add).replicate(len(parts)),
            parts & (reading & drain.format.requant).replicate(len(parts)),
        )
        m.d.comb += [
            self.parameters_flipped.corrected.eq(
                ((addends & parameters.addends_corrected) | (scales & parameters.scales_corrected)).any()
            ),
            self.parameters_flipped.corrupt.eq(
                ((addends & parameters.addends_corrupt) | (scales & parameters.scales_corrupt)).any()
            ),
            self.parameters_flipped.source.eq(source),
        ]
        return lanes(word)
