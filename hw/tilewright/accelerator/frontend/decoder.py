"""Collects the words of a descriptor, checks it, and derives the sizes that the engines need."""

from types import SimpleNamespace

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    PARAMETER_PITCH_BYTES,
    RESULT,
    AcceleratorConfig,
    Unit,
    job_shape,
    vector_job_shape,
)
from tilewright.accelerator.registers import DESCRIPTOR_VERSION, ERRORS, FLAGS, flag_count
from tilewright.base import SharedComponent, place
from tilewright.block_tile import chosen

from .fields import Source, gather_narrow, gather_whole, over
from .geometry_planner import GEOMETRY_SHAPE, GeometryPlanner
from .range_checks import Ranges, check_in_turn, check_together, last_step
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
        ``compact``, which checks one matrix after the other, ``4 * (addr_bits + 3) + 2``.

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
        m.d.sync += start.eq(last | self.beyond)  # registered: who a word is for is decided late in a cycle
        step = Signal(range(self.last_step + 1))  # n in the n-th cycle after `start`, or of this check
        decide = Signal()
        flags = flags_of(raw)
        self.of_vector = VectorCheck(config, raw.as_value()) if config.vector_lanes else None
        known: Value = Const(1)  # the geometry, if it is needed
        begin: Value = start
        if config.convolution:
            known = self._geometry(m, raw, expecting, decide, platform)
            begin = start | self.planner.done  # all checks again, now that the image is known
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
        has_bc = Cat(self._has_b(), 1) if self.of_vector else Const(0b11, 2)
        self._check(m, raw, beyond & Cat(known, has_bc, flags["REQUANT"] | flags["BIAS"]))
        self._plan(m, raw, Cat(step == number for number in range(1, self.top_bit + 2)))
        if self.of_vector:
            m.d.comb += self.vector.eq(self.of_vector.present)
            self.of_vector.assign(m, self.vector_job, self.job)
        return m

    def _geometry(self, m: Module, raw, expecting: Signal, decide: Value, platform) -> Value:
        """Fetch and plan a convolution's geometry when the rest is right; return whether nothing remains to be done."""
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
        self.unknown_geometry = text[GEOMETRY_SHAPE["reserved"].offset :].any() | fields.depthwise[1:].any()
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
        return ~convolution | self.planned

    def _has_b(self) -> Value:
        """Whether there is a matrix at B: of a vector job only if its operation has two operands."""
        vector = self.of_vector
        assert vector
        return ~vector.present | vector.with_y

    def _ranges(self, raw) -> Ranges:
        """Address, rows, stride and bytes of a row of each of `_RANGES`."""
        flags = flags_of(raw)
        k, n, rows = (raw[name][: self.config.size_bits] for name in "knm")
        four_n = Cat(Const(0, 2), n)
        a_rows, a_bytes = rows, self.config.a.row_bytes(k)
        if self.config.convolution:
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
                shapes[name] = Mux(vector.present, rows, rows_of), stride, Mux(vector.present, row_bytes, bytes_of)
        return {name: (raw[f"{name}_address"], *shapes[name]) for name in _RANGES}

    def _check(self, m: Module, raw, ranges: Value):
        """Find errors; ``ranges`` are known in the last cycle before the decision, all others in two cycles."""
        config = self.config
        flags = flags_of(raw)
        used = flags["REQUANT"] | flags["BIAS"]
        convolution = flags["CONVOLUTION"] if config.convolution else Const(0, 1)

        def address_over(name: str) -> Value:
            return raw[f"{name}_address"][config.addr_bits :].any()

        def stride_over(name: str) -> Value:
            return raw[f"{name}_stride"][config.stride_bits :].any()

        def unaligned(name: str) -> Value:
            low = slice(0, 0 if config.unaligned else config.dma.word_log2)
            return raw[name][low].any()

        k_over = over(raw.k, config.k_limit)
        vector = self.of_vector
        if vector:
            k_over = Mux(vector.present, vector.size, k_over)
        sizes = {
            Unit.LOAD_A: over(raw.m, config.size_limit) | k_over | address_over("a") | stride_over("a"),
            Unit.LOAD_B: over(raw.n, config.size_limit) | address_over("b") | stride_over("b"),
            Unit.STORE_C: address_over("c") | stride_over("c"),
            Unit.PARAMETERS: (used | convolution) & address_over("parameter"),
        }
        alignments = {
            Unit.LOAD_A: unaligned("a_address") | unaligned("a_stride"),
            Unit.LOAD_B: unaligned("b_address") | unaligned("b_stride"),
            Unit.STORE_C: unaligned("c_address") | unaligned("c_stride"),
            Unit.PARAMETERS: used & unaligned("parameter_address"),
        }
        if vector:
            b_over = self._has_b() & (address_over("b") | stride_over("b"))
            sizes[Unit.LOAD_B] = over(raw.n, config.size_limit) | b_over
            sines = Const(0, 1) if config.unaligned else vector.sines
            alignments[Unit.LOAD_B] = self._has_b() & (alignments[Unit.LOAD_B] | sines)
        if config.convolution:
            geometry = convolution & self.planned
            sizes[Unit.LOAD_A] |= geometry & (self.planner.size | over(self.planner.window.height, config.size_limit))
            sizes[Unit.PARAMETERS] |= convolution & ~raw.parameter_address[6:].any()
            alignments[Unit.PARAMETERS] |= convolution & raw.parameter_address[:6].any()

        size = Signal(4)
        alignment = Signal(4)
        m.d.sync += size.eq(Cat(sizes.values()))
        m.d.sync += alignment.eq(Cat(alignments.values()))
        version = Signal()
        contradiction = Signal()
        contradicts = self._contradicts(raw, geometry if config.convolution else None)
        unknown_version = raw.version != DESCRIPTOR_VERSION
        if vector:
            contradicts = Mux(vector.present, vector.unknown, contradicts)
            unknown_version &= ~vector.present
        m.d.sync += version.eq(unknown_version)
        m.d.sync += contradiction.eq(contradicts)

        beyond = Signal()  # of the ring's last entry
        with m.If(self.beyond | self.words.valid | self.direct):
            m.d.sync += beyond.eq(self.beyond)
        unit = Signal(Unit)
        with m.If(beyond):
            m.d.sync += self.error.eq(ERRORS["WRAPPED"][0])
        with m.Elif(version):
            m.d.sync += self.error.eq(ERRORS["VERSION"][0])
        with m.Elif(contradiction):
            m.d.sync += self.error.eq(ERRORS["FLAGS"][0])
        with m.Elif(size.any()):
            m.d.sync += self.error.eq(ERRORS["SIZE"][0])
        with m.Elif(alignment.any()):
            m.d.sync += self.error.eq(ERRORS["ALIGNMENT"][0])
        with m.Elif(ranges.any()):
            m.d.sync += self.error.eq(ERRORS["WRAPPED"][0])
        with m.Else():
            m.d.sync += self.error.eq(ERRORS["NONE"][0])
        for number, candidate in reversed(list(enumerate(sizes))):
            with m.If(Mux(size.any(), size, Mux(alignment.any(), alignment, ranges))[number]):
                m.d.comb += unit.eq(candidate)
        m.d.sync += self.unit.eq(Mux(beyond | version | contradiction, Unit.DESCRIPTOR, unit))

    def _contradicts(self, raw, geometry: Value | None) -> Value:
        """Whether something in a product's descriptor is unknown, or contradicts something else."""
        config = self.config
        flags = flags_of(raw)
        used = flags["REQUANT"] | flags["BIAS"]
        unknown_format = raw.b_format >= len(config.b_formats) if config.b_format_bits else raw.b_format.any()
        unknown = raw.flags[flag_count(config) :].any() | unknown_format | raw.reserved_2.any()
        if geometry is not None:
            unknown |= geometry & self.unknown_geometry
        if config.scaled:
            unknown |= flags["ACCUMULATE"] | used
        return unknown | flags["ACCUMULATE"] & used | self._other_rounding(flags)

    def _other_rounding(self, flags: dict[str, Value]) -> Value:
        """Whether the flags ask for a rounding that the epilogue does not have, or for one of nothing."""
        requant, double = flags["REQUANT"], flags["DOUBLE_ROUNDING"]
        return {"both": double & ~requant, "single": double, "double": double ^ requant}[self.config.rounding]

    def _plan(self, m: Module, raw, dividing: Value):
        """Derive sizes; bit n of ``dividing`` is 1 in the n-th cycle of the division."""
        config, job = self.config, self.job
        for name in ("m", "n", "k", "a_stride", "b_stride", "c_stride", "zero_point", "minimum", "maximum",
                     "a_address", "b_address", "c_address", "parameter_address"):  # fmt: skip
            m.d.comb += job[name].eq(raw[name])
        flags = flags_of(raw)
        for name in ("REQUANT", "ACCUMULATE", "FENCE_A", "FENCE_B", "FENCE_C"):
            m.d.comb += job[name.lower()].eq(flags[name])
        m.d.comb += job.double.eq(flags["DOUBLE_ROUNDING"])
        m.d.comb += job.b_format.eq(raw.b_format)
        bias = Signal(reset_less=True)  # a register keeps `job` free of logic from itself to itself in Verilog
        m.d.sync += bias.eq(flags["BIAS"] | flags["REQUANT"])
        m.d.comb += job.bias.eq(bias)
        m.d.comb += self.interrupt.eq(flags["INTERRUPT"])
        columns = PARAMETER_PITCH_BYTES // 4
        m.d.comb += job.parameter_pitch.eq(rounded_up(raw.n[: config.size_bits], columns) * 4)

        k_words = Signal(range(config.half_words + 1))
        long = Signal()
        pitch = Signal(range(config.half_words + 1))
        m.d.comb += k_words.eq(rounded_up(raw.k[: config.size_bits], config.tile.rows) // config.tile.rows)
        m.d.comb += long.eq(raw.m[: config.size_bits] < config.tile.cols)
        m.d.comb += job.k_words.eq(k_words)
        m.d.comb += job.long.eq(long)
        less = Signal.like(pitch)
        m.d.comb += less.eq(Mux(long, config.long_chunk_words - 1, config.chunk_words - 1))
        m.d.sync += pitch.eq((k_words + less) & ~less)

        # Restoring division of a power of two: all the bits that follow are 0. Where the quotient would pass
        # acc_rows, its top bit is 1 already, and the rest is made 0.
        rest = Signal(range(2 * config.half_words), init=config.half_words >> self.top_bit)
        difference = Signal(signed(len(rest) + 1))
        fits = Signal()
        m.d.comb += difference.eq(rest - pitch)
        m.d.comb += fits.eq(~difference[-1])
        m.d.sync += rest.eq(Mux(fits, difference[:-1], rest) << 1)
        with m.If(dividing[0] & fits):
            m.d.sync += rest.eq(0)
        busy = Signal()
        m.d.comb += busy.eq(dividing.any())
        with m.If(~busy):
            m.d.sync += rest.eq(rest.init)
        block_rows = Signal.like(job.block_rows)
        m.d.comb += job.block_rows.eq(block_rows)
        if config.convolution:
            with m.If(job.convolution):
                m.d.comb += job.block_rows.eq(self.planner.block_rows)
        with m.If(busy):
            m.d.sync += block_rows.eq(Cat(fits, block_rows & ~dividing[0].replicate(len(block_rows))))
        building = Signal()
        fitted = Signal()
        m.d.sync += building.eq(busy)
        m.d.sync += fitted.eq(fits)
        for name in ("a", "c"):
            stride = raw[f"{name}_stride"][: config.stride_bits]
            product = Signal(config.addr_bits, name=f"{name}_block_bytes")
            doubled = (product << 1)[: config.addr_bits]
            m.d.comb += job[f"{name}_block_bytes"].eq(product)
            if config.convolution:
                with m.If(job.convolution):
                    m.d.comb += job[f"{name}_block_bytes"].eq(getattr(self.planner, f"{name}_block_bytes"))
            if config.compact:  # choice and sum fit into one LUT of an iCE40
                total: Value = Mux(fitted, doubled + stride, doubled)
            else:
                addend = Signal(config.stride_bits, name=f"{name}_addend")
                m.d.sync += addend.eq(Mux(fits & busy, stride, 0))
                total = doubled + addend
            with m.If(building):
                m.d.sync += product.eq(total)
            with m.If(dividing[0]):
                m.d.sync += product.eq(0)


def flags_of(raw) -> dict[str, Value]:
    """The flags of a descriptor by name."""
    return {name: raw.flags[bit] for name, (bit, _) in FLAGS.items() if bit < len(raw.flags)}


def rounded_up(size: Value, step: int) -> Value:
    """``size`` rounded up to a multiple of a power of two."""
    log2 = step.bit_length() - 1
    return Cat(Const(0, log2), size[log2:] + size[:log2].any())
