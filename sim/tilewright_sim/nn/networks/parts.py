"""The factors of products in the device's memory, and the descriptors that multiply activations by them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.host import Descriptor, DeviceArray, DeviceView, Parameters, Runtime
from tilewright_sim.models import Part as Cut
from tilewright_sim.models import split_product
from tilewright_sim.nn.graph import Factors, Product

from .convolution import Block, block_weights, blocks, folded_bias, segments

__all__ = ["ProductPart", "load", "results"]


@dataclass(frozen=True, eq=False)
class ProductPart:
    """A block of a product: its weights in the device's memory, and what its descriptors need.

    Parameters
    ----------
    block : Block
    weights : DeviceArray
        int8 [n, k].
    factors : Factors
    repeats : int
        How often the activations are repeated along K, for weights of 9 bits.
    cuts : list of (Cut, Parameters or None)
        The work of each descriptor, in order.
    """

    block: Block
    weights: DeviceArray
    factors: Factors
    repeats: int
    cuts: list[tuple[Cut, Parameters | None]]

    @property
    def accumulates(self) -> bool:
        """Whether K is too long for one descriptor, so that sums are int32 and the host requantizes them."""
        return any(cut.accumulates for cut, _ in self.cuts)

    def descriptors(self, chip: Runtime, a: DeviceArray, c: DeviceArray, chained: bool) -> Iterator[Descriptor]:
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


def load(product: Product, factors: Factors, chip: Runtime, stack: ExitStack) -> list[list[ProductPart]]:
    """Copy the factors of a product into the device's memory until ``stack`` closes.

    Returns the blocks of each of the batch.
    """
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
    return ProductPart(block, array, factors, len(pieces), cuts)


def results(parts: list[ProductPart], c: DeviceArray) -> NDArray:
    """Return the results of all blocks; sums that the accelerator did not scale are scaled here."""
    values = c.numpy()
    if parts[0].factors.requant is None or c.dtype == np.int8:
        return values
    columns = [part.block.outputs for part in parts]
    scaled = [part.factors.exact(values[:, some], some) for part, some in zip(parts, columns, strict=True)]
    return np.concatenate(scaled, axis=1)
