"""Convolutions: cases worked by hand, the layout against the definition, and what is refused."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.models import Convolution, ConvolutionLayout
from tilewright_sim.models.convolution import columns, convolve, patches, products

SMALL = AcceleratorConfig.preset("small", convolution=True)
SQUARE = {"height": 5, "width": 5, "channels": 3, "kernel_height": 3, "kernel_width": 3}


def test_padding_is_the_zero_point():
    image = np.arange(1, 5).reshape(2, 2, 1)
    geometry = Convolution.same(height=2, width=2, channels=1, kernel_height=3, kernel_width=3, zero_point=9)
    assert patches(image, geometry)[0, :, :, 0].tolist() == [[9, 9, 9], [9, 1, 2], [9, 3, 4]]
    assert patches(image, geometry)[3, :, :, 0].tolist() == [[1, 2, 9], [3, 4, 9], [9, 9, 9]]


def test_strides_and_dilation_pick_pixels():
    image = np.arange(49).reshape(7, 7, 1)
    geometry = Convolution.valid(
        height=7, width=7, channels=1, kernel_height=2, kernel_width=2, stride_y=2, stride_x=3, dilation_y=3,
        dilation_x=2,
    )  # fmt: skip
    assert (geometry.out_height, geometry.out_width) == (2, 2)
    assert patches(image, geometry)[3, :, :, 0].tolist() == [[17, 19], [38, 40]]


@pytest.mark.parametrize(("size", "stride", "out", "pad"), [(5, 1, 5, 1), (5, 2, 3, 1), (6, 2, 3, 0), (4, 3, 2, 1)])
def test_same_pads_as_tensorflow(size, stride, out, pad):
    geometry = Convolution.same(**SQUARE | {"height": size, "width": size}, stride_y=stride, stride_x=stride)
    assert (geometry.out_height, geometry.out_width, geometry.pad_top, geometry.pad_left) == (out, out, pad, pad)


def test_depthwise_uses_each_channel_alone():
    rng = np.random.default_rng(0)
    image, weights = rng.integers(-128, 128, (5, 5, 3)), rng.integers(-128, 128, (3, 3, 3))
    geometry = Convolution.valid(**SQUARE, depthwise=True)
    for channel in range(3):
        alone = Convolution.valid(**SQUARE | {"channels": 1})
        want = convolve(image[:, :, channel : channel + 1], weights[channel][None, :, :, None], alone)
        assert np.array_equal(convolve(image, weights, geometry)[:, [channel]], want)


def test_cut_rows_and_columns_give_their_part_of_the_whole():
    rng = np.random.default_rng(1)
    image, weights = rng.integers(-128, 128, (9, 8, 2)), rng.integers(-128, 128, (4, 3, 3, 2))
    geometry = Convolution.same(
        height=9, width=8, channels=2, kernel_height=3, kernel_width=3, stride_y=2, dilation_x=2, zero_point=-5
    )
    whole = convolve(image, weights, geometry).reshape(geometry.out_height, geometry.out_width, -1)
    for y, rows in ((0, 2), (2, 3), (4, 1)):
        for x, across in ((0, 3), (3, 5), (7, 1)):
            part = geometry.rows(y, rows).columns(x, across, grain=4)
            top, left = geometry.first_row(y), geometry.first_column(x, grain=4)
            piece = image[top : top + part.height, left : left + part.width]
            got = convolve(piece, weights, part).reshape(rows, across, -1)
            assert np.array_equal(got, whole[y : y + rows, x : x + across])


@pytest.mark.parametrize("change", [
    {}, {"depthwise": True}, {"dilation_x": 2}, {"channels": 8}, {"kernel_width": 1}, {"pad_left": 2, "pad_top": 1},
    {"pad_left": -1, "width": 7},
])  # fmt: skip
def test_the_layout_reads_patches_out_of_padded_rows(change):
    """The panel's rows, as the hardware fills and reads them, times B, give the convolution."""
    geometry = Convolution(**SQUARE | {"out_height": 3, "out_width": 2, "stride_x": 2, "zero_point": 7} | change)
    layout = ConvolutionLayout(SMALL, geometry)
    rng = np.random.default_rng(2)
    image = rng.integers(-128, 128, (5, geometry.width, geometry.channels))
    shape = (geometry.channels,) if geometry.depthwise else (5,)
    weights = rng.integers(
        -128, 128, (*shape, 3, geometry.kernel_width, *(() if geometry.depthwise else image.shape[2:]))
    )
    b = columns(layout, weights).astype(np.int64)
    rows, cols, step = SMALL.tile.rows, SMALL.tile.cols, geometry.channels
    panel = np.full((30, layout.pitch * rows), geometry.zero_point)
    for y in range(5):
        line = image[y].reshape(-1)[: (layout.pitch - layout.left) * rows]
        panel[y + geometry.pad_top, layout.left * rows :][: len(line)] = line
    got = np.zeros((geometry.out_height * geometry.out_width, len(b)), np.int64)
    across = geometry.kernel_width if layout.runs != geometry.kernel_height else 1
    for pixel in range(len(got)):
        y, x = divmod(pixel, geometry.out_width)
        for n in range(len(b)):
            patch = []
            for run in range(layout.runs):
                i, j = divmod(run, across)
                start = layout.offset + (x * geometry.stride_x + j * geometry.dilation_x) * step
                start += n // cols * cols if geometry.depthwise else 0
                line = panel[y * geometry.stride_y + i * geometry.dilation_y]
                assert start + layout.run_words * rows <= len(line)
                patch.append(line[start : start + layout.run_words * rows])
            got[pixel, n] = np.concatenate(patch) @ b[n]
    assert np.array_equal(got, convolve(image, weights, geometry))
    assert np.array_equal(got, products(layout, image, b))


@pytest.mark.parametrize("change", [
    {"height": 0}, {"kernel_width": 256}, {"stride_x": 0}, {"pad_top": 3}, {"out_height": 9}, {"zero_point": 128},
])  # fmt: skip
def test_impossible_geometries_are_refused(change):
    with pytest.raises(TilewrightError):
        Convolution(**SQUARE | {"out_height": 3, "out_width": 3} | change)
