"""The inputs of the cycle model: products, the memory behind the bus, and the loop nest for a product."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Self

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat
from tilewright_sim.models import Convolution, ConvolutionLayout, split_product

__all__ = ["Bus", "Gemm", "Shape", "split_gemm"]


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """One product ``C[m, n] = A[m, k] · B[n, k]ᵀ``: its sizes, and whether C is int8 (`requant`), or int32 or float32.

    With `fenced` (`fenced_b`), it reads A (B) only when all earlier descriptors are complete: the flags FENCE_A and
    FENCE_B. With an `image`, A is that: m are its output pixels and k the columns of B, see `convolution`. `b_format`
    is the number of B's format.
    """

    m: int
    n: int
    k: int
    requant: bool = True
    bias: bool = False
    accumulate: bool = False
    fenced: bool = False
    image: Convolution | None = None
    b_format: int = 0
    fenced_b: bool = False

    @classmethod
    def convolution(cls, config: AcceleratorConfig, image: Convolution, n: int, **values: bool) -> Self:
        """Return the product that one descriptor computes for a convolution with ``n`` results for each pixel.

        Parameters
        ----------
        config : AcceleratorConfig
        image : Convolution
        n : int
        values
            The other fields.

        Raises
        ------
        TilewrightError
            If it does not fit into one descriptor.
        """
        layout = ConvolutionLayout(config, image)
        if not config.convolution or not layout.fits:
            raise TilewrightError("the convolution does not fit into one descriptor of this configuration")
        return cls(m=image.out_height * image.out_width, n=n, k=layout.k, image=image, **values)

    @property
    def macs(self) -> int:
        """Number of multiply-accumulates; of a convolution one for each weight and output pixel."""
        if self.image is None:
            return self.m * self.n * self.k
        depth = 1 if self.image.depthwise else self.image.channels
        return self.m * self.n * self.image.kernel_height * self.image.kernel_width * depth

    @property
    def parameter_rows(self) -> int:
        """Arrays of parameters that are read for each N-tile."""
        return 3 if self.requant else int(self.bias)

    @property
    def result_bytes(self) -> int:
        """Bytes of an element of C."""
        return 1 if self.requant else 4


@dataclass(frozen=True, kw_only=True)
class Bus:
    """Timing of the memory: latency in cycles, and beats per cycle, of reads and of writes each.

    With ``shared``, reads and writes share that bandwidth.
    """

    latency: int = 0
    bandwidth: float = 1.0
    shared: bool = False

    def __post_init__(self):
        if not isinstance(self.latency, Real) or not 0 <= float(self.latency) <= 1_000_000:
            raise TilewrightError(f"latency = {self.latency!r}: must be 0 to 1000000 cycles")
        if not isinstance(self.bandwidth, Real) or not 1e-8 <= float(self.bandwidth) <= 1024:
            raise TilewrightError(f"bandwidth = {self.bandwidth!r}: must be 1e-08 to 1024 beats per cycle")


@dataclass(frozen=True)
class Rows:
    """How rows of A or B are read, in words of the bus.

    Parameters
    ----------
    stride : int
        From a row to the next.
    starts, beats : list of int
        Of each chunk of a row: its first word, and how many.
    """

    stride: int
    starts: list[int]
    beats: list[int]

    @classmethod
    def of(cls, config: AcceleratorConfig, form: BlockFormat, k: int, chunk: int) -> Self:
        """Return them for rows of ``k`` elements in chunks of ``chunk`` words of the tile."""
        elements = chunk * config.tile.rows
        starts = [form.row_bytes(first) // config.word_bytes for first in range(0, k, elements)]
        parts = (min(elements, k - first) for first in range(0, k, elements))
        beats = [math.ceil(form.row_bytes(part) / config.word_bytes) for part in parts]
        return cls(math.ceil(form.row_bytes(k) / config.word_bytes), starts, beats)


class Shape:
    """The loop nest of the hardware for a product: blocks, tiles and chunks; see `job_shape`."""

    def __init__(self, config: AcceleratorConfig, gemm: Gemm):
        self.config = config
        self.chunk = config.long_chunk_words if gemm.m < config.tile.cols else config.chunk_words
        self.k_words = math.ceil(gemm.k / config.tile.rows)
        self.chunks = math.ceil(self.k_words / self.chunk)
        self.block_rows = min(config.acc_rows, config.half_words // (self.chunks * self.chunk))
        self.layout = None if gemm.image is None else ConvolutionLayout(config, gemm.image)
        if self.layout is not None:
            self.block_rows = self.layout.block_height * self.layout.geometry.out_width
        self.blocks = list(_cut(gemm.m, self.block_rows))
        self.tiles = list(_cut(gemm.n, config.tile.cols))
        self.chunk_words = list(_cut(self.k_words, self.chunk))
        forms = config.operands(gemm.b_format)
        self.a, self.b = (Rows.of(config, form, gemm.k, self.chunk) for form in forms)

    def image_rows(self, block: int) -> int:
        """Rows of the image that the M-block of this number loads."""
        assert self.layout is not None
        g, height = self.layout.geometry, self.layout.block_height
        first = block * height * g.stride_y - g.pad_top
        return min(first + g.window(height)[0], g.height) - max(first, 0)

    @property
    def image_row_bytes(self) -> int:
        """Bytes of a row of the image that are loaded."""
        assert self.layout is not None
        g, rows = self.layout.geometry, self.config.tile.rows
        return min(g.width * g.channels, (self.layout.pitch - self.layout.left) * rows)

    @property
    def steps(self) -> int:
        """Number of chunks that are executed."""
        return len(self.blocks) * len(self.tiles) * self.chunks


def _cut(size: int, part: int) -> Iterator[int]:
    for start in range(0, size, part):
        yield min(part, size - start)


def split_gemm(config: AcceleratorConfig, gemm: Gemm) -> list[Gemm]:
    """Return the products that the descriptors of a product compute; parts along K are int32 and accumulate."""
    parts = list(split_product(config, gemm.m, gemm.n, gemm.k))
    whole = all(part.sizes[2] == gemm.k for part in parts)
    return [
        Gemm(
            m=m, n=n, k=k, requant=gemm.requant and whole, bias=gemm.bias and not part.accumulates,
            accumulate=gemm.accumulate or part.accumulates, fenced=gemm.fenced, b_format=gemm.b_format,
        )
        for part in parts
        for m, n, k in [part.sizes]
    ]  # fmt: skip
