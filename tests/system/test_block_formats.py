"""Products of block formats on the generated Verilog equal the golden model, bit for bit."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import Simulator
from tilewright_sim.host.errors import BusError, DescriptorError
from tilewright_sim.models import Records
from tilewright_sim.models.block_gemm import block_gemm
from tilewright_sim.models.blocks import unpack

SMALL = {"rows": 32, "cols": 8, "dot": 32, "data_bits": 128, "requant_lanes": 4, "chunk_words": 16, "panel_words": 512,
         "ring_words": 256, "acc_rows": 16, "a_format": "q8_e5m3", "b_formats": ["q4_1", "q8_0"]}  # fmt: skip
CONFIGS = {
    "two formats": SMALL,
    "unaligned": SMALL | {"unaligned": True, "chunk_words": 1, "long_chunk_words": 2, "ring_words": 64, "max_burst": 4},
    "powers of two": SMALL | {"a_format": "mxint8", "b_formats": ["mxfp4"], "cols": 16, "data_bits": 64,
                              "requant_lanes": 2, "multiplier": "dsp", "long_chunk_words": 32, "ring_words": 1024},
    "int8 activations": SMALL | {"a_format": "int8", "b_formats": ["q4_1"], "data_bits": 32, "requant_lanes": 1,
                                 "chunk_words": 1, "multiplier": "dsp"},
    "int8 weights": SMALL | {"a_format": "q8_0", "b_formats": ["int8"], "data_bits": 64, "requant_lanes": 2},
    "six bits": SMALL | {"a_format": "mxint8", "b_formats": ["mxfp6_e2m3"], "unaligned": True, "chunk_words": 2},
    "four bits": SMALL | {"b_formats": ["q4_0", "q4_1"], "multiplier": "dsp", "cols": 32, "acc_rows": 32,
                          "ring_words": 1024, "panel_words": 2048},
}  # fmt: skip
NAMES = [name if name == "two formats" else pytest.param(name, marks=pytest.mark.long) for name in CONFIGS]
MEMORIES = [{}, {"latency": 30, "stall": 0.2}, {"latency": 3, "bandwidth": 0.5, "stall": {"R": 0.6, "B": 0.5}}]


def records(form, rows, k, rng):
    """Random rows in a format: floats of many magnitudes, or any bytes, so that some scales are no numbers."""
    if form.name == "int8":
        return rng.integers(-128, 128, (rows, k), dtype=np.int8)
    if rng.random() < 0.3:
        found = rng.integers(0, 256, (rows, form.row_bytes(k)), dtype=np.uint8)
        return Records(form, k, found)
    spread = np.exp2(rng.integers(-12, 6, (rows, 1))) * np.exp2(rng.integers(-3, 3, k))
    return Records.of((rng.standard_normal((rows, k)) * spread).astype(np.float32), form)


def golden(a, b, config):
    """What the golden model makes of two operands."""
    forms = config.a, config.b
    left, right = (
        x.blocks() if isinstance(x, Records) else unpack(x.view(np.uint8), form)
        for x, form in zip((a, b), forms, strict=True)
    )
    return block_gemm(left, right)


def same(found, wanted):
    assert found.dtype == np.float32
    assert np.array_equal(found.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("name", NAMES)
def test_products_of_every_shape_equal_the_golden_model(name):
    config = AcceleratorConfig(**CONFIGS[name])
    for seed, memory in enumerate(MEMORIES):
        rng, dice = np.random.default_rng(seed), random.Random(seed)
        with Simulator(config, seed=seed, **memory) as chip:
            for _ in range(8):
                m, n, k = (dice.choice([1, limit - 1, limit, limit + 1, dice.randint(1, 3 * limit)])
                           for limit in (config.acc_rows, config.tile.cols, 32 * config.chunk_words))  # fmt: skip
                a = records(config.a, m, k, rng)
                b = records(dice.choice(config.b_all), n, k, rng)
                same(chip.block_gemm(a, b).c, golden(a, b, config))


def test_a_queue_of_several_formats_waits_at_its_fences():
    """C of one product is A of the next, at once: float32 read as records, which any bytes are."""
    config = AcceleratorConfig(**SMALL)
    rng = np.random.default_rng(5)
    k = 64
    with Simulator(config, latency=20, stall=0.1) as chip:
        weights = [records(form, 33, k, rng) for form in config.b_all * 2]
        first = records(config.a, 9, k, rng)
        a, results = chip.records(first), [chip.empty((9, 33), np.float32) for _ in weights]
        # 33 floats are 132 bytes, two records of A 66: the next product reads the first half of each row.
        between = [chip.records(Records(config.a, k, np.zeros((9, 66), np.uint8))) for _ in weights[1:]]
        descriptors = [chip.descriptor(a, chip.records(weights[0]), results[0])]
        for view, weight, source, result in zip(between, weights[1:], results, results[1:], strict=False):
            one = chip.descriptor(view, chip.records(weight), result, fences="a")
            descriptors.append(replace(one, a_address=source.address, a_stride=source.stride))
        chip.submit(descriptors)
        wanted = golden(first, weights[0], config)
        same(results[0].numpy(), wanted)
        for weight, result in zip(weights[1:], results[1:], strict=True):
            rows = np.ascontiguousarray(wanted).view(np.uint8)[:, :66].copy()
            wanted = golden(Records(config.a, k, rows), weight, config)
            same(result.numpy(), wanted)


def test_weights_of_the_next_format_wait_behind_those_that_the_tile_does_not_take_yet():
    """With more rows than columns the tile is busy when the last weights of a product come, and the next one's too."""
    config = AcceleratorConfig(**SMALL)
    rng = np.random.default_rng(6)
    with Simulator(config) as chip:
        pairs = [(records(config.a, 16, 64, rng), records(form, 8, 64, rng)) for form in config.b_all * 6]
        results = [chip.empty((16, 8), np.float32) for _ in pairs]
        chip.submit(
            chip.descriptor(chip.records(a), chip.records(b), c) for (a, b), c in zip(pairs, results, strict=True)
        )
        for (a, b), c in zip(pairs, results, strict=True):
            same(c.numpy(), golden(a, b, config))


