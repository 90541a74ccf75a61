"""BlockTileSimulator: the generated Verilog in Verilator equals the golden model, bit for bit."""

import numpy as np
import pytest

from tilewright.block_tile import BlockTileConfig
from tilewright_sim.models.block_gemm import block_sums
from tilewright_sim.models.blocks import quantize, unpack
from tilewright_sim.verilated import BlockTileSimulator


def product(config, m, n, k, rng):
    """The product of random matrices of very different magnitudes, on the Verilog and by the golden model."""
    a, b = (
        quantize((rng.normal(size=(rows, k)) * 2.0 ** rng.integers(-5, 6, (rows, 1))).astype(np.float32), form)
        for rows, form in ((m, config.a), (n, config.b))
    )
    with BlockTileSimulator(config) as tile:
        found = tile.matmul(a, b)
    return found, block_sums(unpack(a, config.a), unpack(b, config.b))


@pytest.mark.parametrize("name", ["nvfp4", *(pytest.param(n, marks=pytest.mark.long) for n in ("q4_1", "q8_0"))])
def test_results_are_those_of_the_golden_model_bit_for_bit(name):
    config = BlockTileConfig.preset(name, acc_rows=8)
    found, golden = product(config, 19, 13, 192, np.random.default_rng(1))
    assert np.array_equal(found.value, golden.value)
    assert np.array_equal(found.exponent, golden.exponent)
    assert not found.invalid.any()
    assert len(np.unique(found.exponent)) > 1


def test_another_k_is_refused():
    config = BlockTileConfig.preset("nvfp4", acc_rows=8)
    a, b = (quantize(np.ones((1, k), np.float32), form) for k, form in ((128, config.a), (64, config.b)))
    with BlockTileSimulator(config) as tile, pytest.raises(ValueError, match="A has 8 blocks along K, and B 4"):
        tile.matmul(a, b)
