"""What the stages that read stored words found, as one failure and two events."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import CORRUPT, AcceleratorConfig, FlippedBits, Unit, failure_shape
from tilewright.base import SharedComponent

__all__ = ["STAGES", "FlippedBitsLog"]

STAGES = {
    "results": Unit.STORE_C,
    "operands": Unit.PARAMETERS,
    "drain": Unit.SUMS,
    "add": Unit.SUMS,
    "panel": Unit.LOAD_A,
    "ring": Unit.LOAD_B,
}
"""The stages that check words, and the units that they report: the last that a descriptor meets first.

So of several that find something in the same cycle, the first works for the oldest descriptor.
"""


class FlippedBitsLog(SharedComponent):
    """Report the corrupt words of all stages as failures of their descriptors, a cycle later.

    A descriptor is reported while it is in progress: its results pass more cycles on their way to memory than a report.

    Parameters
    ----------
    config : AcceleratorConfig
        Shape of a failure.

    Members
    -------
    results, operands, drain, add, panel, ring : In(FlippedBits())
        From the queues of results, the operands of the epilogue, the accumulators when they drain and when sums are
        added, the panel, the ring.
    corrected, corrupt : Out(1)
        A word was corrected; is corrupt. From registers.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        The oldest descriptor of those with corrupt words in the cycle before, cause `CORRUPT`; the address is the row.
        Of the index only the low bits are valid.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {name: In(FlippedBits()) for name in STAGES}
            | {
                "corrected": Out(1),
                "corrupt": Out(1),
                "failure": Out(stream.Signature(failure_shape(config), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stages = {name: getattr(self, name) for name in STAGES}
        corrupt = Cat(stage.corrupt for stage in stages.values()).any()
        m.d.sync += [
            self.corrected.eq(Cat(stage.corrected for stage in stages.values()).any()),
            self.corrupt.eq(corrupt),
        ]
        failure = Signal(failure_shape(self.config), reset_less=True)
        for number, (name, stage) in enumerate(stages.items()):
            with m.If(stage.corrupt) if number == 0 else m.Elif(stage.corrupt):
                m.d.sync += [
                    failure.unit.eq(STAGES[name]),
                    failure.index.eq(stage.source.index),
                    failure.address.eq(stage.source.row),
                ]
        m.d.sync += failure.cause.eq(CORRUPT)
        m.d.comb += [
            self.failure.valid.eq(self.corrupt),
            self.failure.payload.eq(failure),
        ]
        return m
