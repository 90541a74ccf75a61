"""Random products through the runtime on the generated Verilog equal the golden model, bit for bit."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import ALL_ENGINES, ENGINES
from tilewright.base import ConfigError
from tilewright_sim.host import Simulator
from tilewright_sim.host.errors import AbortedError, BusError, DescriptorError
from tilewright_sim.models import gemm as golden
from tilewright_sim.verilated.memory_model import CHANNELS

NANO = {"rows": 4, "cols": 4, "dot": 4, "data_bits": 32, "panel_words": 64, "ring_words": 64, "acc_rows": 8,
        "requant_lanes": 1, "outstanding": 4, "max_burst": 8, "chunk_words": 2, "long_chunk_words": 4}  # fmt: skip
CONFIGS = {
    "tiny": NANO,
    "unaligned": NANO | {"unaligned": True, "rounding": "single", "addr_bits": 40},
    "wide": {"rows": 8, "cols": 16, "dot": 4, "data_bits": 64, "panel_words": 256, "ring_words": 512, "acc_rows": 16,
             "requant_lanes": 4, "chunk_words": 1, "long_chunk_words": 8, "outstanding": 2, "max_burst": 1},
    "narrow": NANO | {"addr_bits": 24, "size_bits": 8, "stride_bits": 13},
    "compact": NANO | {"variant": "compact", "outstanding": 1, "max_burst": 1, "chunk_words": 4, "addr_bits": 24,
                     "size_bits": 8, "stride_bits": 12},
}  # fmt: skip
MEMORIES = [
    {},
    {"latency": 30, "stall": 0.2},
    {"latency": 3, "bandwidth": 0.5, "shared": True, "stall": {"R": 0.6, "B": 0.5}},
]


def random_config(dice: random.Random) -> AcceleratorConfig:
    """A small configuration: anything that can be built."""
    while True:
        rows, cols = dice.choice([4, 8, 16]), dice.choice([4, 8, 16])
        values = {
            "rows": rows, "cols": cols, "dot": dice.choice([1, 2, 4]),
            "data_bits": dice.choice([32, 64, 128]), "addr_bits": dice.choice([32, 40, 64]),
            "max_burst": dice.choice([1, 2, 8, 16, 256]), "outstanding": dice.choice([1, 2, 3, 4, 16]),
            "unaligned": dice.random() < 0.3, "panel_words": dice.choice([64, 128, 512]),
            "ring_words": dice.choice([64, 128, 512]), "acc_rows": dice.choice([4, 8, 16, 64]),
            "chunk_words": dice.choice([1, 2, 4]), "long_chunk_words": dice.choice([2, 4, 8]),
            "requant_lanes": dice.choice([1, 2, 4, 8]), "rounding": dice.choice(["both", "double", "single"]),
        }  # fmt: skip
        if dice.random() < 0.2:
            values |= {"variant": "compact", "data_bits": 32, "max_burst": 1, "outstanding": 1, "unaligned": False,
                       "requant_lanes": 1, "size_bits": dice.choice([8, 11, 16])}  # fmt: skip
        try:
            return AcceleratorConfig(**values)
        except ConfigError:
            continue


def random_product(chip: Simulator, dice: random.Random, rng: np.random.Generator) -> None:
    """One product with anything that can go with it."""
    config = chip.config
    m, n, k = (dice.choice([1, 2, limit - 1, limit, limit + 1, dice.randint(1, 4 * limit)])
               for limit in (config.acc_rows, config.tile.cols, config.tile.rows * config.chunk_words))  # fmt: skip
    if dice.random() < 0.1:
        k = dice.randint(1, min(2 * config.k_limit, 3000))
    low, high = dice.choice([(-128, 128), (-128, -127), (-4, 4)])
    a, b = rng.integers(low, high, (m, k), dtype=np.int8), rng.integers(-128, 128, (n, k), dtype=np.int8)
    bias = rng.integers(-(2 ** dice.randint(1, 31)), 2 ** dice.randint(1, 31), n) if dice.random() < 0.5 else None
    match dice.choice(["int32", "int8", "accumulate"]):
        case "int32":
            got, want = chip.gemm(a, b, bias=bias), golden.gemm(a, b, bias)
        case "int8":
            requant = golden.Requant(
                multiplier=rng.integers(1 << 30, 1 << 31, n),
                shift=rng.integers(-12, -2, n) - int(np.log2(k)) // 2,
                zero_point=dice.randint(-128, 127),
                minimum=dice.choice([-128, -20]),
                maximum=dice.choice([127, 100]),
                rounding=dice.choice(config.roundings),
            )
            got, want = chip.gemm(a, b, bias=bias, requant=requant), golden.gemm(a, b, bias, requant)
        case "accumulate":
            old = rng.integers(-(2**31), 2**31, (m, n), dtype=np.int32)
            got, want = chip.gemm(a, b, accumulate=old), golden.gemm(a, b, addend=old)
    assert np.array_equal(got.c, want), f"{config.to_json()} {m}x{n}x{k}"
    if config.compact:
        assert set(got.counters) == {"cycles"}
    else:
        check_counters(got.counters)
    assert got.cycles >= m * n * k / (config.tile.rows * config.tile.cols)


def check_counters(counters: dict[str, int]) -> None:
    for engine in ENGINES:
        causes = [counters[f"{engine}_{cause}"] for cause in ("idle", "busy", "memory", "space", "dependency")]
        assert min(causes) >= 0
        assert sum(causes) == counters["cycles"]


@pytest.mark.parametrize("memory", MEMORIES, ids=["fast", "slow", "shared"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in ("narrow", "wide") else []) for name in CONFIGS]
)
def test_random_products_are_exact(name, memory):
    dice, rng = random.Random(name), np.random.default_rng(1)
    with Simulator(AcceleratorConfig(**CONFIGS[name]), ring_log2=2, size=1 << 24, **memory) as chip:
        for _ in range(40):
            random_product(chip, dice, rng)
        assert chip.allocator.free_bytes == (1 << 24) - 4096 - 4 * 64


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_ten_thousand_products_over_twenty_configurations_are_exact(seed):
    dice, rng = random.Random(seed), np.random.default_rng(seed)
    config = random_config(dice)
    for memory in [*MEMORIES, {"latency": dice.randint(0, 200), "stall": dice.random() / 2, "seed": seed}]:
        base = dice.choice([0, 1 << 31, (1 << config.addr_bits) - (1 << 24)])
        with Simulator(config, ring_log2=dice.randint(1, 4), size=1 << 24, base=base, **memory) as chip:
            for _ in range(125):
                random_product(chip, dice, rng)


@pytest.fixture
def chip():
    with Simulator(AcceleratorConfig(**NANO), ring_log2=3, size=1 << 24, latency=5) as chip:
        yield chip


def matrices(m, n, k, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((m, k), (n, k)))


def test_a_queue_with_fences_computes_a_chain_of_layers(chip):
    a, b = matrices(6, 8, 8)
    requant = golden.Requant.from_scale(0.01)
    with chip.array(a) as first, chip.array(b) as weights, chip.parameters(8, requant=requant) as parameters:
        layers = [first, *(chip.empty((6, 8), np.int8) for _ in range(20))]
        jobs = [chip.descriptor(layers[n], weights, layers[n + 1], parameters, fences="a") for n in range(20)]
        chip.submit(jobs)
        want = a
        for layer in layers[1:]:
            want = golden.gemm(want, b, requant=requant)
            assert np.array_equal(layer.numpy(), want)


def test_no_byte_outside_c_is_written(chip):
    a, b = matrices(5, 7, 9)
    device = chip.simulated
    with chip.array(a) as left, chip.array(b) as right, chip.empty((5, 7)) as c:
        before = bytearray(device.read_memory(0, 1 << 20))
        chip.submit([chip.descriptor(left, right, c)])
        after = device.read_memory(0, 1 << 20)
        rows = golden.matmul(a, b).astype("<i4")
        for row in range(5):
            start = c.address + row * c.stride
            before[start : start + 28] = rows[row].tobytes()
        ring = slice(chip.driver.ring, chip.driver.ring + 8 * 64)
        before[ring] = after[ring]
        assert after == bytes(before)


@pytest.mark.parametrize(("what", "unit"), [("a", "LOAD_A"), ("b", "LOAD_B"), ("c", "STORE_C")])
@pytest.mark.parametrize(("response", "code"), [(2, "SLVERR"), (3, "DECERR")])
def test_a_bus_error_has_an_address_and_the_chip_works_afterwards(chip, what, unit, response, code):
    a, b = matrices(20, 20, 40)
    with chip.array(a) as left, chip.array(b) as right, chip.empty((20, 20)) as c:
        array = {"a": left, "b": right, "c": c}[what]
        bad = array.address + 3 * array.stride + 4
        chip.simulated.add_fault(range(bad, bad + 1), response, reads=what != "c", writes=what == "c")
        with pytest.raises(BusError) as caught:
            chip.submit([chip.descriptor(left, right, c)] * 3)
        assert (caught.value.code, caught.value.unit) == (code, unit)
        assert 0 <= bad - caught.value.address < 64
        chip.simulated.clear_faults()
        chip.submit([chip.descriptor(left, right, c)] * 3)
        assert np.array_equal(c.numpy(), golden.matmul(a, b))


def test_after_an_error_the_host_can_continue(chip):
    a, b = matrices(9, 9, 9)
    with chip.array(a) as left, chip.array(b) as right, chip.empty((9, 9)) as c:
        good = chip.descriptor(left, right, c)
        with pytest.raises(DescriptorError, match="version") as caught:
            chip.driver.run([good, replace(good, version=99), good], 100_000)
        assert (caught.value.code, caught.value.index) == ("VERSION", 1)
        c.write(np.zeros((9, 9), np.int32))
        chip.driver.resume()
        chip.driver.run([], 100_000)
        assert np.array_equal(c.numpy(), golden.matmul(a, b))


def test_abort_and_soft_reset_recover(chip):
    a, b = matrices(30, 30, 60)
    device = chip.simulated
    with chip.array(a) as left, chip.array(b) as right, chip.empty((30, 30)) as c:
        for cycles in range(0, 700, 23):
            chip.driver.submit([chip.descriptor(left, right, c)] * 3)
            device.run(cycles)
            chip.driver.abort()
            assert isinstance(chip.driver.failure(), AbortedError)
            chip.driver.soft_reset()
            assert np.array_equal(chip.gemm(a, b).c, golden.matmul(a, b))


def test_results_do_not_depend_on_addresses():
    config = AcceleratorConfig(**CONFIGS["unaligned"])
    a, b = matrices(9, 9, 30)
    for base in (0, 1 << 32, (1 << 40) - (1 << 20)):
        with Simulator(config, base=base, size=1 << 20) as chip:
            assert np.array_equal(chip.gemm(a, b).c, golden.matmul(a, b))


def test_k_beyond_the_limit_is_cut_and_accumulated(chip):
    k = 3 * chip.config.k_limit + 5
    a, b = matrices(10, 10, k)
    bias = np.arange(10) * 100_000
    requant = golden.Requant.from_scale(1e-3)
    result = chip.gemm(a, b, bias=bias)
    assert result.descriptors == 4
    assert np.array_equal(result.c, golden.gemm(a, b, bias))
    assert np.array_equal(chip.gemm(a, b, bias=bias, requant=requant).c, golden.gemm(a, b, bias, requant))


def test_waveforms_and_traces_are_written(tmp_path):
    path = tmp_path / "run.fst"
    a, b = matrices(9, 9, 9)
    with Simulator(
        AcceleratorConfig(**NANO), waveform=path, window=range(50, 150), size=1 << 20, events=10_000
    ) as chip:
        cycles = chip.gemm(a, b).cycles
        start = chip.simulated.doorbells[0]
        events, moved = chip.simulated.take_events(), chip.simulated.status.beats["R"]
    assert path.stat().st_size > 1000
    assert set(events["lane"]) == set(range(len(ALL_ENGINES) + len(CHANNELS)))
    assert (events["start"] < events["end"]).all()
    of_read_data = len(ALL_ENGINES) + CHANNELS.index("R")
    beats = events[(events["lane"] == of_read_data) & (events["state"] == 1)]
    assert (beats["end"] - beats["start"]).sum() == moved
    assert start < beats["start"].min() < beats["end"].max() < start + cycles
