"""The side of the accelerator that the host sees: registers, the ring of descriptors, errors, counters."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    INDEX_BITS,
    NUMBER_BITS,
    AcceleratorConfig,
    Activity,
    failure_shape,
    job_shape,
    transfer_shape,
    vector_job_shape,
)
from tilewright.accelerator.registers import REGISTER_ADDRESS_BITS, RegisterFile, engines_of
from tilewright.base import SharedComponent, place
from tilewright.bus import AxiLite

from .counters import ActivityCounters, CycleCounter
from .decoder import DescriptorDecoder
from .dispatcher import Dispatcher
from .interrupts import Interrupts
from .queued_dispatcher import QueuedDispatcher
from .ring import CommandRing
from .supervisor import Supervisor

__all__ = ["Frontend"]


class Frontend(SharedComponent):
    """Take descriptors from the host, offer them as jobs to the engines, and supervise their completion.

    ::

        s_axil ──► registers ──► ring ──► fetch
                       │           words ──► decoder ──► dispatcher ──► job, job_valid
                       │                        │
                       ├─── supervisor ◄── error, failures, completed ──► abort, flush
                       ├─── interrupts ──► irq
                       └─── counters ◄── activities

    **Jobs.** A tail that is written (`s_axil`: the later of address and data) in cycle t asks for a descriptor with
    `fetch` in t + 4. Its last word in cycle t gives a job in t + 36 with 32 `addr_bits` and no `variables`
    (`DescriptorDecoder.latency` + 1). While it is being offered, the next descriptor is fetched and planned; the offer
    of that follows 2 cycles after the last taking. At most 4 jobs are offered and incomplete. With `vector_lanes` jobs
    wait in a queue: see `QueuedDispatcher`.

    **Direct descriptors** are taken when nothing is incomplete and the ring is empty: `direct_ready` is 1. All 16
    words must be written: word 0 first, the others in any order, the last one submits. A word is refused while
    `direct_ready` is 0, and if it has been 0 since word 0.

    **Errors.** A bad descriptor, or a transfer that failed, lets the descriptors before it complete; then `abort`
    ends the DMA engines' transfers, then `flush` empties everything, and STATUS.failed is 1. Everything from the
    failed descriptor on is back in the ring then; HEAD and ERROR_INDEX are its number. ``resume`` counts it as
    complete and goes on with the one after it. See `Supervisor` for several failures, aborts and soft resets.
    `fetch` may be withdrawn in a cycle with `flush`, nowhere else.

    **Counters** count while `STATUS.busy`: as long as there is a descriptor that is not complete, failed, or kept back
    by `enable` = 0. See `ActivityCounters`.

    Parameters
    ----------
    config : AcceleratorConfig
        Widths and limits.

    Members
    -------
    s_axil : In(AxiLite)
        The registers, as `REGISTERS` lists them; accesses as `RegisterFile`.
    irq : Out(1)
        IRQ_STATUS & IRQ_ENABLE is not 0.
    fetch : Out(stream.Signature(transfer_shape(config)))
        Read a descriptor: one row of 64 bytes.
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The descriptor's bytes. If the transfer fails, some words or all are 0 or do not come.
    job : Out(job_shape(config))
        A checked descriptor; it stays until all engines have taken it. With `vector_lanes` it goes with `job_valid`.
    vector_job : Out(vector_job_shape(config))
        The same for the vector engine; only with `vector_lanes`.
    job_valid : Out(4), with `vector_lanes` Out(5)
        It is offered to load A (bit 0), load B, execute, store, or the vector engine, to each until it has taken it.
    job_ready : In, as wide
        That engine takes the job, if it is offered, at this clock edge. In the variant ``compact`` the last engine
        takes it not before `completed`.
    head : Out(16)
        Descriptors completed since reset; also the number of the oldest incomplete one.
    completed : In(1)
        The oldest incomplete descriptor is complete: nothing of it can fail any more.
    read_failure, write_failure : In(stream.Signature(failure_shape(config), always_ready=True))
        A transfer of the descriptor ``index`` failed. It comes before `completed` for that descriptor, or in the same
        cycle; the failure of a `fetch`, at most `DescriptorDecoder.latency` - 2 cycles after its last word. The cause
        ABORTED is ignored.
    activity_load_a, activity_load_b, activity_execute, activity_store, activity_vector : In(Activity)
        What each engine does in this cycle; the last only with `vector_lanes`.
    ecc_corrected, ecc_corrupt : In(1)
        To be counted in the registers of the same name; only with `ecc`. Counted outside `flush` only.
    read_word, write_word : In(1)
        The bus has delivered, taken, a word in this cycle.
    engines_busy : In(1)
        A DMA engine has work. It must show a request at most 6 cycles after its acceptance.
    abort : Out(1)
        To both DMA engines; until they have no work, and on to the end of `flush`.
    flush : Out(1)
        Hold everything that handles descriptors in reset, for 8 cycles.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        failures = stream.Signature(failure_shape(config), always_ready=True)
        engines = engines_of(config)
        super().__init__(
            {
                "s_axil": In(AxiLite(addr_bits=REGISTER_ADDRESS_BITS)),
                "irq": Out(1),
                "fetch": Out(stream.Signature(transfer_shape(config))),
                "words": In(stream.Signature(config.dma.word_shape, always_ready=True)),
                "job": Out(job_shape(config)),
                "job_valid": Out(len(engines)),
                "job_ready": In(len(engines)),
                "head": Out(INDEX_BITS),
                "completed": In(1),
                "read_failure": In(failures),
                "write_failure": In(failures),
                "read_word": In(1),
                "write_word": In(1),
                "engines_busy": In(1),
                "abort": Out(1),
                "flush": Out(1),
            }
            | {f"activity_{engine}": In(Activity) for engine in engines}
            | ({"vector_job": Out(vector_job_shape(config))} if config.vector_lanes else {})
            | ({"ecc_corrected": In(1), "ecc_corrupt": In(1)} if config.ecc else {})
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        supervisor = place(m, "supervisor", Supervisor(config), platform)
        flush, reset = supervisor.flush, supervisor.reset
        registers = place(m, "registers", RegisterFile(config), platform)
        ring = place(m, "ring", CommandRing(config), platform, reset=reset)
        decoder = place(m, "decoder", DescriptorDecoder(config), platform, reset=flush)
        dispatcher_of = QueuedDispatcher if config.vector_lanes else Dispatcher
        dispatcher = place(m, "dispatcher", dispatcher_of(config), platform, reset=flush)
        interrupts = place(m, "interrupts", Interrupts(3), platform, reset=reset)
        counters = place(m, "counters", ActivityCounters(config) if config.has_counters else CycleCounter(), platform)

        connect(m, flipped(self.s_axil), registers.s_axil)
        self._connect_fetch(m, ring, decoder, flush)
        connect(m, flipped(self.words), decoder.words)
        connect(m, flipped(self.read_failure), supervisor.read_failure)
        connect(m, flipped(self.write_failure), supervisor.write_failure)

        submit = Signal()
        m.d.sync += submit.eq(registers.descriptor_write & registers.descriptor_word.all())
        m.d.comb += [
            ring.enable.eq(registers.enable),
            ring.base.eq(registers.ring_base),
            ring.log2.eq(registers.ring_log2),
            ring.tail_write.eq(registers.tail_write),
            ring.tail_value.eq(registers.data),
            ring.direct.eq(submit),
            ring.hold.eq(supervisor.hold),
            ring.forget.eq(flush),
            ring.skip.eq(supervisor.skip),
            ring.completed.eq(supervisor.count),
            ring.taken.eq(dispatcher.take),
            self.head.eq(ring.head),
            decoder.direct.eq(registers.descriptor_write),
            decoder.direct_word.eq(registers.descriptor_word),
            decoder.direct_data.eq(registers.data),
            decoder.beyond.eq(ring.beyond),
            decoder.take.eq(dispatcher.take),
            dispatcher.decoded.eq(decoder.good & ~supervisor.hold),
            dispatcher.decoded_job.eq(decoder.job),
            dispatcher.index.eq(ring.index),
            dispatcher.interrupt.eq(decoder.interrupt),
            dispatcher.head.eq(ring.head),
            dispatcher.job_ready.eq(self.job_ready),
            self.job.eq(dispatcher.job),
            self.job_valid.eq(dispatcher.job_valid),
        ]
        if isinstance(dispatcher, QueuedDispatcher):
            self._connect_vector(m, decoder, dispatcher)
        if config.variables:
            m.d.comb += decoder.variables.eq(registers.variables)
        self._connect_supervisor(m, supervisor, registers, ring, decoder)
        busy = Signal()
        direct_ready = Signal()
        m.d.sync += direct_ready.eq(ring.idle & ring.drained & ~supervisor.stopping & ~supervisor.failed)
        running = ~ring.idle | registers.enable & ~ring.drained
        # Registers: the next write, or a read after this one's answer, is 3 cycles away or more.
        m.d.sync += busy.eq(supervisor.stopping | running & ~supervisor.failed)
        counted = Signal()
        m.d.sync += counted.eq(supervisor.count)
        m.d.comb += [
            interrupts.events[0].eq(supervisor.count & dispatcher.head_interrupts),
            interrupts.events[1].eq(supervisor.failure),
            interrupts.events[2].eq(counted & ring.idle & ring.drained),
            interrupts.clear.eq(registers.irq_clear),
            interrupts.enable.eq(registers.irq_enable),
            self.irq.eq(interrupts.irq),
            registers.clear.eq(reset),
            registers.busy.eq(busy),
            registers.failed.eq(supervisor.failed),
            registers.stopping.eq(supervisor.stopping),
            registers.direct_ready.eq(direct_ready),
            registers.irq_status.eq(interrupts.status),
            registers.error.eq(Cat(supervisor.error, supervisor.unit)),
            registers.error_address.eq(supervisor.error_address),
            registers.head.eq(ring.head),
            registers.tail.eq(ring.tail),
        ]
        self._count(m, registers, counters, busy, reset)
        return m

    def _connect_fetch(self, m: Module, ring: CommandRing, decoder: DescriptorDecoder, flush: Value):
        """Fetch descriptors, and in between the geometry of the one that is in the decoder."""
        if not self.config.convolution:
            connect(m, ring.fetch, flipped(self.fetch))
            return
        geometry = Signal()
        m.d.comb += [
            self.fetch.payload.eq(ring.fetch.payload),
            self.fetch.valid.eq(ring.fetch.valid | geometry),
            ring.fetch.ready.eq(self.fetch.ready & ~geometry),
        ]
        with m.If(geometry):
            m.d.comb += self.fetch.payload.request.address.eq(decoder.geometry_address)
        with m.If(flush | geometry & self.fetch.ready):
            m.d.sync += geometry.eq(0)
        with m.Elif(decoder.fetch_geometry):
            m.d.sync += geometry.eq(1)

    def _connect_vector(self, m: Module, decoder: DescriptorDecoder, dispatcher: QueuedDispatcher):
        m.d.comb += [
            dispatcher.decoded_vector.eq(decoder.vector),
            dispatcher.decoded_vector_job.eq(decoder.vector_job),
            self.vector_job.eq(dispatcher.vector_job),
        ]

    def _count(
        self, m: Module, registers: RegisterFile, counters: ActivityCounters | CycleCounter, busy: Signal, reset: Value
    ):
        """Connect the counters and the register ENGINES."""
        settled = Signal(2)  # after a reset, `busy` falls, and then the last cycle has been counted
        clear = Signal()
        m.d.sync += settled.eq(Cat(reset, settled))
        m.d.sync += clear.eq(registers.clear_counters | settled[-1])
        m.d.comb += counters.counting.eq(busy)
        m.d.comb += counters.clear.eq(clear)
        counts_all = isinstance(counters, ActivityCounters)
        if counts_all:
            m.d.comb += [
                counters.read_word.eq(self.read_word),
                counters.write_word.eq(self.write_word),
                counters.request.eq(registers.counter_request),
                counters.slot.eq(registers.counter_slot),
                registers.counter_done.eq(counters.done),
            ]
        m.d.comb += registers.counter_value.eq(counters.value)
        if self.config.ecc:
            for name in ("ecc_corrected", "ecc_corrupt"):
                count = Signal(16, name=name)
                m.d.sync += count.eq(Mux(clear, 0, count + getattr(self, name)))
                m.d.comb += getattr(registers, name).eq(count)
        for number, engine in enumerate(engines_of(self.config)):
            activity = getattr(self, f"activity_{engine}")
            if counts_all:
                m.d.comb += getattr(counters, f"activity_{engine}").eq(activity)
            m.d.comb += registers.engines[4 * number : 4 * number + 3].eq(activity)

    def _connect_supervisor(
        self, m: Module, supervisor: Supervisor, registers: RegisterFile, ring: CommandRing, decoder: DescriptorDecoder
    ):
        m.d.comb += [
            supervisor.decoder_bad.eq(decoder.bad),
            supervisor.decoder_error.eq(decoder.error),
            supervisor.decoder_unit.eq(decoder.unit),
            supervisor.decoder_number.eq(ring.index[:NUMBER_BITS]),
            supervisor.decoder_address.eq(ring.fetch.payload.request.address),
            supervisor.head.eq(ring.head[:NUMBER_BITS]),
            supervisor.idle.eq(ring.idle),
            supervisor.completed.eq(self.completed),
            supervisor.abort_command.eq(registers.abort),
            supervisor.resume_command.eq(registers.resume),
            supervisor.reset_command.eq(registers.soft_reset),
            supervisor.engines_busy.eq(self.engines_busy),
            self.abort.eq(supervisor.abort),
            self.flush.eq(supervisor.flush),
        ]
