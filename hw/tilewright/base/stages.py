"""Named signals for a value: behind a register, or as it is."""

from amaranth.hdl import Module, Signal, Value

__all__ = ["registered", "wired"]


def registered(m: Module, name: str, value: Value) -> Signal:
    """The value of the cycle before, in a register with this name that is not reset."""
    stage = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += stage.eq(value)
    return stage


def wired(m: Module, name: str, value: Value) -> Signal:
    """The value in a signal with this name, so that it is written once however often it is used."""
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal
