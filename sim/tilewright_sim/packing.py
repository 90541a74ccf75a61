"""Between numpy arrays and the words that cross a port: signed elements side by side, element 0 lowest."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_range", "from_ints", "pack", "to_ints", "unpack"]


def check_range(values: ArrayLike, bits: int) -> NDArray[np.int64]:
    """Return ``values`` as int64; ValueError if one does not fit into ``bits`` signed bits."""
    array = np.asarray(values, dtype=np.int64)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if array.size and (array.min() < low or array.max() > high):
        raise ValueError(f"values from {array.min()} to {array.max()} do not fit into {bits} signed bits")
    return array


def pack(values: ArrayLike, bits: int) -> NDArray[np.uint32]:
    """Pack elements of shape [words, elements] into words of shape [words, ceil(elements * bits / 32)].

    ``bits`` is the width of an element; the words are split into 32-bit parts, the lowest first.
    """
    array = check_range(values, bits)
    words, elements = array.shape
    parts = -(-elements * bits // 32)
    each = (array[:, :, None] >> np.arange(bits)) & 1
    flat = np.zeros((words, parts * 32), dtype=np.uint8)
    flat[:, : elements * bits] = each.reshape(words, elements * bits)
    return np.packbits(flat, axis=1, bitorder="little").view("<u4")


def unpack(words: NDArray[np.uint32], elements: int, bits: int) -> NDArray[np.int64]:
    """The reverse of `pack`: signed elements of shape [words, elements]."""
    flat = np.unpackbits(np.ascontiguousarray(words, dtype="<u4").view(np.uint8), axis=1, bitorder="little")
    each = flat[:, : elements * bits].reshape(len(words), elements, bits).astype(np.int64)
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]
    return each @ weights


def to_ints(words: NDArray[np.uint32]) -> list[int]:
    """Packed words as Python integers, as a testbench drives them."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.ascontiguousarray(words, dtype="<u4")]


def from_ints(words: list[int], bits: int) -> NDArray[np.uint32]:
    """The reverse of `to_ints`, for ports of ``bits`` bits."""
    size = 4 * -(-bits // 32)
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(raw, dtype="<u4").reshape(len(words), size // 4)
