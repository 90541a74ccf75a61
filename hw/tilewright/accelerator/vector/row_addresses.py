"""Where the rows that are in the registers begin in memory."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream

from tilewright.accelerator.contract import AcceleratorConfig, ElementType

__all__ = ["RowAddresses"]


class RowAddresses:
    """The address of the first of the rows that are in the registers, in each operand of a job.

    Parameters
    ----------
    m : Module
    config : AcceleratorConfig
    start : Value
        A job begins: all addresses are those of its first row.
    job, plan : View
        The job, and how its rows go into the registers. They stay until the next `start`.
    operands : str
        Of which operands: letters of "abc".

    Attributes
    ----------
    base : dict of str to Signal
        The address, by operand. A result of columns begins a byte later for each row.
    """

    def __init__(self, m: Module, config: AcceleratorConfig, start: Value, job, plan, operands: str):
        self._row = Signal(config.vector_lanes.bit_length(), name="row")  # enough to tell it from the next ones
        self.base = {name: Signal(config.addr_bits, name=f"{name}_base", reset_less=True) for name in operands}
        self._step = {}
        for name in operands:
            step = Signal(config.addr_bits, name=f"{name}_step", reset_less=True)
            value = job[f"{name}_stride"] << plan.rows_log2
            m.d.sync += step.eq(Mux(job.c_type == ElementType.INT8_COLUMNS, 1, value) if name == "c" else value)
            self._step[name] = step
        with m.If(start):
            m.d.sync += self._row.eq(0)
            m.d.sync += [base.eq(job[f"{name}_address"]) for name, base in self.base.items()]

    def behind(self, steps: stream.Interface) -> Value:
        """Whether the instruction on offer is for the rows after these."""
        return steps.valid & (steps.payload.row[: len(self._row)] != self._row)

    def follow(self, m: Module, steps: stream.Interface) -> None:
        """Add to a cycle in which the addresses are `behind`."""
        m.d.sync += self._row.eq(steps.payload.row)
        for name, base in self.base.items():
            m.d.sync += base.eq(base + self._step[name])
