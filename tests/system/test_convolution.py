"""Convolutions on the generated RTL: every result of random ones, and the cycles of layers of known networks."""

import random

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.benches.jobs import draw_image
from tilewright_sim.host import Simulator
from tilewright_sim.models import Convolution, ConvolutionLayout
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.convolution import convolve
from tilewright_sim.models.cycles import Bus, Gemm, estimate

pytestmark = pytest.mark.long

SMALL = AcceleratorConfig.preset("small", convolution=True)
WIDE = AcceleratorConfig(rows=4, cols=16, dot=4, data_bits=32, requant_lanes=4, convolution=True, unaligned=True)


@pytest.mark.parametrize("config", [SMALL, WIDE], ids=["small", "more columns than rows"])
@pytest.mark.parametrize("memory", [{"latency": 0}, {"latency": 20, "stall": 0.4}], ids=["prompt", "stalled"])
def test_random_convolutions_equal_the_golden_model(config, memory):
    dice, rng = random.Random(1), np.random.default_rng(1)
    with Simulator(config, seed=1, **memory) as chip:
        for _ in range(150):
            if (drawn := draw_image(dice, config, 1 << 20)) is None:
                continue
            check(chip, drawn.geometry, len(drawn.b), rng)


def check(chip, g, n, rng):
    image = rng.integers(-128, 128, (g.height, g.width, g.channels), dtype=np.int8)
    weights = rng.integers(
        -128, 128, (n, g.kernel_height, g.kernel_width, *(() if g.depthwise else (g.channels,))), np.int8
    )
    bias = rng.integers(-1000, 1000, n)
    requant = golden.Requant.from_scale(rng.uniform(0.0005, 0.01, n), zero_point=3) if rng.integers(2) else None
    result = chip.convolution(image, weights, g, bias=bias, requant=requant)
    want = convolve(image, weights, g, bias, requant)
    assert np.array_equal(result.c.reshape(want.shape), want), g
    return result


def layer(size, channels, kernel, stride=1, *, depthwise=False):
    return Convolution.same(
        height=size, width=size, channels=channels, kernel_height=kernel, kernel_width=kernel, stride_y=stride,
        stride_x=stride, depthwise=depthwise, zero_point=-3,
    )  # fmt: skip


LAYERS = [  # of ResNet-8 and MobileNet
    (layer(32, 3, 3), 16), (layer(32, 16, 3), 16), (layer(32, 16, 3, 2), 32), (layer(32, 16, 1, 2), 32),
    (layer(96, 3, 3, 2), 8), (layer(48, 8, 3, depthwise=True), 8), (layer(48, 8, 1), 16),
    (layer(6, 128, 3, depthwise=True), 128), (layer(3, 256, 3, depthwise=True), 256), (layer(6, 128, 1), 128),
]  # fmt: skip


def test_cycles_of_layers_are_estimated_within_3_percent():
    rng = np.random.default_rng(0)
    with Simulator(SMALL, latency=16) as chip:
        for geometry, n in LAYERS:
            image = rng.integers(-128, 128, (geometry.height, geometry.width, geometry.channels), dtype=np.int8)
            shape = (n, geometry.kernel_height, geometry.kernel_width)
            weights = np.ones(shape if geometry.depthwise else (*shape, geometry.channels), np.int8)
            requant = golden.Requant.from_scale(0.01)
            run = chip.convolution(image, weights, geometry, requant=requant)
            guess = estimate(SMALL, [Gemm.convolution(SMALL, geometry, n)], Bus(latency=16)).cycles
            assert guess == pytest.approx(run.cycles, rel=0.03), geometry


def test_an_image_wider_than_the_accumulators_takes_several_descriptors():
    rng = np.random.default_rng(3)
    geometry = Convolution.same(height=5, width=100, channels=3, kernel_height=3, kernel_width=3, stride_y=2)
    assert not ConvolutionLayout(SMALL, geometry).fits
    with Simulator(SMALL) as chip:
        assert check(chip, geometry, 5, rng).descriptors == 6
