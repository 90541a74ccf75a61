"""One accelerator multiplies int8 exactly, with every epilogue, and block formats to float32, in one queue."""

from dataclasses import replace

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.host import Simulator
from tilewright_sim.host.errors import DescriptorError
from tilewright_sim.models import Records
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.block_gemm import block_gemm
from tilewright_sim.nn import digits
from tilewright_sim.nn.digits import on_accelerator

CONFIG = AcceleratorConfig(
    rows=32, cols=8, dot=32, data_bits=64, chunk_words=8, long_chunk_words=8, panel_words=256, ring_words=128,
    acc_rows=8, a_format="q8_e5m3", b_formats=("q4_1", "int8", "q8_0"),
)  # fmt: skip


@pytest.fixture(scope="module")
def chip():
    with Simulator(CONFIG, latency=7, stall=0.1) as simulator:
        yield simulator


def int8(rng, *shape):
    return rng.integers(-128, 128, shape, dtype=np.int8)


def records(rng, name, *shape):
    return Records.of(rng.standard_normal(shape).astype(np.float32), FORMATS[name])


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 32), (9, 17, 33), (3, 9, 300), (2, 3, 4096)], ids=str)
def test_products_of_int8_equal_numpy_with_every_epilogue(chip, shape):
    m, n, k = shape
    rng = np.random.default_rng(k)
    a, b = int8(rng, m, k), int8(rng, n, k)
    bias, old = (rng.integers(-(1 << 31), 1 << 31, size).astype(np.int32) for size in (n, (m, n)))
    exact = a.astype(np.int64) @ b.T.astype(np.int64)
    assert np.array_equal(chip.gemm(a, b).c, exact)
    assert np.array_equal(chip.gemm(a, b, bias=bias).c, golden.wrap32(exact + bias))
    assert np.array_equal(chip.gemm(a, b, accumulate=old).c, golden.wrap32(exact + old))
    for rounding in CONFIG.roundings:
        requant = replace(golden.Requant.from_scale(40 / (5500 * k**0.5), 3), rounding=rounding)
        less = bias // 4096
        assert np.array_equal(chip.gemm(a, b, bias=less, requant=requant).c, requant.apply(exact + less))


def test_the_largest_sums_are_exact_and_k_beyond_a_descriptor_is_accumulated(chip):
    k = CONFIG.k_limit + 33
    for value in (-128, 127):
        a, b = np.full((2, k), -128, np.int8), np.full((3, k), value, np.int8)
        assert (chip.gemm(a, b).c == -128 * value * k).all()


def test_both_kinds_follow_each_other_in_a_queue(chip):
    rng = np.random.default_rng(1)
    descriptors, checks = [], []
    for number in range(18):
        m, n, k = (int(size) for size in rng.integers(1, (20, 20, 200)))
        name = CONFIG.b_formats[number % 3] if number < 12 else CONFIG.b_formats[rng.integers(3)]
        if name == "int8":
            a, b = int8(rng, m, k), int8(rng, n, k)
            arrays = chip.array(a), chip.array(b), chip.empty((m, n))
            want = (a.astype(np.int64) @ b.T.astype(np.int64)).astype(np.int32)
        else:
            a, b = records(rng, CONFIG.a_format, m, k), records(rng, name, n, k)
            arrays = chip.records(a), chip.records(b), chip.empty((m, n), np.float32)
            want = block_gemm(a.blocks(), b.blocks())
        descriptors.append(chip.descriptor(*arrays))
        checks.append((arrays, want))
    assert {one.b_format for one in descriptors} == {0, 1, 2}
    chip.submit(descriptors)
    for arrays, want in checks:
        assert np.array_equal(arrays[2].numpy().view(np.uint32), want.view(np.uint32))


def test_an_int8_network_runs_beside_block_formats(chip):
    network, (pixels, _) = digits.Network.load(), digits.test_set()
    logits, _ = on_accelerator.forward(network, chip, pixels[:20])
    assert np.array_equal(logits, on_accelerator.expected(network, pixels[:20], CONFIG.roundings[0]))


def test_a_product_of_blocks_refuses_the_flags_that_one_of_int8_has(chip):
    rng = np.random.default_rng(2)
    left, right = chip.records(records(rng, "q8_e5m3", 3, 40)), chip.records(records(rng, "q4_1", 5, 40))
    good = chip.descriptor(left, right, chip.empty((3, 5), np.float32))
    for wrong in ({"flags": 1}, {"flags": 2}, {"flags": 4}, {"b_format": 3}, {"b_format": 1, "flags": 0x80}):
        with pytest.raises(DescriptorError, match="FLAGS"):
            chip.submit(replace(good, **wrong))
    chip.submit(good)
    bytes_of = chip.array(int8(rng, 3, 40)), chip.array(int8(rng, 5, 40))
    for arrays, says in (
        ((left, bytes_of[1], chip.empty((3, 5))), "A is q8_e5m3 and B int8: int8 goes with int8 alone"),
        ((*bytes_of, chip.empty((3, 5), np.float32)), "C is float32: must be int8 if"),
        ((chip.empty((3, 40)), right, chip.empty((3, 5))), "A is int32: must be q8_e5m3 or int8"),
    ):
        with pytest.raises(TilewrightError, match=says):
            chip.descriptor(*arrays)
