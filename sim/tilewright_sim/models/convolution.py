"""Golden model of convolutions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gemm import Requant, gemm
from .geometry import Convolution, ConvolutionLayout

__all__ = ["columns", "convolve", "patches", "products"]


def patches(image: ArrayLike, geometry: Convolution) -> NDArray[np.int64]:
    """Return the patch of each output pixel.

    Parameters
    ----------
    image : integers of shape [height, width, channels]

    Returns
    -------
    int64 of shape [out_height * out_width, kernel_height, kernel_width, channels]
    """
    image = np.asarray(image, dtype=np.int64)
    g = geometry
    if image.shape != (g.height, g.width, g.channels):
        raise ValueError(f"expected an image [{g.height}, {g.width}, {g.channels}], got {list(image.shape)}")
    result = np.full((g.out_height, g.out_width, g.kernel_height, g.kernel_width, g.channels), g.zero_point, np.int64)
    for i in range(g.kernel_height):
        for j in range(g.kernel_width):
            y = np.arange(g.out_height) * g.stride_y + i * g.dilation_y - g.pad_top
            x = np.arange(g.out_width) * g.stride_x + j * g.dilation_x - g.pad_left
            rows, columns = np.flatnonzero((y >= 0) & (y < g.height)), np.flatnonzero((x >= 0) & (x < g.width))
            result[rows[:, None], columns, i, j] = image[y[rows][:, None], x[columns]]
    return result.reshape(-1, g.kernel_height, g.kernel_width, g.channels)


def convolve(
    image: ArrayLike,
    weights: ArrayLike,
    geometry: Convolution,
    bias: ArrayLike | None = None,
    requant: Requant | None = None,
) -> NDArray[np.int64]:
    """Return what a convolution writes to C: int32, or int8 with ``requant``.

    Parameters
    ----------
    image : integers of shape [height, width, channels]
    weights : integers of shape [N, kernel_height, kernel_width, channels], or for depthwise
        [channels, kernel_height, kernel_width]
    geometry : Convolution
    bias : integers of shape [N], optional
    requant : Requant, optional

    Returns
    -------
    int64 of shape [out_height * out_width, N]
    """
    weights = np.asarray(weights, dtype=np.int64)
    rows = patches(image, geometry)
    if geometry.depthwise:
        full = np.zeros((*weights.shape, geometry.channels), np.int64)
        full[range(len(weights)), :, :, range(geometry.channels)] = weights
        weights = full
    return gemm(rows.reshape(len(rows), -1), weights.reshape(len(weights), -1), bias, requant)


def columns(layout: ConvolutionLayout, weights: ArrayLike) -> NDArray[np.int8]:
    """Return B, int8 [N, k], from weights as `convolve` takes them."""
    g, rows, cols = layout.geometry, layout.config.tile.rows, layout.config.tile.cols
    weights = np.asarray(weights, dtype=np.int8)
    n = len(weights)
    b = np.zeros((n, layout.runs, layout.run_words * rows), np.int8)
    if g.depthwise:
        b[range(n), :, np.arange(n) % cols] = weights.reshape(n, -1)
    else:
        b[:, :, : layout.run] = weights.reshape(n, layout.runs, layout.run)
    return b.reshape(n, -1)


def products(layout: ConvolutionLayout, image: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
    """Return the sums [out_height * out_width, N] that a descriptor computes from an image and B, int8 [N, k].

    What B has beyond the runs must be 0. Depthwise, a tile of ``cols`` columns of C sees
    the channels of the same numbers.
    """
    g, rows, cols = layout.geometry, layout.config.tile.rows, layout.config.tile.cols
    found = patches(image, g)
    b = np.asarray(b, dtype=np.int64)

    def filled(part: NDArray[np.int64]) -> NDArray[np.int64]:
        runs = part.reshape(len(found), layout.runs, -1)
        full = np.zeros((len(found), layout.runs, layout.run_words * rows), np.int64)
        full[:, :, : runs.shape[2]] = runs
        return full.reshape(len(found), -1)

    if not g.depthwise:
        return filled(found) @ b.T
    parts = (slice(first, first + cols) for first in range(0, len(b), cols))
    return np.concatenate([filled(found[..., part]) @ b[part].T for part in parts], axis=1)
