"""The code of stored words with `ecc`, in numpy: encoding, decoding, and which bits it corrects."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Secded", "StoredWord"]

Bits = NDArray[np.uint8]
"""Words as rows of bits, the lowest first."""


class Secded:
    """Corrects one flipped bit, and detects two.

    Data bit i is at position ``i % size`` of group ``i // size``; groups have 4 bits in words of up to 40, else 7.
    There is a check bit for each position: the parity of the bits there. Groups have pairs of letters, in the order
    (0, 1), (0, 2), … (1, 2), …; there is a check bit for each letter: the parity of all bits in groups that have it.

    Parameters
    ----------
    bits : int
        Data bits of a word.
    """

    def __init__(self, bits: int):
        self.bits = bits
        self.size = 4 if bits <= 40 else 7
        groups = -(-bits // self.size)
        letters = next(n for n in range(2, bits + 2) if n * (n - 1) // 2 >= groups)
        pairs = list(combinations(range(letters), 2))[:groups]
        self.check_bits = self.size + letters
        self.code_bits = bits + self.check_bits
        # Column i has a 1 for each check bit that covers bit i of the word; check bits cover themselves.
        self.columns: Bits = np.zeros((self.check_bits, self.code_bits), dtype=np.uint8)
        for bit in range(bits):
            first, second = pairs[bit // self.size]
            self.columns[[bit % self.size, self.size + first, self.size + second], bit] = 1
        self.columns[:, bits:] = np.eye(self.check_bits, dtype=np.uint8)

    def encode(self, data: Bits) -> Bits:
        """Return words with their check bits, from data of shape ``(…, bits)``."""
        return np.concatenate([data, self._parities(data, self.columns[:, : self.bits])], axis=-1)

    def syndrome(self, words: Bits) -> Bits:
        """Return which check bits of words of shape ``(…, code_bits)`` are not what they should be."""
        return self._parities(words, self.columns)

    def decode(self, words: Bits) -> tuple[Bits, Bits, Bits]:
        """Return the data, and for each word whether a bit was corrected, and whether it is corrupt."""
        syndrome = self.syndrome(words)
        odd = syndrome.sum(axis=-1) % 2 == 1
        corrupt = syndrome.any(axis=-1) & ~odd
        flips = (syndrome[..., :, None] == self.columns).all(axis=-2)
        return (words ^ flips)[..., : self.bits], odd, corrupt

    @staticmethod
    def _parities(words: Bits, columns: Bits) -> Bits:
        ones = words.astype(np.float32) @ columns.T.astype(np.float32)
        return np.asarray(ones.astype(np.int64) & 1, dtype=np.uint8)


class StoredWord:
    """A word of several segments, each with check bits of its own: the word is lowest, then come their check bits.

    Parameters
    ----------
    bits, segment_bits : int
    """

    def __init__(self, bits: int, segment_bits: int):
        self.bits = bits
        self.code = Secded(segment_bits)
        self.segments = bits // segment_bits
        self.code_bits = self.segments * self.code.code_bits
        #: For each segment, the places of its bits in the word.
        self.places = [
            np.r_[
                np.arange(segment_bits) + number * segment_bits,
                bits + np.arange(self.code.check_bits) + number * self.code.check_bits,
            ]
            for number in range(self.segments)
        ]

    def syndromes(self, words: Bits) -> Bits:
        """Return the syndromes of the segments, of shape ``(…, segments, check_bits)``."""
        return np.stack([self.code.syndrome(words[..., place]) for place in self.places], axis=-2)
