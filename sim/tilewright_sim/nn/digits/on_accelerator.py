"""The digits network on the accelerator: both layers in one queue, everything in the device's memory."""

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.host import RunResult, Runtime
from tilewright_sim.models import gemm as golden

from . import Network

__all__ = ["expected", "forward"]

_SPARE_BITS = 15
"""Difference between the 16 bits of the network's factor and the 31 bits of the epilogue's multiplier."""


def forward(network: Network, chip: Runtime, x: NDArray[np.int8]) -> tuple[NDArray[np.int32], RunResult]:
    """Return the logits, int32 [n, 10], of images ``x``, int8 [n, 64], and the result of the run.

    It takes two descriptors: the first layer writes int8 activations to memory; the second layer waits for them and
    reads them.
    """
    images, first, second = chip.array(x), chip.array(network.w1), chip.array(network.w2)
    hidden = chip.empty((len(x), len(network.w1)), np.int8)
    logits = chip.empty((len(x), len(network.w2)), np.int32)
    scales = chip.parameters(len(network.w1), network.b1, requantization(network, chip.config.roundings[0]))
    biases = chip.parameters(len(network.w2), network.b2)
    with images, first, second, hidden, logits, scales, biases:
        run = chip.submit([
            chip.descriptor(images, first, hidden, scales),
            chip.descriptor(hidden, second, logits, biases, fences="a"),
        ])
        return logits.numpy(), run


def expected(network: Network, x: NDArray[np.int8], rounding: golden.Rounding) -> NDArray[np.int64]:
    """Return the logits of the golden model, with the epilogue's rounding."""
    requant = requantization(network, rounding)
    return golden.gemm(golden.gemm(x, network.w1, network.b1, requant), network.w2, network.b2)


def requantization(network: Network, rounding: golden.Rounding = "single") -> golden.Requant:
    """Return the requantization of the first layer: the network's factor, and limits that are its ReLU."""
    return golden.Requant(
        multiplier=network.mult << _SPARE_BITS,
        shift=31 - _SPARE_BITS - network.shift,
        minimum=0,
        maximum=127,
        rounding=rounding,
    )
