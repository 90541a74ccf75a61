"""The geometry of convolutions, and how one is laid out for the accelerator."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Self

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError

__all__ = ["Convolution", "ConvolutionLayout", "same_padding"]

_LIMITS = {
    "height": 0xFFFF, "width": 0xFFFF, "channels": 0xFFFF, "out_height": 0xFFFF, "out_width": 0xFFFF,
    "kernel_height": 255, "kernel_width": 255, "stride_y": 255, "stride_x": 255, "dilation_y": 255, "dilation_x": 255,
}  # fmt: skip


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the pixels before and after the image, along one axis, of the padding ``SAME`` of TensorFlow."""
    missing = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return missing // 2, missing - missing // 2


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """The geometry of a convolution of one image, NHWC, of ``height`` by ``width`` pixels of ``channels`` elements.

    Output pixel (y, x) is computed from the pixels ``(y * stride_y + i * dilation_y - pad_top, x * stride_x + j *
    dilation_x - pad_left)`` for i below ``kernel_height`` and j below ``kernel_width``. Outside the image all elements
    are ``zero_point``. A negative ``pad_left`` leaves out pixels at the left.

    ``depthwise``: there are as many results as channels, each from its own channel alone.

    Raises
    ------
    TilewrightError
        If a value is out of range, or an output row or pixel uses no pixel of the image.
    """

    height: int
    width: int
    channels: int
    kernel_height: int
    kernel_width: int
    out_height: int
    out_width: int
    stride_y: int = 1
    stride_x: int = 1
    dilation_y: int = 1
    dilation_x: int = 1
    pad_top: int = 0
    pad_left: int = 0
    zero_point: int = 0
    depthwise: bool = False

    def __post_init__(self):
        ranges = {name: (1, limit) for name, limit in _LIMITS.items()}
        ranges |= {"pad_top": (0, 255), "pad_left": (-128, 127), "zero_point": (-128, 127)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
                raise TilewrightError(f"{name} = {value!r}: must be a whole number, {low} to {high}")
        for axis, size, pad, window, last in (
            ("y", self.height, self.pad_top, self.window(1)[0], (self.out_height - 1) * self.stride_y),
            ("x", self.width, self.pad_left, self.window(1)[1], (self.out_width - 1) * self.stride_x),
        ):
            if pad >= window or last - pad >= size:
                raise TilewrightError(f"the kernel is outside the image, along {axis}: only padding would be used")

    def window(self, rows: int) -> tuple[int, int]:
        """Return the pixels, down and across, that the kernel covers for so many output rows and for one pixel."""
        down = (rows - 1) * self.stride_y + (self.kernel_height - 1) * self.dilation_y + 1
        return down, (self.kernel_width - 1) * self.dilation_x + 1

    @classmethod
    def same(cls, **values: Any) -> Self:
        """Return the geometry with the padding ``SAME`` of TensorFlow: ``out = ceil(size / stride)``.

        Parameters
        ----------
        values
            The other fields of `Convolution`.
        """
        for axis, size, pad, out in (("y", "height", "pad_top", "out_height"), ("x", "width", "pad_left", "out_width")):
            stride, dilation = values.get(f"stride_{axis}", 1), values.get(f"dilation_{axis}", 1)
            values[out] = -(-values[size] // stride)
            values[pad] = same_padding(values[size], values[f"kernel_{size}"], stride, dilation)[0]
        return cls(**values)

    @classmethod
    def valid(cls, **values: Any) -> Self:
        """Return the geometry without padding."""
        for axis, size, out in (("y", "height", "out_height"), ("x", "width", "out_width")):
            stride, dilation = values.get(f"stride_{axis}", 1), values.get(f"dilation_{axis}", 1)
            values[out] = (values[size] - (values[f"kernel_{size}"] - 1) * dilation - 1) // stride + 1
        return cls(**values)

    def rows(self, first: int, count: int) -> Self:
        """Return the geometry of some output rows; its image begins `first_row` rows further down."""
        return self._cut("height", "pad_top", "out_height", self.stride_y, self.window(1)[0], first, count, 0)

    def columns(self, first: int, count: int, grain: int = 1) -> Self:
        """Return the geometry of some output columns; its image begins `first_column` pixels further right."""
        skipped = self.first_column(first) - self.first_column(first, grain)
        return self._cut("width", "pad_left", "out_width", self.stride_x, self.window(1)[1], first, count, skipped)

    def first_row(self, first: int) -> int:
        """The first row of the image that output row ``first`` uses."""
        return max(0, first * self.stride_y - self.pad_top)

    def first_column(self, first: int, grain: int = 1) -> int:
        """The first column of the image that output column ``first`` uses, or a few less: a multiple of ``grain``."""
        return max(0, first * self.stride_x - self.pad_left) // grain * grain

    def _cut(
        self, size: str, pad: str, out: str, stride: int, window: int, first: int, count: int, skipped: int
    ) -> Self:
        start = first * stride - getattr(self, pad)
        origin = max(0, start) - skipped
        end = min(getattr(self, size), start + (count - 1) * stride + window)
        return replace(self, **{size: end - origin, pad: origin - start, out: count})


class ConvolutionLayout:
    """How a convolution lies in the A panel, and how B has to be laid out, for a configuration.

    A patch is divided into runs of elements that adjoin in the image: the rows of the kernel, or its elements, where
    these are apart (`dilation_x`) or only some channels of them are used (`depthwise`: ``cols`` at a time). Each run
    is filled up to whole words of ``rows`` elements, with zeros in B.

    Attributes
    ----------
    runs, run, run_words : int
        Runs in a patch; elements, and words, of each.
    k : int
        Columns of B: ``runs * run_words * rows``.
    pitch : int
        Words of an image row in the panel, with its padding.
    """

    def __init__(self, config: AcceleratorConfig, geometry: Convolution):
        self.config, self.geometry = config, geometry
        g, rows = geometry, config.tile.rows
        apart = g.depthwise or g.dilation_x > 1
        self.runs = g.kernel_height * (g.kernel_width if apart else 1)
        self.run = config.tile.cols if g.depthwise else g.channels * (1 if apart else g.kernel_width)
        self.run_words = -(-self.run // rows)
        self.k = self.runs * self.run_words * rows
        self.left = max(0, -(-g.pad_left * g.channels // rows))
        self.offset = self.left * rows - g.pad_left * g.channels
        across = (g.out_width - 1) * g.stride_x + g.window(1)[1]
        self.pitch = (self.offset + across * g.channels - 1) // rows + 1 + max(1, config.tile.cols // rows)

    @cached_property
    def block_height(self) -> int:
        """The most output rows that fit into half a panel and a bank of accumulators; 0 if not even one does."""
        height = min(self.config.acc_rows // self.geometry.out_width, self.geometry.out_height)
        while height and self.geometry.window(height)[0] * self.pitch > self.config.half_words:
            height -= 1
        return height

    @cached_property
    def fits(self) -> bool:
        """Whether one descriptor can compute it."""
        g = self.geometry
        limit = self.config.size_limit
        return bool(self.block_height) and self.k <= self.config.k_limit and g.out_height * g.out_width <= limit
