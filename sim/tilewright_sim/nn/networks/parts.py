"""The factors of products in the device's memory, and the descriptors that multiply activations by them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.host import Descriptor, DeviceArray, DeviceView, Parameters, Runtime, plan_convolution
from tilewright_sim.models import Convolution, ConvolutionLayout, split_product
from tilewright_sim.models import Part as Cut
from tilewright_sim.models import convolution as golden
from tilewright_sim.nn.graph import Factors, Product

from .convolution import Block, block_weights, blocks, folded_bias, image_of, image_operand, segments

__all__ = ["ImagePart", "Parts", "ProductPart", "load", "results"]


@dataclass(frozen=True, eq=False)
class ProductPart:
    """A block of a product: its weights in the device's memory, and what its descriptors need.

    Parameters
    ----------
    product : Product
    block : Block
    weights : DeviceArray
        int8 [n, k].
    factors : Factors
    repeats : int
        How often the activations are repeated along K, for weights of 9 bits.
    cuts : list of (Cut, Parameters or None)
        The work of each descriptor, in order.
    """

    product: Product
    block: Block
    weights: DeviceArray
    factors: Factors
    repeats: int
    cuts: list[tuple[Cut, Parameters | None]]

    def operand(self, x: NDArray[np.int8], number: int) -> NDArray[np.int8]:
        """Return the matrix A of activations, of one of a batch."""
        window = self.product.window
        if window is not None:
            x = image_operand(x, window, self.block.inputs, self.factors.x_zero)
        elif self.product.kind == "batch":
            x = x[number]
        return np.tile(x, (1, self.repeats)) if self.repeats > 1 else x

    @property
    def accumulates(self) -> bool:
        """Whether K is too long for one descriptor, so that sums are int32 and the host requantizes them."""
        return any(cut.accumulates for cut, _ in self.cuts)

    def descriptors(
        self, chip: Runtime, a: DeviceArray, c: DeviceArray, chained: bool, stack: ExitStack
    ) -> Iterator[Descriptor]:
        """Yield the descriptors for activations [m, k] and results [m, n of all blocks], in order.

        ``chained``: the activations are results of earlier descriptors, which must be complete before they are read.
        """
        columns = DeviceView.of(c, slice(None), self.block.outputs)
        for cut, parameters in self.cuts:
            yield chip.descriptor(
                DeviceView.of(a, cut.rows, cut.depth),
                DeviceView.of(self.weights, cut.columns, cut.depth),
                DeviceView.of(columns, cut.rows, cut.columns),
                parameters,
                accumulate=cut.accumulates,
                fences=("a" if chained else "") + ("c" if cut.accumulates else ""),
            )


@dataclass(frozen=True, eq=False)
class ImagePart:
    """A convolution whose patches the accelerator reads: see `ProductPart`.

    Parameters
    ----------
    product : Product
    block : Block
    weights : DeviceArray
        In the layout of `tilewright_sim.models.convolution.columns`.
    factors : Factors
    bias : int32 array of shape [n]
    image : Convolution
        Of one image.
    """

    product: Product
    block: Block
    weights: DeviceArray
    factors: Factors
    bias: NDArray[np.int32]
    image: Convolution
    accumulates: bool = False

    def operand(self, x: NDArray[np.int8], number: int) -> NDArray[np.int8]:
        """Return the images, as a matrix of their rows."""
        return np.ascontiguousarray(x).reshape(-1, self.image.width * self.image.channels)

    def descriptors(
        self, chip: Runtime, a: DeviceArray, c: DeviceArray, chained: bool, stack: ExitStack
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of all images; chained, the activations are a matrix [pixels, channels]."""
        g, requant = self.image, self.factors.requant if self.product.requant else None
        pixels, row_bytes = g.out_height * g.out_width, g.width * g.channels
        stride = row_bytes if chained else a.stride
        for number in range(self.product.image[0]):
            source = DeviceView(
                chip.device, a.address + number * g.height * stride, (g.height, row_bytes), np.int8, stride
            )
            target = DeviceView.of(c, slice(number * pixels, (number + 1) * pixels))
            yield from plan_convolution(
                chip, stack, source, self.weights, target, g, self.bias, requant, fences="a" if chained else ""
            )


Parts = list[list[ProductPart | ImagePart]]
"""The blocks of each of a batch."""


def load(product: Product, factors: Factors, chip: Runtime, stack: ExitStack) -> Parts:
    """Copy the factors of a product into the device's memory until ``stack`` closes.

    Returns the blocks of each of the batch.
    """
    image = image_of(product, chip.config)
    if image is not None:
        return [[_image_part(product, factors, image, chip, stack)]]
    batches = factors.weights if product.kind == "batch" else [factors.weights]
    return [
        [_part(product, factors, weights, block, chip, stack) for block in blocks(product, chip.config)]
        for weights in batches
    ]


def _part(
    product: Product, factors: Factors, weights: NDArray, block: Block, chip: Runtime, stack: ExitStack
) -> ProductPart:
    spread = block_weights(product, weights, block)
    pieces = list(segments(spread))
    array = stack.enter_context(chip.array(np.concatenate(pieces, axis=1)))
    bias = folded_bias(factors, spread, block.outputs)
    requant = factors.requant.part(block.outputs) if factors.requant and product.requant else None
    work = list(split_product(chip.config, product.shape[0], *array.shape))
    long = any(cut.accumulates for cut in work)
    cuts: list[tuple[Cut, Parameters | None]] = []
    for cut in work:
        if cut.accumulates:
            cuts.append((cut, None))
            continue
        scale = requant.part(cut.columns) if requant and not long else None
        some = bias[cut.columns]
        cuts.append((cut, stack.enter_context(chip.parameters(len(some), some, scale))))
    return ProductPart(product, block, array, factors, len(pieces), cuts)


def _image_part(product: Product, factors: Factors, image: Convolution, chip: Runtime, stack: ExitStack) -> ImagePart:
    image = replace(image, zero_point=factors.x_zero)
    weights = factors.weights[..., 0] if image.depthwise else factors.weights
    columns = golden.columns(ConvolutionLayout(chip.config, image), weights)
    array = stack.enter_context(chip.array(columns))
    whole = Block(slice(None), slice(0, product.shape[1]), columns.shape[1])
    bias = folded_bias(factors, factors.weights.reshape(len(weights), -1), whole.outputs)
    return ImagePart(product, whole, array, factors, bias, image)


def results(parts: list[ProductPart | ImagePart], c: DeviceArray) -> NDArray:
    """Return the results of all blocks; sums that the accelerator did not scale are scaled here."""
    values = c.numpy()
    if parts[0].factors.requant is None or c.dtype == np.int8:
        return values
    columns = [part.block.outputs for part in parts]
    scaled = [part.factors.exact(values[:, some], some) for part, some in zip(parts, columns, strict=True)]
    return np.concatenate(scaled, axis=1)
