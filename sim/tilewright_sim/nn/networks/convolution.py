"""How products become GEMMs: blocks of channels, weights, patches, and descriptors.

The accelerator reads patches out of an image where `image_of` returns its geometry. Elsewhere `image_operand` copies
them out on the host.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, lcm

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import split_convolution
from tilewright_sim.models import Convolution
from tilewright_sim.models.cycles import Gemm, split_gemm
from tilewright_sim.nn.graph import Factors, Product, Window

__all__ = ["Block", "block_weights", "blocks", "folded_bias", "gemms", "image_of", "image_operand", "segments"]


@dataclass(frozen=True)
class Block:
    """A part of a product that is a GEMM: the channels it reads, the columns of the result, and its K.

    A convolution without groups is one block. With groups, a block has as many groups as fill the columns of the tile,
    and its weights are block-diagonal.
    """

    inputs: slice
    outputs: slice
    k: int


def blocks(product: Product, config: AcceleratorConfig) -> list[Block]:
    """Return the blocks of a product; a column slice begins at a bus word."""
    _, n, k = product.shape
    window = product.window
    if window is None or window.groups == 1:
        return [Block(slice(None), slice(0, n), k)]
    inputs, outputs = product.image[3] // window.groups, n // window.groups
    taps = window.kernel[0] * window.kernel[1]
    together = max(config.tile.cols // outputs, 1)
    whole = lcm(outputs, config.word_bytes) // outputs  # groups whose results fill bus words
    together = min(ceil(together / whole) * whole, window.groups)
    return [
        Block(
            slice(first * inputs, end * inputs),
            slice(first * outputs, end * outputs),
            taps * (end - first) * inputs,
        )
        for first in range(0, window.groups, together)
        for end in [min(first + together, window.groups)]
    ]


def image_of(product: Product, config: AcceleratorConfig) -> Convolution | None:
    """Return the geometry of each image of a convolution, with padding of 0.

    None if it is not a convolution, if an image is its matrix of patches, or if the accelerator cannot read its
    patches: the configuration has no convolutions, a patch does not fit into the panel, or there are groups of several
    channels.
    """
    window = product.window
    if not config.convolution or window is None or window.pointwise or not (product.constant and product.narrow):
        return None
    _, height, width, channels = product.image
    depthwise = window.groups > 1
    if depthwise and not window.groups == channels == product.shape[1]:
        return None
    try:
        image = Convolution(
            height=height, width=width, channels=channels, depthwise=depthwise,
            kernel_height=window.kernel[0], kernel_width=window.kernel[1],
            out_height=window.output(height, width)[0], out_width=window.output(height, width)[1],
            stride_y=window.stride[0], stride_x=window.stride[1],
            dilation_y=window.dilation[0], dilation_x=window.dilation[1],
            pad_top=window.padding[0][0], pad_left=window.padding[1][0],
        )  # fmt: skip
        list(split_convolution(config, image))
    except TilewrightError:
        return None
    return image


def gemms(product: Product, config: AcceleratorConfig) -> list[Gemm]:
    """Return the products of the descriptors that compute a layer, without those that weights of 9 bits add."""
    m, _, _ = product.shape
    image = image_of(product, config)
    if image is not None:
        return [
            Gemm.convolution(config, part, product.shape[1], requant=product.requant, bias=True)
            for _, _, part in split_convolution(config, image)
        ] * product.image[0]
    parts = [
        Gemm(
            m=m,
            n=block.outputs.stop - block.outputs.start,
            k=block.k,
            requant=product.requant,
            bias=True,
            b_format=config.integer or 0,
        )
        for block in blocks(product, config)
    ] * product.batch
    return [gemm for part in parts for gemm in split_gemm(config, part)]


def block_weights(product: Product, weights: NDArray, block: Block) -> NDArray:
    """Return the weights [n, k] of a block; those between different groups are 0."""
    window = product.window
    if window is None:
        return weights
    if window.groups == 1:
        return weights.reshape(len(weights), -1)
    inputs, outputs = product.image[3] // window.groups, product.shape[1] // window.groups
    count = block.outputs.stop - block.outputs.start
    spread = np.zeros((count, *window.kernel, block.inputs.stop - block.inputs.start), weights.dtype)
    for place in range(count):
        first = place // outputs * inputs
        spread[place, :, :, first : first + inputs] = weights[block.outputs.start + place]
    return spread.reshape(count, -1)


def folded_bias(factors: Factors, weights: NDArray, columns: slice) -> NDArray[np.int32]:
    """Return the bias [n] of columns from which the zero point of the activations is taken off; it wraps like int32."""
    total = -factors.x_zero * weights.sum(-1, dtype=np.int64)
    if factors.bias is not None:
        total = total + factors.bias[columns]
    return total.astype(np.int32)


def segments(weights: NDArray) -> Iterator[NDArray[np.int8]]:
    """Yield int8 matrices whose sum is ``weights``: one if they fit, else one for each factor that A is repeated by."""
    left = np.asarray(weights, np.int16)
    while True:
        part = np.clip(left, -128, 127)
        yield part.astype(np.int8)
        left = left - part
        if not left.any():
            return


def image_operand(images: NDArray[np.int8], window: Window, channels: slice, zero_point: int) -> NDArray[np.int8]:
    """Return the matrix of all patches, [images × rows × columns, height × width × channels], from NHWC."""
    x = images[..., channels]
    if window.pointwise:
        return x.reshape(-1, x.shape[-1])
    x = np.pad(x, ((0, 0), *window.padding, (0, 0)), constant_values=zero_point)
    reach = tuple((size - 1) * apart + 1 for size, apart in zip(window.kernel, window.dilation, strict=True))
    views = np.lib.stride_tricks.sliding_window_view(x, reach, (1, 2))
    (down, across), (rows, columns) = window.stride, window.dilation
    views = views[:, ::down, ::across, :, ::rows, ::columns]
    return views.transpose(0, 1, 2, 4, 5, 3).reshape(views.shape[0] * views.shape[1] * views.shape[2], -1)
