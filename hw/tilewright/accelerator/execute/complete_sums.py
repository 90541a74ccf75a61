"""The memory behind the tile with block scales: complete sums, until they are stored."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In

from tilewright.accelerator.contract import AcceleratorConfig, ResultsPort, SumsPort
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

from .banks import count_banks, drain_banks

__all__ = ["CompleteSums"]


class CompleteSums(SharedComponent):
    """Keep the sums of two tiles of sums, which come complete: one tile comes in while the one before drains.

    Draining begins when the first row is there. `has_bank` is 1 in the second cycle after a `release`::

        results ──► │bank 0 │ bank 1│ ──► group ──► sums

    Parameters
    ----------
    config : AcceleratorConfig
        With scales.

    Members
    -------
    results : In(ResultsPort(config))
        From the engine that multiplies.
    sums : In(SumsPort(config))
        To the engine that stores.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({"results": In(ResultsPort(config)), "sums": In(SumsPort(config))})

    def elaborate(self, platform):
        m = Module()
        config, results, port = self.config, self.results, self.sums
        memory = place(m, "memory", BlockMemory(config.results_bits, 2 * config.acc_rows), platform)
        bank = Signal()
        row = Signal(range(config.acc_rows))
        group = Signal.like(port.sums, reset_less=True)
        with m.If(results.coming):
            m.d.sync += row.eq(Mux(results.last, 0, row + 1))
            m.d.sync += bank.eq(bank ^ results.last)
        m.d.sync += group.eq(memory.q.word_select(port.group, len(port.sums)))
        m.d.comb += [
            memory.write.eq(results.coming),
            memory.write_row.eq(Cat(row, bank)),
            memory.data.eq(results.results),
            port.sums.eq(group),
        ]
        drain_banks(m, memory, port, results.coming & (row == 0))
        count_banks(m, results, port)
        return m
