"""Which banks of sums are free, and which one drains."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from tilewright.accelerator.contract import ResultsPort, SumsPort
from tilewright.storage import BlockMemory

__all__ = ["count_banks", "drain_banks"]


def drain_banks(m: Module, memory: BlockMemory, port: SumsPort, begins: Value) -> None:
    """Let ``port`` read the oldest tile of sums in two banks of a memory.

    ``begins``: in this cycle row 0 of a further tile is stored as it stays, so that the tile can be read.
    """
    complete = Signal(range(3))
    m.d.sync += complete.eq(complete + begins - port.release)
    drained = Signal()  # the bank of the oldest tile of sums
    m.d.sync += drained.eq(drained ^ port.release)
    m.d.comb += [
        port.ready.eq(complete.any()),
        memory.fetch.eq(port.fetch),
        memory.take.eq(port.take),
        memory.read_row.eq(Cat(port.row, drained)),
    ]


def count_banks(m: Module, results: ResultsPort, sums: SumsPort) -> None:
    """Drive `has_bank`, of two banks: 1 in the second cycle after a `release`."""
    take, release = results.take_bank, sums.release
    banks = Signal(range(3), init=2)
    has_bank = Signal(init=1)
    m.d.sync += [
        banks.eq(banks + release - take),
        has_bank.eq(Mux(take, banks[1], banks.any())),
    ]
    m.d.comb += results.has_bank.eq(has_bank)
