"""Small networks made in tests, real ones where they are installed, and the golden chip that runs them."""

import importlib.util
from pathlib import Path

import numpy as np
from support.fake_device import FakeDevice

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.host import Runtime

SMALL = AcceleratorConfig.preset("small")
MLPERF_TINY = sorted((Path(__file__).parents[3] / "shared" / "models" / "mlperf_tiny").glob("*.tflite"))
"""Beside the checkout; empty elsewhere."""


def wake_words() -> list[Path]:
    """The streaming networks of the package pymicro-wakeword; empty without it."""
    found = importlib.util.find_spec("pymicro_wakeword")
    return sorted((Path(found.origin).parent / "models").glob("*.tflite")) if found else []


def golden_chip(config: AcceleratorConfig = SMALL) -> Runtime:
    """A chip that computes with the golden model."""
    return Runtime(FakeDevice(config, 1 << 26), config)


def draw(rng: np.random.Generator, tensor, kind: str = "random") -> np.ndarray:
    """An input of a network: ``random``; ``corners``, of the smallest and largest values; ``low`` or ``high`` alone."""
    if tensor.dtype.kind == "f":
        return (rng.normal(size=tensor.shape) * 3).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    ends = {"corners": [limits.min, limits.max], "low": [limits.min], "high": [limits.max]}
    if kind in ends:
        return rng.choice(ends[kind], tensor.shape).astype(tensor.dtype)
    return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype)


def tiny_tflite() -> bytes:
    """A file of 8 operators: a convolution, a depthwise one, one of 1 × 1, ADD, a pooling, and a dense layer."""
    from support.tflite_files import FileMaker

    rng, maker = np.random.default_rng(0), FileMaker()

    def weights(shape, axis=0):
        scales = np.float32(rng.uniform(0.5, 1, shape[axis]) * 2.0**-7)
        return maker.tensor(shape, "int8", scales, axis=axis, value=rng.integers(-127, 128, shape))

    def bias(n):
        return maker.tensor((n,), "int32", [2.0**-12] * n, value=rng.integers(-2000, 2000, n))

    x = maker.tensor((1, 6, 5, 3), "int8", 0.03, -5)
    images = [maker.tensor((1, 6, 5, 8), "int8", 0.06, -128 if place < 2 else 3) for place in range(4)]
    pooled, flat, y, shares = (
        maker.tensor((1, 3, 2, 8), "int8", 0.06, 3), maker.tensor((1, 48), "int8", 0.06, 3),
        maker.tensor((1, 10), "int8", 0.1, 4), maker.tensor((1, 10), "int8", 1 / 256, -128),
    )  # fmt: skip
    maker.inputs, maker.outputs = [x], [shares]
    steps = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    maker.operator("CONV_2D", [x, weights((8, 3, 3, 3)), bias(8)], [images[0]], 3, kind="Conv2DOptions", padding=0,
                   fusedActivationFunction=1, **steps)  # fmt: skip
    maker.operator("DEPTHWISE_CONV_2D", [images[0], weights((1, 3, 3, 8), 3), bias(8)], [images[1]], 3,
                   kind="DepthwiseConv2DOptions", padding=0, depthMultiplier=1, fusedActivationFunction=1,
                   **steps)  # fmt: skip
    maker.operator("CONV_2D", [images[1], weights((8, 1, 1, 8)), bias(8)], [images[2]], 3, kind="Conv2DOptions",
                   padding=1, **steps)  # fmt: skip
    maker.operator("ADD", [images[0], images[2]], [images[3]], 2, kind="AddOptions")
    maker.operator("MAX_POOL_2D", [images[3]], [pooled], 2, kind="Pool2DOptions", padding=1, strideH=2, strideW=2,
                   filterHeight=2, filterWidth=2)  # fmt: skip
    maker.operator("RESHAPE", [pooled, maker.constant([1, 48])], [flat], 1)
    maker.operator("FULLY_CONNECTED", [flat, weights((10, 48))], [y], 12, kind="FullyConnectedOptions")
    maker.operator("SOFTMAX", [y], [shares], 2, kind="SoftmaxOptions", beta=1.0)
    return maker.pack()
