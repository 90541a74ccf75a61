"""The host's operations between the products: everything except matrix multiplication, in float32."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "HostOps", "Rotation", "VectorOps", "quantize_rows", "scaled"]

Floats = NDArray[np.float32]
INT8_MAX = np.float32(127)


class VectorOps(Protocol):
    """The operations between the products: `HostOps`, and those of the vector engine, `ChipVectorOps`.

    A row is a token unless stated otherwise. The result of a row depends only on that row. Positions are consecutive.
    """

    def norm(self, x: Floats, weight: Floats) -> Floats:
        """Return ``x / sqrt(mean(x²) + epsilon) * weight``, the mean along the last axis.

        ``x`` is [tokens, hidden], or [tokens, heads, head_width] in a model that norms the heads of queries and keys.
        """

    def rotate(self, x: Floats, positions: NDArray[np.int64]) -> Floats:
        """Rotate the pairs of elements of each head of ``x`` [tokens, heads, head_width] by their position's angles."""

    def softmax(self, scores: Floats, positions: NDArray[np.int64], scale: float = 1.0) -> Floats:
        """Return the softmax of ``scores * scale`` [heads, tokens, context]; a token sees positions up to its own."""

    def gate(self, gate: Floats, up: Floats) -> Floats:
        """Return ``silu(gate) * up``."""

    def add(self, x: Floats, y: Floats) -> Floats:
        """Return the sum of two tensors [tokens, …]; ``y`` may be the same for all tokens, a bias."""

    def quantize(self, x: Floats) -> tuple[NDArray[np.int8], Floats]:
        """Return int8 and a scale for each row, along the last axis: see `quantize_rows`."""


class Rotation:
    """The angles of the rotary embedding; their sines and cosines are computed in float64.

    Parameters
    ----------
    head_width : int
    base : float
    factors : array [head_width / 2] or None
        Divisors of the frequencies.
    """

    def __init__(self, head_width: int, base: float, factors: Floats | None = None):
        frequencies = base ** (-np.arange(0, head_width, 2) / head_width)
        self.frequencies = frequencies if factors is None else frequencies / factors.astype(np.float64)

    def at(self, positions: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return cosines and sines, [positions, 1, head_width / 2]."""
        angles = positions[:, None, None] * self.frequencies
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


class HostOps:
    """`VectorOps` in numpy.

    Parameters
    ----------
    epsilon : float
        Of the norms.
    rotation : Rotation
    """

    def __init__(self, epsilon: float, rotation: Rotation):
        self.epsilon = np.float32(epsilon)
        self.rotation = rotation

    def norm(self, x: Floats, weight: Floats) -> Floats:
        mean = np.mean(np.square(x), axis=-1, keepdims=True, dtype=np.float32)
        return np.asarray(x / np.sqrt(mean + self.epsilon) * weight, dtype=np.float32)

    def rotate(self, x: Floats, positions: NDArray[np.int64]) -> Floats:
        cos, sin = self.rotation.at(positions)
        even, odd = x[..., 0::2], x[..., 1::2]
        turned = np.empty_like(x)
        turned[..., 0::2] = even * cos - odd * sin
        turned[..., 1::2] = even * sin + odd * cos
        return turned

    def softmax(self, scores: Floats, positions: NDArray[np.int64], scale: float = 1.0) -> Floats:
        later = np.arange(scores.shape[-1]) > positions[:, None]
        masked = np.where(later, np.float32(-np.inf), scores * np.float32(scale))
        powers = np.exp(masked - masked.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True, dtype=np.float32)

    def gate(self, gate: Floats, up: Floats) -> Floats:
        with np.errstate(over="ignore"):  # exp(-gate) may be infinite: the quotient is 0 then, as it should be
            return gate / (1 + np.exp(-gate)) * up

    def add(self, x: Floats, y: Floats) -> Floats:
        return x + y

    def quantize(self, x: Floats) -> tuple[NDArray[np.int8], Floats]:
        return quantize_rows(x)


def quantize_rows(x: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return int8 from -127 to 127, rounded to nearest with ties to even, and scales: ``x ≈ int8 * scale``.

    The scale is the largest magnitude along the last axis divided by 127; the axis stays, with length 1. A row of zeros
    has the scale 0.
    """
    largest = np.abs(x).max(axis=-1, keepdims=True)
    scale = (largest / INT8_MAX).astype(np.float32)
    inverse = np.divide(INT8_MAX, largest, out=np.zeros_like(largest), where=largest > np.float32(1e-30))
    values = np.clip(np.rint(x * inverse), -INT8_MAX, INT8_MAX)
    return values.astype(np.int8), scale


def scaled(sums: NDArray[np.int32], *scales: Floats | np.float32) -> Floats:
    """Return the real values of sums of int8 products: multiplied by each of the scales, with broadcasting."""
    values = sums.astype(np.float32)
    for scale in scales:
        values = values * scale
    return values
