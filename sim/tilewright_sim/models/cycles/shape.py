"""The inputs of the cycle model: products, the memory behind the bus, and the loop nest for a product."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.models import split_product

__all__ = ["Bus", "Gemm", "Shape", "split_gemm"]


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """One product ``C[m, n] = A[m, k] · B[n, k]ᵀ``: its sizes, and whether C is int8 (`requant`) or int32.

    With `fenced`, it reads A only when all earlier products are complete (the flag FENCE_A).
    """

    m: int
    n: int
    k: int
    requant: bool = True
    bias: bool = False
    accumulate: bool = False
    fenced: bool = False

    @property
    def macs(self) -> int:
        """Number of multiply-accumulates."""
        return self.m * self.n * self.k

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


class Shape:
    """The loop nest of the hardware for a product: blocks, tiles and chunks; see `job_shape`."""

    def __init__(self, config: AcceleratorConfig, gemm: Gemm):
        self.chunk = config.long_chunk_words if gemm.m < config.tile.cols else config.chunk_words
        self.k_words = math.ceil(gemm.k / config.tile.rows)
        self.chunks = math.ceil(self.k_words / self.chunk)
        self.block_rows = min(config.acc_rows, config.half_words // (self.chunks * self.chunk))
        self.blocks = list(_cut(gemm.m, self.block_rows))
        self.tiles = list(_cut(gemm.n, config.tile.cols))
        self.chunk_words = list(_cut(self.k_words, self.chunk))
        self.chunk_bytes = [words * config.tile.rows for words in self.chunk_words]
        self.chunk_bytes[-1] -= self.k_words * config.tile.rows - gemm.k
        self.stride = math.ceil(gemm.k / config.word_bytes)

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
            accumulate=gemm.accumulate or part.accumulates, fenced=gemm.fenced,
        )
        for part in parts
        for m, n, k in [part.sizes]
    ]  # fmt: skip