def test_what_a_descriptor_cannot_ask_for_fails_it_alone():
    config = AcceleratorConfig(**SMALL)
    rng = np.random.default_rng(1)
    a, b = records(config.a, 3, 40, rng), records(config.b, 5, 40, rng)
    with Simulator(config) as chip:
        left, right, c = chip.records(a), chip.records(b), chip.empty((3, 5), np.float32)
        good = chip.descriptor(left, right, c)
        for wrong in ({"flags": 1}, {"flags": 2}, {"flags": 4}, {"b_format": 2}, {"b_format": 128}):
            with pytest.raises(DescriptorError, match="FLAGS"):
                chip.submit(replace(good, **wrong))
        top = 1 << config.addr_bits
        for wrong in ({"b_address": top - 4 * right.stride - 32}, {"a_address": top - 2 * left.stride - 32}):
            with pytest.raises(DescriptorError, match="WRAPPED"):
                chip.submit(replace(good, **wrong))
        with pytest.raises(BusError):
            chip.submit(replace(good, b_address=chip.device.memory.stop))
        chip.submit(good)
        same(c.numpy(), golden(a, b, config))
        for values, says in (((left, c, c), "B is float32: must be q4_1 or q8_0"),
                             ((left, right, chip.empty((3, 5))), "C is int32: must be float32")):  # fmt: skip
            with pytest.raises(TilewrightError, match=says):
                chip.descriptor(*values)
        with pytest.raises(TilewrightError, match="use `block_gemm`"):
            chip.gemm(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int8))
        with pytest.raises(TilewrightError, match="A is q8_0: this hardware takes q8_e5m3"):
            chip.block_gemm(records(config.b_all[1], 1, 32, np.random.default_rng(0)), b)


@pytest.mark.long
def test_the_result_is_the_same_on_every_shape_of_the_array():
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal((size, 700)).astype(np.float32) for size in (21, 45))
    results = []
    large = {"cols": 32, "acc_rows": 32, "ring_words": 1024, "panel_words": 2048}
    for values in ({}, {"cols": 16, "ring_words": 512}, large,
                   {"unaligned": True, "chunk_words": 2, "long_chunk_words": 4}, {"data_bits": 32, "requant_lanes": 1},
                   {"b_formats": ["q4_1"], "multiplier": "dsp", "acc_rows": 64}):  # fmt: skip
        with Simulator(AcceleratorConfig(**SMALL | values)) as chip:
            results.append(chip.block_gemm(a, b).c)
    for result in results:
        same(result, results[0])
