"""Descriptors of convolutions: parts that fit, where they lie, and what is refused."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host.planning.convolution import split_convolution
from tilewright_sim.models import Convolution, ConvolutionLayout

SMALL = AcceleratorConfig.preset("small", convolution=True)


@pytest.mark.parametrize(("size", "channels", "parts"), [(32, 16, 1), (96, 3, 192), (224, 64, 224 * 4)])
def test_parts_cover_the_output_once(size, channels, parts):
    """Rows wider than a bank of accumulators, or than the panel, are cut."""
    geometry = Convolution.same(height=size, width=size, channels=channels, kernel_height=3, kernel_width=3)
    covered = np.zeros((size, size), int)
    count = 0
    for y, x, part in split_convolution(SMALL, geometry):
        assert ConvolutionLayout(SMALL, part).fits
        covered[y : y + part.out_height, x : x + part.out_width] += 1
        count += 1
    assert (covered == 1).all()
    assert count == parts


def test_a_patch_that_does_not_fit_is_refused():
    geometry = Convolution.valid(height=64, width=64, channels=2048, kernel_height=3, kernel_width=3)
    with pytest.raises(TilewrightError, match="multiply patches with gemm"):
        list(split_convolution(SMALL, geometry))
