"""Conversions between numpy arrays and the words of a port: signed elements side by side, element 0 lowest."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_range", "from_ints", "pack", "to_ints", "unpack"]

_PART = np.uint64(0xFFFF_FFFF)


def check_range(values: ArrayLike, bits: int) -> NDArray[np.int64]:
    """Return ``values`` as int64; ValueError if one does not fit into ``bits`` signed bits."""
    array = np.asarray(values, dtype=np.int64)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if array.size and (array.min() < low or array.max() > high):
        raise ValueError(f"values from {array.min()} to {array.max()} do not fit into {bits} signed bits")
    return array


def pack(values: ArrayLike, bits: int) -> NDArray[np.uint32]:
    """Pack elements of shape [words, elements] into words of shape [words, ceil(elements * bits / 32)].

    ``bits`` is the width of an element, 1 to 64; the words are split into 32-bit parts, the lowest first.
    """
    array = check_range(values, bits).astype(np.uint64) & np.uint64((1 << bits) - 1)
    words, elements = array.shape
    used = -(-elements * bits // 32)
    parts = np.zeros((words, used + 2), dtype=np.uint64)  # two more, which the last element may touch
    for element in range(elements):
        part, shift = divmod(element * bits, 32)
        low = array[:, element] << np.uint64(shift)
        parts[:, part] |= low & _PART
        parts[:, part + 1] |= low >> np.uint64(32)
        if shift:
            parts[:, part + 2] |= array[:, element] >> np.uint64(64 - shift)
    return parts[:, :used].astype("<u4")


def unpack(words: NDArray[np.uint32], elements: int, bits: int) -> NDArray[np.int64]:
    """Return signed elements of shape [words, elements]: the reverse of `pack`."""
    parts = np.zeros((len(words), words.shape[1] + 2), dtype=np.uint64)
    parts[:, :-2] = words
    values = np.empty((len(words), elements), dtype=np.int64)
    for element in range(elements):
        part, shift = divmod(element * bits, 32)
        window = (parts[:, part] | parts[:, part + 1] << np.uint64(32)) >> np.uint64(shift)
        if shift:
            window |= parts[:, part + 2] << np.uint64(64 - shift)
        # To the top, and back with the sign.
        values[:, element] = (window << np.uint64(64 - bits)).astype(np.int64) >> (64 - bits)
    return values


def to_ints(words: NDArray[np.uint32]) -> list[int]:
    """Return packed words as Python integers, as testbenches drive them."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.ascontiguousarray(words, dtype="<u4")]


def from_ints(words: list[int], bits: int) -> NDArray[np.uint32]:
    """Return packed words for a port of ``bits`` bits: the reverse of `to_ints`."""
    size = 4 * -(-bits // 32)
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(raw, dtype="<u4").reshape(len(words), size // 4)
