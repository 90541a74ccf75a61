"""How an engine holds the job that it works on."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import stream

from .config import AcceleratorConfig
from .shapes import job_shape

__all__ = ["JobSlot", "fork_job"]


class JobSlot:
    """The job of an engine: copied into a register when it is accepted, or left with its sender until it is done.

    The second (``job_register`` of the configuration is false) saves the register, and the sender can prepare no
    further job meanwhile.

    Parameters
    ----------
    config : AcceleratorConfig
    port : stream of job_shape(config)
        Where the engine is offered jobs. The slot drives its ``ready``.

    Attributes
    ----------
    job : View
        The job that is worked on. Valid from the cycle after `accept` on.
    """

    def __init__(self, config: AcceleratorConfig, port: stream.Interface):
        self._port = port
        self._copies = config.job_register
        self.job = Signal(job_shape(config), reset_less=True, name="job") if self._copies else port.payload

    def accept(self, m: Module) -> None:
        """Add to the state in which the engine waits for a job; the state is left when ``port.valid`` is 1."""
        if self._copies:
            m.d.comb += self._port.ready.eq(1)
            m.d.sync += self.job.eq(self._port.payload)

    def finish(self, m: Module) -> None:
        """Add to the cycle after which the job is not read any more."""
        if not self._copies:
            m.d.comb += self._port.ready.eq(1)


def fork_job(m: Module, config: AcceleratorConfig, port: stream.Interface, parts: Sequence[stream.Interface]) -> None:
    """Offer each job of ``port`` to all of ``parts``, each of which accepts it when it can; the next waits for all."""
    slot = JobSlot(config, port)
    waiting = Signal(len(parts))
    taken = Signal(len(parts))
    for number, part in enumerate(parts):
        m.d.comb += [
            part.valid.eq(waiting[number]),
            part.payload.eq(slot.job),
            taken[number].eq(part.ready),
        ]
    offered = port.valid.replicate(len(parts))
    if config.job_register:
        with m.If(waiting.any()):
            m.d.sync += waiting.eq(waiting & ~taken)
        with m.Else():
            slot.accept(m)
            m.d.sync += waiting.eq(offered)
    else:
        done = Signal(len(parts))
        m.d.comb += waiting.eq(offered & ~done)
        with m.If((done | taken).all()):
            slot.finish(m)
            m.d.sync += done.eq(0)
        with m.Else():
            m.d.sync += done.eq(done | taken)
