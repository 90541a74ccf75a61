"""The words that are stored in the memories of an accelerator, with check bits or without."""

from typing import Any

from tilewright.storage import WordCode

from .constants import ADDEND_BITS

__all__ = ["StoredWords"]


class StoredWords:
    """What an `AcceleratorConfig` says of the words in its memories."""

    @property
    def a_code(self: Any) -> WordCode:
        """How a word of the panel is stored with `ecc`."""
        return WordCode(self.a_word_bits)

    @property
    def b_code(self: Any) -> WordCode:
        """How a word of the ring is stored with `ecc`."""
        return WordCode(self.b_word_bits)

    @property
    def panel_bits(self: Any) -> int:
        """Bits of a word as it is stored in the panel."""
        return self.a_code.code_bits if self.ecc else self.a_word_bits

    @property
    def ring_bits(self: Any) -> int:
        """Bits of a word as it is stored in the ring."""
        return self.b_code.code_bits if self.ecc else self.b_word_bits

    @property
    def sum_bits(self: Any) -> int:
        """Bits of a sum in the accumulators; with `ecc` no more than the longest K needs."""
        if not self.ecc:
            return ADDEND_BITS
        largest = self.k_limit << self.tile.activation_bits + self.tile.weight_bits - 2
        return min(ADDEND_BITS, largest.bit_length() + 1)

    @property
    def sums_code(self: Any) -> WordCode:
        """How a row of sums is stored with `ecc`; the columns that drain together are whole segments."""
        return WordCode(self.tile.cols * self.sum_bits, min(self.requant_lanes, 4) * self.sum_bits)

    @property
    def drained_code(self: Any) -> WordCode:
        """How the sums that drain together are stored with `ecc`."""
        return WordCode(self.requant_lanes * self.sum_bits, self.sums_code.segment_bits)

    @property
    def drained_bits(self: Any) -> int:
        """Bits of the sums that drain together, as they are stored."""
        if self.scaled:
            return self.results_bits // self.tile.cols * self.requant_lanes
        return self.drained_code.code_bits if self.ecc else self.requant_lanes * ADDEND_BITS

    @property
    def addend_code(self: Any) -> WordCode:
        """How a bias, a multiplier, a shift or an old sum is stored with `ecc` where one is a word: in `compact`."""
        return WordCode(ADDEND_BITS)

    @property
    def result_code(self: Any) -> WordCode:
        """How a bus word of results is stored with `ecc`."""
        return WordCode(self.data_bits)

    @property
    def result_word_bits(self: Any) -> int:
        """Bits of a bus word of results on its way to the writer; `compact` has no memory there."""
        return self.result_code.code_bits if self.ecc and not self.compact else self.data_bits
