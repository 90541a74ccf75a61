"""Which requests of an engine are still under way."""

from amaranth.hdl import Module, Signal, Value

from tilewright.accelerator.contract import AcceleratorConfig

__all__ = ["count_due"]


def count_due(m: Module, config: AcceleratorConfig, requested: Value, loaded: Value) -> Signal:
    """Count the chunks that are requested and not yet loaded.

    At most as many as the read arbiter has accepted and not answered, fewer than 64. Always 0 if reads are accepted
    only when their data have come: an accepted request is then not waited for.
    """
    due = Signal(6, name="due")
    if config.reads_ahead:
        m.d.sync += due.eq(due + requested - loaded)
    return due
