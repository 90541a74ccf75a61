"""From a convolution to the descriptors that compute it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.models import Convolution, ConvolutionLayout
from tilewright_sim.models import gemm as golden

from ..arrays import DeviceArray
from ..descriptor import Descriptor, flag_bits, geometry_bytes
from ..workspace import Workspace

__all__ = ["check_image", "plan_convolution", "split_convolution"]


def pixel_grain(config: AcceleratorConfig, geometry: Convolution) -> int:
    """How many pixels apart an image may begin, so that it is at a bus word where it has to be."""
    return 1 if config.unaligned else config.word_bytes // gcd(config.word_bytes, geometry.channels)


def split_convolution(config: AcceleratorConfig, geometry: Convolution) -> Iterator[tuple[int, int, Convolution]]:
    """Yield the parts that a descriptor each can compute: the first output row and column, and the geometry.

    A part is the whole width, or some pixels of one row.

    Raises
    ------
    TilewrightError
        If not even one output pixel fits.
    """
    grain = pixel_grain(config, geometry)
    width = geometry.out_width
    while not all(
        ConvolutionLayout(
            config, geometry.rows(0, 1).columns(x, min(width, geometry.out_width - x), grain)
        ).block_height
        for x in range(0, geometry.out_width, width)
    ):
        if width == 1:
            raise TilewrightError("a patch does not fit into half of the A panel: multiply patches with gemm")
        width = (width + 1) // 2
    limit = config.size_limit // geometry.out_width
    height = min(limit, geometry.out_height) if width == geometry.out_width else 1
    for y in range(0, geometry.out_height, height):
        rows = geometry.rows(y, min(height, geometry.out_height - y))
        for x in range(0, geometry.out_width, width):
            part = rows.columns(x, min(width, geometry.out_width - x), grain)
            if not ConvolutionLayout(config, part).fits:
                raise TilewrightError("a patch does not fit into half of the A panel: multiply patches with gemm")
            yield y, x, part


def plan_convolution(
    workspace: Workspace,
    stack: ExitStack,
    image: DeviceArray,
    b: DeviceArray,
    c: DeviceArray,
    geometry: Convolution,
    bias: ArrayLike | None = None,
    requant: golden.Requant | None = None,
    *,
    fences: str = "",
) -> list[Descriptor]:
    """Return the descriptors of a convolution whose operands are in the device's memory.

    Parameters
    ----------
    workspace : Workspace
    stack : ExitStack
        Frees the parameters when it is closed.
    image : DeviceArray
        int8 [height, width * channels].
    b : DeviceArray
        int8 [n, k], as `tilewright_sim.models.convolution.columns` returns it.
    c : DeviceArray
        int8 with ``requant``, else int32, of shape [out_height * out_width, n].
    geometry : Convolution
    bias : int32 array of shape [n], optional
    requant : Requant, optional
    fences : str
        See `Workspace.descriptor`.
    """
    config = workspace.config
    if not config.convolution:
        raise TilewrightError("this hardware has no convolutions: generate it with convolution = true")
    g, n = geometry, b.shape[0]
    shapes = (g.height, g.width * g.channels), (g.out_height * g.out_width, n)
    if (image.shape, c.shape) != shapes or (c.dtype == np.int8) != bool(requant):
        raise TilewrightError(f"image {list(image.shape)}, C {c.dtype} {list(c.shape)}: not those of the geometry")
    flags, limits = workspace.choices(requant, bias is not None, fences)
    grain = pixel_grain(config, geometry)
    descriptors = []
    for y, x, part in split_convolution(config, geometry):
        layout = ConvolutionLayout(config, part)
        fields = asdict(part) | {"block_height": layout.block_height}
        parameters = stack.enter_context(workspace.parameters(n, bias, requant, geometry_bytes(**fields)))
        origin = geometry.first_row(y) * image.stride + geometry.first_column(x, grain) * g.channels
        descriptors.append(Descriptor(
            flags=flag_bits("CONVOLUTION", *flags), m=part.out_height * part.out_width, n=n, k=layout.k,
            a_address=image.address + origin, a_stride=image.stride, b_address=b.address, b_stride=b.stride,
            c_address=c.address + (y * geometry.out_width + x) * c.stride, c_stride=c.stride,
            parameter_address=parameters.address, **limits,
        ))  # fmt: skip
    return descriptors


def check_image(
    image: ArrayLike, weights: ArrayLike, geometry: Convolution
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return an image and weights as int8, if their shapes are those of the geometry."""
    g = geometry
    kernel = (g.kernel_height, g.kernel_width, *(() if g.depthwise else (g.channels,)))
    image, weights = np.asarray(image), np.asarray(weights)
    if image.shape != (g.height, g.width, g.channels):
        raise TilewrightError(f"image is {list(image.shape)}: it must be [{g.height}, {g.width}, {g.channels}]")
    if weights.ndim != len(kernel) + 1 or weights.shape[1:] != kernel or not len(weights):
        raise TilewrightError(f"weights are {list(weights.shape)}: they must be [N, {', '.join(map(str, kernel))}]")
    if g.depthwise and len(weights) != g.channels:
        raise TilewrightError(f"weights are for {len(weights)} channels: the image has {g.channels}")
    for name, array in (("image", image), ("weights", weights)):
        if array.dtype != np.int8:
            raise TilewrightError(f"{name}: {array.dtype} must be int8")
    return image, weights
