"""Parts of a large product: each fits into a descriptor, and together they are the product."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models import split_product
from tilewright_sim.models.cycles import Gemm, split_gemm

NANO = AcceleratorConfig.preset("nano")
# Smaller limits: sizes of 11 bits.
NARROW = NANO.replace(
    variant="compact",
    max_burst=1,
    outstanding=1,
    requant_lanes=1,
    unaligned=False,
    size_bits=11,
    stride_bits=14,
    addr_bits=17,
)


@pytest.mark.parametrize("config", [NANO, NARROW], ids=["nano", "narrow"])
@pytest.mark.parametrize("past", [0, 1])
def test_a_size_is_cut_only_above_its_limit(config, past):
    assert len(list(split_product(config, config.size_limit + past, 3, 5))) == 1 + past
    assert len(list(split_product(config, 3, config.size_limit + past, 5))) == 1 + past
    assert len(list(split_product(config, 3, 5, config.k_limit + past))) == 1 + past


@pytest.mark.parametrize("config", [NANO, NARROW], ids=["nano", "narrow"])
def test_parts_cover_each_product_of_two_elements_once_and_fit_into_descriptors(config):
    m, n, k = config.size_limit + 40, 7, 2 * config.k_limit + 9
    done = np.zeros((m, k), dtype=np.uint8)
    reached: dict[int, int] = {}
    for part in split_product(config, m, n, k):
        rows, columns, depth = part.sizes
        assert rows <= config.size_limit
        assert depth <= config.k_limit
        assert columns == n
        assert part.depth.start % config.tile.rows == 0
        assert part.depth.start == reached.get(part.rows.start, 0)  # parts of the same C run along K
        assert part.accumulates == (part.rows.start in reached)
        reached[part.rows.start] = part.depth.stop
        done[part.rows, part.depth] += 1
    assert (done == 1).all()


def test_parts_along_k_are_int32_and_only_the_first_has_a_bias():
    parts = split_gemm(NANO, Gemm(m=70_000, n=5, k=NANO.k_limit + 1, bias=True))
    assert sum(part.macs for part in parts) == 70_000 * 5 * (NANO.k_limit + 1)
    assert [part.accumulate for part in parts] == [False, True] * 3
    assert [part.bias for part in parts] == [True, False] * 3
    assert not any(part.requant for part in parts)
    assert all(part.requant for part in split_gemm(NANO, Gemm(m=70_000, n=5, k=NANO.k_limit)))
