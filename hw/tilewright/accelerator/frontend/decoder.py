"""Collects the words of a descriptor, checks it, and derives the sizes that the engines need."""

from types import SimpleNamespace

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    RESULT,
    AcceleratorConfig,
    Unit,
    job_shape,
    vector_job_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.block_tile import chosen

from .field_checks import FieldChecks, PlannedGeometry
from .fields import Source, flags_of, gather_narrow, gather_whole
from .geometry_planner import GEOMETRY_SHAPE, GeometryPlanner
from .job_plan import copy_fields, plan_blocks
from .range_checks import Ranges, check_in_turn, check_together, last_step
from .reference_adder import ReferenceAdder
from .vector_check import VectorCheck

__all__ = ["DescriptorDecoder"]

# The matrices whose ends are checked, in the order in which errors are reported.
_RANGES = ("a", "b", "c", "parameter")


class DescriptorDecoder(SharedComponent):
    """Turn the bytes of a descriptor into a job, or an error.

    The rows of an M-block are ``half_words // pitch``, at most ``acc_rows``, by a division of one bit per cycle. The
    same bits, from the top, build up the products with the strides. Meanwhile the ends of all matrices are found, also
    bit by bit::

                                                    ┌─► checks, RangeCheck ──────────► error, unit
        words ──┬──► │descriptor│ (512 bits) ───────┼─► k_words, │pitch│ ─► divide ─┬► o.block_rows
        direct ─┘                                   └─► strides ─────────────────►  x ─► o.a_block_bytes, …

    `good` or `bad` rises `latency` cycles after the last word, for a descriptor from memory or from the host alike,
    and stays until `take` or reset. Nothing may come in meanwhile.

    An error is the first of VERSION, FLAGS, SIZE, ALIGNMENT, WRAPPED that is found; the unit is, for the last three,
    the first of A (with m and k), B (with n), C, parameters that has it. Parameters are not looked at unless they are
    used. A vector descriptor's x is A (with all that a rotation asks of n), its y is B, which is not looked at if the
    operation has none. WRAPPED: ``address + (rows - 1) * stride + bytes of a row`` is more than ``2**addr_bits``; or
    the entry of the ring is past the last address, and nothing else is looked at.

    Parameters
    ----------
    config : AcceleratorConfig
        Limits, alignment, and the sizes of the buffers.

    Attributes
    ----------
    latency : int
        Cycles from the last word, or `beyond`, to `good` or `bad`: 5 more than an address has bits. With the variant
        ``compact``, which checks one matrix after the other, ``4 * (addr_bits + 3) + 2``. From the last word, with
        `variables`, 12 more: see `ReferenceAdder`.

    Members
    -------
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The descriptor from memory: 64 bytes in bus words, the first byte lowest. Taken in the cycle in which they
        come.
    direct : In(1)
        The host writes the word `direct_word` of the descriptor; 15 is the last.
    direct_word : In(4)
        Number of the 32-bit word, 0 to 15. Sampled with `direct`.
    direct_data : In(unsigned(32))
        The value of that word. Sampled with `direct`.
    beyond : In(1)
        Instead of a descriptor: its entry in the ring is past the last address.
    variables : In(32 * config.variables)
        The values of the variables, number 0 lowest, from the last word until `good` or `bad`. Only with `variables`.
    good : Out(1)
        There is a job, until `take`.
    bad : Out(1)
        There is an error instead, until reset.
    error : Out(4)
        What is wrong, one of `ERRORS`. Valid with `bad`.
    unit : Out(Unit)
        The transfer whose fields are wrong; DESCRIPTOR if it is none of them. Valid with `bad`.
    job : Out(job_shape(config))
        The job, except for its ``index``. Valid with `good`, and unchanged until the next descriptor begins to come.
    vector : Out(1)
        The job is one of the vector engine. Valid with `good`; only with `vector_lanes`, like the next.
    vector_job : Out(vector_job_shape(config))
        That job, except for its ``index``. Valid with `good`, and unchanged until the next descriptor begins to come.
    interrupt : Out(1)
        The descriptor's flag INTERRUPT. Valid with `good`.
    take : In(1)
        The job has been taken: `good` is 0 in the next cycle.
    fetch_geometry : Out(1)
        For one cycle: the geometry must be read, and comes as `words` do. Only with `convolution`, like the next.
    geometry_address : Out(config.addr_bits)
        Where it is: `GEOMETRY`, 64 bytes before the parameters.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.top_bit = min(config.acc_rows, config.half_words).bit_length() - 1
        self.last_step = last_step(config)
        self.latency = (len(_RANGES) if config.compact else 1) * self.last_step + 2
        if config.variables:
            self.latency += ReferenceAdder.latency + 1
        assert self.last_step > self.top_bit + 2  # addresses have 16 bits or more, acc_rows 11 or fewer
        super().__init__({
            "words": In(stream.Signature(config.dma.word_shape, always_ready=True)),
            "direct": In(1),
            "direct_word": In(4),
            "direct_data": In(unsigned(32)),
            "beyond": In(1),
            "good": Out(1),
            "bad": Out(1),
            "error": Out(4),
            "unit": Out(Unit),
            "job": Out(job_shape(config)),
            "interrupt": Out(1),
            "take": In(1),
            **({"fetch_geometry": Out(1), "geometry_address": Out(config.addr_bits)} if config.convolution else {}),
            **({"variables": In(32 * config.variables)} if config.variables else {}),
            **({"vector": Out(1), "vector_job": Out(vector_job_shape(config))} if config.vector_lanes else {}),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        expecting = Signal()  # words are of a geometry
        words = SimpleNamespace(valid=self.words.valid & ~expecting, payload=self.words.payload)
        source = Source(words if config.convolution else self.words, self.direct, self.direct_word, self.direct_data)
        gather = gather_narrow if config.compact else gather_whole
        raw, last = gather(m, config, source)
        start = Signal()
        whole = self._refer(m, raw, last, platform) if config.variables else last
        m.d.sync += start.eq(whole | self.beyond)  # registered: who a word is for is decided late in a cycle
        step = Signal(range(self.last_step + 1))  # n in the n-th cycle after `start`, or of this check
        decide = Signal()
        flags = flags_of(raw)
        self.of_vector = VectorCheck(config, raw.as_value()) if config.vector_lanes else None
        self.planner: GeometryPlanner | None = None
        geometry: PlannedGeometry | None = None
        known: Value = Const(1)  # the geometry, if it is needed
        begin: Value = start
        if config.convolution:
            geometry = self._geometry(m, raw, expecting, decide, platform)
            known = ~flags["CONVOLUTION"] | self.planned
            begin = start | geometry.planner.done  # all checks again, now that the image is known
            with m.If(last):
                m.d.sync += self.planned.eq(0)
        with m.If(begin):
            m.d.sync += step.eq(1)
        with m.Elif(step == self.last_step):
            m.d.sync += step.eq(~decide)
        with m.Elif(step != 0):
            m.d.sync += step.eq(step + 1)
        with m.If(decide):
            m.d.sync += [
                self.good.eq(~self.error.any() & known),
                self.bad.eq(self.error.any()),
            ]
        with m.If(self.take):
            m.d.sync += self.good.eq(0)
        if config.compact:
            beyond = check_in_turn(m, config, raw, start, step, decide, platform)
        else:
            beyond = check_together(m, config, self._ranges(raw), begin, step, decide, platform)
        checks = FieldChecks(config, raw, self.of_vector, geometry)
        beyond &= Cat(known, checks.has_b(), 1, flags["REQUANT"] | flags["BIAS"])
        no_entry = Signal(name="beyond")  # in the ring's memory
        with m.If(self.beyond | self.words.valid | self.direct):
            m.d.sync += no_entry.eq(self.beyond)
        checks.decide(m, no_entry, beyond, self.error, self.unit)
        copy_fields(m, config, raw, self.job)
        m.d.comb += self.interrupt.eq(flags["INTERRUPT"])
        dividing = Cat(step == number for number in range(1, self.top_bit + 2))
        plan_blocks(m, config, raw, self.job, dividing, self.planner)
        if self.of_vector:
            m.d.comb += self.vector.eq(self.of_vector.present)
            self.of_vector.assign(m, self.vector_job, self.job)
        return m

    def _refer(self, m: Module, raw: data.View, last: Value, platform) -> Value:
        """Add variables to fields when the last word has come; return whether that is done."""
        adder = place(m, "references", ReferenceAdder(self.config), platform)
        m.d.sync += adder.start.eq(last)
        m.d.comb += [
            adder.text.eq(raw.as_value()),
            adder.variables.eq(self.variables),
        ]
        for word in adder.words:
            with m.If(adder.write & (adder.word == word.number)):
                m.d.sync += raw.as_value().word_select(word.number, 32).eq(adder.data)
        return adder.done

    def _geometry(self, m: Module, raw, expecting: Signal, decide: Value, platform) -> PlannedGeometry:
        """Fetch and plan a convolution's geometry when the rest is right."""
        config = self.config
        convolution = flags_of(raw)["CONVOLUTION"]
        self.planner = planner = place(m, "planner", GeometryPlanner(config), platform)
        self.planned = Signal(name="planned")
        beats = DESCRIPTOR_BYTES // config.word_bytes
        beat = Signal(range(beats))
        text = Signal(8 * DESCRIPTOR_BYTES, name="geometry", reset_less=True)
        came = expecting & self.words.valid
        word = self.words.payload.data
        last = Signal()
        m.d.comb += last.eq(came & (beat == beats - 1))
        with m.If(came):
            m.d.sync += beat.eq(beat + 1)
            for number in range(beats):
                with m.If(beat == number):
                    m.d.sync += text.word_select(number, config.data_bits).eq(word)
        with m.If(last):
            m.d.sync += [
                beat.eq(0),
                expecting.eq(0),
            ]
        fields = data.View(GEOMETRY_SHAPE, text)
        unknown = text[GEOMETRY_SHAPE["reserved"].offset :].any() | fields.depthwise[1:].any()
        asks = Signal()
        m.d.comb += asks.eq(decide & convolution & ~self.planned & ~self.error.any())
        with m.If(asks):
            m.d.sync += expecting.eq(1)
        with m.If(planner.done):
            m.d.sync += self.planned.eq(1)
        m.d.sync += planner.start.eq(last)
        m.d.comb += [
            self.fetch_geometry.eq(asks),
            self.geometry_address.eq(raw.parameter_address - DESCRIPTOR_BYTES),
            planner.geometry.eq(text),
            planner.m.eq(raw.m),
            planner.n.eq(raw.n),
            planner.k_words.eq(self.job.k_words),
            planner.address.eq(raw.a_address),
            planner.a_stride.eq(raw.a_stride),
            planner.c_stride.eq(raw.c_stride),
            self.job.convolution.eq(convolution),
            self.job.window.eq(planner.window),
        ]
        return PlannedGeometry(planner, convolution & self.planned, unknown)

    def _ranges(self, raw) -> Ranges:
        """Address, rows, stride and bytes of a row of each of `_RANGES`."""
        flags = flags_of(raw)
        k, n, rows = (raw[name][: self.config.size_bits] for name in "knm")
        four_n = Cat(Const(0, 2), n)
        integer = raw.b_format == self.config.integer if len(self.config.a_all) > 1 else Const(0, 0)
        a_rows, a_bytes = rows, chosen([form.row_bytes(k) for form in self.config.a_all], integer)
        if self.planner:
            window = self.planner.window
            a_rows = Mux(flags["CONVOLUTION"], window.height, rows)
            a_bytes = Mux(flags["CONVOLUTION"], window.row_bytes, a_bytes)
        shapes = {
            "a": (a_rows, raw.a_stride, a_bytes),
            "b": (n, raw.b_stride, chosen([form.row_bytes(k) for form in self.config.b_all], raw.b_format)),
            "c": (rows, raw.c_stride, Mux(flags["REQUANT"], RESULT.bytes_of(n), four_n)),
            # Multipliers and shifts follow the biases, each a row.
            "parameter": (Mux(flags["REQUANT"], 3, 1), self.job.parameter_pitch, four_n),
        }
        if vector := self.of_vector:
            for name, row_bytes in vector.row_bytes.items():
                rows_of, stride, bytes_of = shapes[name]
                own = Mux(vector.columns, n, rows) if name == "c" else rows
                shapes[name] = Mux(vector.present, own, rows_of), stride, Mux(vector.present, row_bytes, bytes_of)
        return {name: (raw[f"{name}_address"], *shapes[name]) for name in _RANGES}
