"""The engines in Verilator: the requests that move a matrix, and that every byte is compared."""

import numpy as np
import pytest

from tilewright.base import TilewrightError
from tilewright.dma import DmaConfig
from tilewright_sim.models import Request
from tilewright_sim.verilated import DmaSimulator, requests_for
from tilewright_sim.verilated import dma as dma_simulator

NARROW = DmaConfig(data_bits=64, length_bits=6, rows_bits=2, stride_bits=6)
TINY = DmaConfig(data_bits=32, max_burst=4, outstanding=2, length_bits=8, stride_bits=8, counter_bits=8)


@pytest.mark.parametrize(
    ("rows", "row_bytes", "want"),
    [
        (2, 16, [Request(64, 16, 2, 16)]),
        (4, 13, [Request(64, 13, 3, 16), Request(112, 13, 1, 16)]),  # more rows than rows_bits says
        (2, 62, [Request(64, 62, 1, 0), Request(128, 62, 1, 0)]),  # rows further apart than stride_bits says
    ],
)
def test_a_matrix_is_moved_by_few_requests(rows, row_bytes, want):
    assert requests_for(NARROW, rows, row_bytes, 64) == want


@pytest.mark.parametrize(("rows", "row_bytes"), [(1, 0), (1, 64), (1 << 30, 8)])
def test_a_matrix_that_cannot_be_moved_is_refused(rows, row_bytes):
    with pytest.raises(TilewrightError, match=r"length_bits|addr_bits"):
        requests_for(NARROW, rows, row_bytes)


@pytest.mark.parametrize("core", ["dma-reader", "dma-writer"])
def test_every_byte_moved_is_compared_and_latency_costs_cycles(core, monkeypatch):
    matrices = [np.arange(70, dtype=np.uint8).reshape(7, 10), np.full((5, 8), -3, dtype=np.int8)]
    cycles = []
    for latency in (0, 40):
        with DmaSimulator(core, TINY, latency=latency) as engine:
            cycles.append(engine.move(matrices))
    assert 7 * 3 + 5 * 2 < cycles[0] < cycles[1] - 40
    wrong = "read_words" if core == "dma-reader" else "write_bytes"
    monkeypatch.setattr(dma_simulator, wrong, lambda *_, **__: [])
    with DmaSimulator(core, TINY) as engine, pytest.raises(TilewrightError, match="differ from the golden model"):
        engine.move(matrices)


def test_a_matrix_outside_the_memory_is_an_error_not_a_hang():
    with DmaSimulator("dma-reader", TINY, memory_bytes=4096) as engine:
        with pytest.raises(TilewrightError, match="bytes of memory"):
            engine.move([np.zeros((2, 8), np.uint8)])
        with pytest.raises(TilewrightError, match="did not move 2 words"):
            engine.run([Request(8192, 8)], np.zeros((2, 4), np.uint8))
