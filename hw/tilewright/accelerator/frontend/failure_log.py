"""The oldest failure that a DMA engine has reported."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import NUMBER_BITS, AcceleratorConfig, Unit, failure_shape
from tilewright.base import SharedComponent
from tilewright.dma import Cause

__all__ = ["FailureLog", "before"]


class FailureLog(SharedComponent):
    """Keep the first failure of the oldest descriptor that failed.

    A failure reported in cycle t is kept from t + 1 on. Those with the cause ABORTED are ignored.

    Parameters
    ----------
    config : AcceleratorConfig
        Shape of a failure.

    Members
    -------
    failure : In(stream.Signature(failure_shape(config), always_ready=True))
        A transfer that failed; at most one in a cycle.
    ignore : In(1)
        Forget the failure, and ignore further ones while this is 1.
    drop : In(1)
        Set `address` to 0 at the end of this cycle.
    known : Out(1)
        There is a failure. The four that follow are its properties and valid with it; all come from registers.
    number : Out(4)
        Number of its descriptor, modulo 16.
    cause : Out(Cause)
        Why the transfer failed.
    unit : Out(Unit)
        What the transfer was for.
    address : Out(config.addr_bits)
        Address of the burst that failed; it stays until `drop` or another failure.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "failure": In(stream.Signature(failure_shape(config), always_ready=True)),
            "ignore": In(1),
            "drop": In(1),
            "known": Out(1),
            "number": Out(NUMBER_BITS),
            "cause": Out(Cause),
            "unit": Out(Unit),
            "address": Out(config.addr_bits),
        })

    def elaborate(self, platform):
        m = Module()
        failure = self.failure.payload
        number = failure.index[:NUMBER_BITS]
        counts = Signal()
        m.d.comb += counts.eq(self.failure.valid & (failure.cause != Cause.ABORTED) & ~self.ignore)
        with m.If(counts & (~self.known | before(number, self.number))):
            m.d.sync += self.known.eq(1)
            m.d.sync += self.number.eq(number)
            m.d.sync += self.cause.eq(failure.cause)
            m.d.sync += self.unit.eq(failure.unit)
            m.d.sync += self.address.eq(failure.address)
        with m.If(self.ignore):
            m.d.sync += self.known.eq(0)
        with m.If(self.drop):
            m.d.sync += self.address.eq(0)
        return m


def before(number: Value, other: Value) -> Value:
    """Whether a descriptor in progress is older than another, from the low bits of their numbers."""
    return (number - other)[NUMBER_BITS - 1]
