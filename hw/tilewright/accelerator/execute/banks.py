"""Which banks of sums are free."""

from amaranth.hdl import Module, Mux, Signal

from tilewright.accelerator.contract import ResultsPort, SumsPort

__all__ = ["count_banks"]


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
