"""Which entries a COMPUTE instruction goes through, and when."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import SharedComponent

from .program.instructions import Extent
from .shapes import entry_log2, step_shape

__all__ = ["EntrySequencer"]


class EntrySequencer(SharedComponent):
    """Go through groups, rows and a group's entries, the last fastest, one entry in each cycle.

    An instruction begins when all results before it are in the registers; or, if it and the one before go through the
    same entries in the same order, as soon as the first result is. The partial sums of a FOLD are read again for each
    group, so one begins `depth` cycles after the other at the earliest.

    Parameters
    ----------
    config : AcceleratorConfig
    depth : int
        Cycles from an entry to one that can use its result.

    Members
    -------
    steps : In(stream.Signature(step_shape(config)))
        COMPUTE instructions; accepted in the cycle of their last entry.
    valid : Out(1)
        There is an entry in this cycle, of the instruction on offer.
    row : Out(range(vector_lanes))
        Its row, of those in the registers.
    group : Out(range(vector_lanes))
        Its group in the row, 0 for partial sums.
    entry : Out(range(PARTIALS // vector_lanes))
        Its number in the group. Its lanes have elements ``PARTIALS * group + vector_lanes * entry`` and up.
    drained : Out(1)
        All results are in the registers.
    """

    def __init__(self, config: AcceleratorConfig, depth: int):
        self.config = config
        self.depth = depth
        lanes = config.vector_lanes
        super().__init__({
            "steps": In(stream.Signature(step_shape(config))),
            "valid": Out(1),
            "row": Out(unsigned(max(1, exact_log2(lanes)))),
            "group": Out(unsigned(max(1, exact_log2(lanes)))),
            "entry": Out(unsigned(entry_log2(config))),
            "drained": Out(1, init=1),
        })

    def elaborate(self, platform):
        m = Module()
        step = self.steps.payload
        instruction = step.instruction
        elements = (instruction.extent == Extent.ELEMENTS) | (instruction.extent == Extent.FOLD)

        since_first = Signal(range(self.depth + 1), init=self.depth)  # entry of this instruction, or of its group
        since_last = Signal(range(self.depth + 1), init=self.depth)
        first_done = Signal(init=1)  # `since_first` is `depth`; `drained`, that `since_last` is
        in_order = Signal()  # the instruction before went through all elements
        running = Signal()
        begins, goes_on, last_entry, last_row, last_group = (
            Signal(name=name) for name in ("begins", "goes_on", "last_entry", "last_row", "last_group")
        )
        follows = elements & in_order & ~instruction.exchange.any()
        m.d.comb += [
            begins.eq(~running & self.steps.valid & (self.drained | (follows & first_done))),
            goes_on.eq(running & (self.entry.any() | self.row.any() | first_done | ~self._folds())),
            self.valid.eq(begins | goes_on),
            last_entry.eq(self.entry.all() | (instruction.extent == Extent.ROWS)),
            last_row.eq(self.row == step.last_row),
            last_group.eq(~elements | (self.group == step.last_group)),
            self.steps.ready.eq(self.valid & last_entry & last_row & last_group),
        ]
        restart = self.valid & ~self.entry.any() & ~self.row.any() & (begins | self._folds())
        with m.If(restart):
            m.d.sync += since_first.eq(1)
        with m.Elif(~first_done):
            m.d.sync += since_first.eq(since_first + 1)
        with m.If(self.valid):
            m.d.sync += since_last.eq(1)
        with m.Elif(~self.drained):
            m.d.sync += since_last.eq(since_last + 1)
        m.d.sync += first_done.eq(~restart & (first_done | (since_first == self.depth - 1)))
        m.d.sync += self.drained.eq(~self.valid & (self.drained | (since_last == self.depth - 1)))
        with m.If(self.valid):
            m.d.sync += running.eq(~self.steps.ready)
            m.d.sync += self.entry.eq(Mux(last_entry, 0, self.entry + 1))
            with m.If(last_entry):
                m.d.sync += self.row.eq(Mux(last_row, 0, self.row + 1))
            with m.If(last_entry & last_row):
                m.d.sync += self.group.eq(Mux(last_group, 0, self.group + 1))
            with m.If(self.steps.ready):
                m.d.sync += in_order.eq(instruction.extent == Extent.ELEMENTS)
        return m

    def _folds(self):
        return self.steps.payload.instruction.extent == Extent.FOLD
