"""Measure the results in ``docs/results``."""

from collections.abc import Callable, Iterator

from .board import bench_board
from .configurations import bench_configurations
from .dma import bench_dma
from .gemm import bench_gemm
from .llm import bench_llm
from .report import bench_report
from .results import Configuration, Measurement, markdown, update_page
from .tile import bench_tile

__all__ = ["BENCHES", "Configuration", "Measurement", "markdown", "update_page"]

BENCHES: dict[str, Callable[[], Iterator[Measurement] | Iterator[Configuration]]] = {
    "tile": bench_tile,
    "dma": bench_dma,
    "gemm": bench_gemm,
    "report": bench_report,
    "configurations": bench_configurations,
    "llm": bench_llm,
    "board": bench_board,
}
"""Benchmarks by name; each has a page of the same name in docs/results."""
