"""Random convolutions that fit into a configuration."""

import random
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import geometry_bytes
from tilewright_sim.models import Convolution, ConvolutionLayout, convolution

__all__ = ["Image", "draw_image"]

_TRIES = 50


@dataclass(frozen=True)
class Image:
    """A convolution: its geometry, rows of output pixels in a block, both as bytes too, B, and output pixels."""

    geometry: Convolution
    block_height: int
    data: bytes
    b: NDArray[np.int8]

    @property
    def m(self) -> int:
        return self.geometry.out_height * self.geometry.out_width


def draw_image(chance: random.Random, config: AcceleratorConfig, largest: int) -> Image | None:
    """Return a convolution whose image, B and C have fewer than ``largest`` bytes, or None if none was found."""
    for _ in range(_TRIES):
        try:
            geometry = _geometry(chance, config)
        except TilewrightError:
            continue
        layout = ConvolutionLayout(config, geometry)
        cols = config.tile.cols
        n = geometry.channels if geometry.depthwise else chance.choice([1, cols, cols + 1, chance.randint(1, 12)])
        m = geometry.out_height * geometry.out_width
        # Rows are as much as six bus words apart, or longer.
        rows = m + n + geometry.height
        size = m * 4 * n + n * layout.k + geometry.height * geometry.width * geometry.channels
        if layout.fits and n <= config.size_limit and size + rows * 6 * config.word_bytes < largest:
            break
    else:
        return None
    shape = (n, geometry.kernel_height, geometry.kernel_width, *([] if geometry.depthwise else [geometry.channels]))
    weights = np.frombuffer(chance.randbytes(int(np.prod(shape))), np.int8).reshape(shape)
    height = chance.randint(1, layout.block_height)
    return Image(
        geometry, height, geometry_bytes(**asdict(geometry) | {"block_height": height}),
        convolution.columns(layout, weights),
    )  # fmt: skip


def _geometry(chance: random.Random, config: AcceleratorConfig) -> Convolution:
    """Return a geometry; TilewrightError if it cannot be."""
    rows = config.tile.rows
    values: dict[str, Any] = {
        **{name: chance.randint(1, 9) for name in ("height", "width")},
        "channels": chance.choice([1, 3, rows, rows + 1, 2 * rows, chance.randint(1, 12)]),
        **{f"kernel_{name}": chance.randint(1, 4) for name in ("height", "width")},
        **{f"stride_{axis}": chance.choice([1, 1, 2, 3]) for axis in "yx"},
        **{f"dilation_{axis}": chance.choice([1, 1, 1, 2]) for axis in "yx"},
        "zero_point": chance.randint(-128, 127),
        "depthwise": chance.random() < 0.3,
    }
    match chance.randrange(3):
        case 0:
            return Convolution.same(**values)
        case 1:
            return Convolution.valid(**values)
    values |= {name: chance.randint(1, 9) for name in ("out_height", "out_width")}
    return Convolution(**values, pad_top=chance.randint(0, 4), pad_left=chance.randint(-3, 4))
