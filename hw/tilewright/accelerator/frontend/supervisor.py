"""Stops the accelerator when a descriptor fails or the host requests it."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import CORRUPT, NUMBER_BITS, AcceleratorConfig, Unit, failure_shape
from tilewright.accelerator.registers import ERRORS
from tilewright.base import SharedComponent, place
from tilewright.dma import Cause

from .failure_log import FailureLog, before

__all__ = ["Supervisor"]

CODE_OF_CAUSE = 3
"""From the number of a `Cause` to that of the error."""


class Supervisor(SharedComponent):
    """Stop the accelerator at a descriptor that fails, and report the cause.

    ::

              a failure, and all descriptors before it are complete         engines idle         8 cycles
        Run ──────────────────────────────────────────────────────► Abort ──────────────► Flush ──────────► Failed
         ▲    abort command, something is incomplete                  ▲                      │                 │
         │    soft reset (also from Failed)  ─────────────────────────╯                      │ soft reset      │ resume
         ╰───────────────────────────────────────────────────────────────────────────────────┴─────────────────╯

    When a failure is known, `hold` is 1. Earlier descriptors go on; if one of them fails too, it takes the place
    of the one known. Of several failures of one descriptor, the first of each engine counts, and of these the reader's;
    a failed transfer takes precedence over an error in the descriptor. The host's abort ends the oldest incomplete
    descriptor at once, whatever else has failed.

    `abort` is 1 in Abort and Flush, a cycle late; Abort takes 8 cycles or more, so that a request just accepted shows
    in `engines_busy`. During Flush failures are ignored.

    Commands: an abort is forgotten if nothing is incomplete or Run has been left; a resume if not in Failed. A soft
    reset is remembered until it is done.

    Parameters
    ----------
    config : AcceleratorConfig
        Shape of a failure.

    Members
    -------
    read_failure, write_failure : In(stream.Signature(failure_shape(config), always_ready=True))
        A transfer failed. It must come before the descriptor's completion, or in the same cycle; that of a
        descriptor's own fetch at most `DescriptorDecoder.latency` - 2 cycles after its last word. The cause ABORTED is
        ignored.
    decoder_bad : In(1)
        The descriptor fetched last is bad, until `flush`.
    decoder_error : In(4)
        What is wrong with it, one of `ERRORS`. Valid with `decoder_bad`.
    decoder_unit : In(Unit)
        The transfer whose fields are wrong. Valid with `decoder_bad`.
    decoder_number : In(4)
        Number of the descriptor fetched last, modulo 16.
    decoder_address : In(config.addr_bits)
        Address of that descriptor; 0 if it came through the registers.
    head : In(4)
        Number of the oldest incomplete descriptor, modulo 16.
    idle : In(1)
        No descriptor is incomplete.
    completed : In(1)
        In this cycle the oldest incomplete descriptor completes.
    count : Out(1)
        `completed` of the cycle before, unless that descriptor has failed.
    abort_command, resume_command, reset_command : In(1)
        The host's commands, each for one cycle.
    engines_busy : In(1)
        A DMA engine has work.
    hold : Out(1)
        Fetch and offer nothing. From a register: a cycle after a failure is known.
    abort : Out(1)
        To the DMA engines: end all transfers. From a register.
    flush : Out(1)
        Reset all that handles descriptors.
    reset : Out(1)
        Last cycle of the Flush of a soft reset.
    skip : Out(1)
        In this cycle the descriptor that failed counts as complete, and the ones after it go on.
    failed : Out(1)
        The state is Failed: everything stands still until `resume_command` or `reset_command`.
    failure : Out(1)
        For one cycle: Failed is entered.
    stopping : Out(1)
        Failed will be entered, or a soft reset is on its way.
    error : Out(4)
        One of `ERRORS`, from Flush to the end of Failed, otherwise 0.
    unit : Out(Unit)
        The transfer that failed, with `error`; DESCRIPTOR if it is none.
    error_address : Out(config.addr_bits)
        Address of the burst that failed or of the bad descriptor, or 0. Stable while `failed`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        failures = stream.Signature(failure_shape(config), always_ready=True)
        super().__init__({
            "read_failure": In(failures),
            "write_failure": In(failures),
            "decoder_bad": In(1),
            "decoder_error": In(4),
            "decoder_unit": In(Unit),
            "decoder_number": In(NUMBER_BITS),
            "decoder_address": In(config.addr_bits),
            "head": In(NUMBER_BITS),
            "idle": In(1),
            "completed": In(1),
            "count": Out(1),
            "abort_command": In(1),
            "resume_command": In(1),
            "reset_command": In(1),
            "engines_busy": In(1),
            "hold": Out(1),
            "abort": Out(1),
            "flush": Out(1),
            "reset": Out(1),
            "skip": Out(1),
            "failed": Out(1),
            "failure": Out(1),
            "stopping": Out(1),
            "error": Out(4),
            "unit": Out(Unit),
            "error_address": Out(config.addr_bits),
        })

    def elaborate(self, platform):
        m = Module()
        reads = place(m, "reads", FailureLog(self.config), platform)
        writes = place(m, "writes", FailureLog(self.config), platform)
        connect(m, flipped(self.read_failure), reads.failure)
        connect(m, flipped(self.write_failure), writes.failure)

        transfer, by_write, known, reached = self._oldest_failure(m, reads, writes)
        completed = Signal()
        aborting = Signal()  # an abort command is pending
        aborted = Signal()  # the abort is the cause of the failure
        resetting = Signal()
        conclude = Signal()  # first cycle of Flush: the logs still hold the failures
        forget = Signal()
        m.d.sync += completed.eq(self.completed)
        m.d.sync += aborting.eq(self.abort_command)
        m.d.sync += conclude.eq(0)
        aborts = Signal()
        m.d.sync += self.abort.eq(aborts)  # registered: long route, high fan-out
        holding = Signal(init=1)
        m.d.comb += holding.eq(1)
        m.d.comb += self.stopping.eq(1)
        m.d.sync += self.hold.eq(holding)
        with m.If(self.reset_command):
            m.d.sync += resetting.eq(1)

        wait = Signal(3)
        with m.FSM():
            with m.State("Run"):
                m.d.comb += holding.eq(known)
                m.d.comb += self.stopping.eq(known | resetting | aborting & ~self.idle)
                m.d.comb += self.count.eq(completed & ~reached)
                # A descriptor that has just completed leaves `idle` undecided for a cycle.
                m.d.sync += aborting.eq(self.abort_command | aborting & self.count)
                with m.If(aborting & ~self.count & ~self.idle):
                    m.d.sync += aborted.eq(1)
                    m.next = "Abort"
                with m.If(resetting | reached):
                    m.next = "Abort"
            with m.State("Abort"):
                m.d.comb += aborts.eq(1)
                with m.If(~wait.all()):
                    m.d.sync += wait.eq(wait + 1)
                with m.Elif(~self.engines_busy):
                    m.d.sync += wait.eq(0)
                    m.d.sync += conclude.eq(1)
                    m.next = "Flush"
            with m.State("Flush"):
                m.d.comb += aborts.eq(1)
                m.d.comb += self.flush.eq(1)
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait.all()):
                    m.d.comb += self.reset.eq(resetting)
                    m.d.comb += self.failure.eq(~resetting)
                    m.next = "Failed"
                    with m.If(resetting):
                        m.d.comb += forget.eq(1)
                        m.d.sync += resetting.eq(0)
                        m.next = "Run"
            with m.State("Failed"):
                m.d.comb += self.failed.eq(1)
                m.d.comb += self.stopping.eq(resetting)
                with m.If(resetting):
                    m.next = "Abort"
                with m.Elif(self.resume_command):
                    m.d.comb += self.skip.eq(1)
                    m.d.comb += forget.eq(1)
                    m.next = "Run"

        self._log(m, reads, writes, transfer, by_write, aborted, conclude, forget)
        return m

    def _log(
        self,
        m: Module,
        reads: FailureLog,
        writes: FailureLog,
        transfer: Value,
        by_write: Value,
        aborted: Signal,
        conclude: Signal,
        forget: Signal,
    ):
        """Set the cause, unit and address of a failure when it is concluded, and clear them when it is forgotten."""
        bad = conclude & ~aborted & ~transfer
        address = Signal(self.config.addr_bits)  # of the bad descriptor; of the three addresses two are 0
        m.d.comb += reads.ignore.eq(self.flush | self.failed)
        m.d.comb += writes.ignore.eq(reads.ignore)
        m.d.comb += reads.drop.eq(forget | conclude & (aborted | by_write | ~transfer))
        m.d.comb += writes.drop.eq(forget | conclude & (aborted | ~by_write))
        m.d.comb += self.error_address.eq(reads.address | writes.address | address)
        with m.If(forget | conclude):
            m.d.sync += [
                self.error.eq(0),
                self.unit.eq(0),
                address.eq(0),
                aborted.eq(0),
            ]
        with m.If(conclude & aborted):
            m.d.sync += self.error.eq(ERRORS["ABORTED"][0])
        with m.Elif(conclude & transfer):
            cause = Mux(by_write, writes.cause, reads.cause)
            m.d.sync += self.error.eq(cause + CODE_OF_CAUSE)
            m.d.sync += self.unit.eq(Mux(by_write, writes.unit, reads.unit))
        with m.Elif(bad):
            m.d.sync += self.error.eq(self.decoder_error)
            m.d.sync += self.unit.eq(self.decoder_unit)
            m.d.sync += address.eq(self.decoder_address)

    def _oldest_failure(self, m: Module, reads: FailureLog, writes: FailureLog) -> tuple[Value, ...]:
        """Whether a transfer failed, the oldest was a write, anything failed, and all before it are done."""
        # A bad descriptor is the youngest of all in progress.
        transfer = reads.known | writes.known
        by_write = Signal()
        known = Signal()
        reached = Signal()
        m.d.comb += by_write.eq(writes.known & (~reads.known | before(writes.number, reads.number)))
        m.d.comb += known.eq(transfer | self.decoder_bad)
        # Where the head has reached any that failed, it has reached the oldest.
        failures = ((reads.known, reads.number), (writes.known, writes.number), (self.decoder_bad, self.decoder_number))
        m.d.comb += reached.eq(Cat(there & ~before(self.head, number) for there, number in failures).any())
        return transfer, by_write, known, reached


assert all(
    Const.cast(cause).value + CODE_OF_CAUSE == ERRORS[code][0]
    for code, cause in (
        ("SLVERR", Cause.SLVERR),
        ("DECERR", Cause.DECERR),
        ("WRAPPED", Cause.WRAPPED),
        ("ALIGNMENT", Cause.MISALIGNED),
        ("CORRUPT", CORRUPT),
    )
)
