"""The cycle model: lower bounds, agreement of shortened loops with complete ones, and errors."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.models import Convolution
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.models.cycles import estimator as cycle_model

CONFIGS = {name: AcceleratorConfig.preset(name) for name in ("nano", "small", "base")}
SIZES = st.integers(1, 120)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(CONFIGS)), SIZES, SIZES, SIZES, st.integers(0, 200), st.booleans(), st.integers(1, 3))
def test_nothing_is_faster_than_the_multipliers_or_the_bus(preset, m, n, k, latency, requant, count):
    config, gemm = CONFIGS[preset], Gemm(m=m, n=n, k=k, requant=requant)
    guess = estimate(config, [gemm] * count, Bus(latency=latency))
    assert guess.cycles >= guess.multiplier_cycles
    assert guess.cycles >= guess.bus_cycles
    assert guess.cycles >= 2 * latency
    assert guess.utilisation == pytest.approx(guess.multiplier_cycles / guess.cycles)


def test_traffic_is_the_minimum_number_of_words():
    config = CONFIGS["small"]  # 8-byte words, blocks of 64 rows
    guess = estimate(config, [Gemm(m=65, n=10, k=20)])
    blocks, row = 2, 3
    assert guess.bus_cycles == 65 * row + blocks * (10 * row + 3 * 5) + 64 / 8
    written = estimate(config, [Gemm(m=65, n=100, k=1, requant=False)])
    assert written.bus_cycles == 65 * 50
    assert written.bound == "bus"


def test_a_convolution_reads_its_image_and_not_its_patches():
    config = AcceleratorConfig.preset("small", convolution=True)
    image = Convolution.same(height=32, width=32, channels=16, kernel_height=3, kernel_width=3)
    gemm = Gemm.convolution(config, image, 16)
    guess = estimate(config, [gemm], Bus(latency=16))
    rows = 3 + 14 * 4 + 3  # of 32 rows, for 16 blocks of 2 output rows
    assert guess.bus_cycles == rows * 64 + 16 * (16 * 18 + 2 * 3 * 4) + 16
    assert guess.multiplier_cycles == 32 * 32 * 9 * 16 * 16 / 64
    assert guess.utilisation > 0.97


def test_a_convolution_without_hardware_for_it_has_no_estimate():
    image = Convolution.same(height=32, width=32, channels=16, kernel_height=3, kernel_width=3)
    with pytest.raises(TilewrightError, match="does not fit into one descriptor of this configuration"):
        Gemm.convolution(CONFIGS["small"], image, 16)


@pytest.mark.parametrize("latency", [0, 64])
@pytest.mark.parametrize("preset", ["small", "base"])
def test_large_products_keep_the_multipliers_busy(preset, latency):
    size = 32 * CONFIGS[preset].tile.rows
    guess = estimate(CONFIGS[preset], [Gemm(m=size, n=size, k=size)], Bus(latency=latency))
    assert guess.utilisation > 0.95
    assert guess.bound == "multipliers"


def test_half_the_bandwidth_takes_twice_as_long_where_the_bus_is_the_bound():
    config, gemm = CONFIGS["base"], Gemm(m=1, n=2048, k=1024)
    full, half = (estimate(config, [gemm], Bus(bandwidth=share)).cycles for share in (1.0, 0.5))
    assert half == pytest.approx(2 * full, rel=0.02)


@pytest.mark.parametrize("shape", [(700, 300, 100), (64, 3000, 64), (640, 640, 64)])
def test_shortened_loops_agree_with_complete_ones(shape, monkeypatch):
    m, n, k = shape
    for config in (CONFIGS["nano"], CONFIGS["small"]):
        gemm = Gemm(m=m, n=n, k=k)
        full = estimate(config, [gemm], Bus(latency=20)).cycles
        with monkeypatch.context() as patch:
            patch.setattr(cycle_model, "_MODELLED_STEPS", 100)
            assert estimate(config, [gemm], Bus(latency=20)).cycles == pytest.approx(full, rel=0.005)


def test_a_long_queue_is_shortened_too(monkeypatch):
    queue = [Gemm(m=64, n=192, k=64)] * 100
    full = estimate(CONFIGS["small"], queue).cycles
    monkeypatch.setattr(cycle_model, "_MODELLED_STEPS", 100)
    assert estimate(CONFIGS["small"], queue).cycles == pytest.approx(full, rel=0.005)


@pytest.mark.parametrize("shapes", [[(900, 500, 64)] * 4, [(900, 500, 32), (64, 800, 64), (1000, 64, 64), (8, 8, 8)]])
def test_long_products_in_a_queue_are_shortened_one_by_one(shapes, monkeypatch):
    queue = [Gemm(m=m, n=n, k=k) for m, n, k in shapes]
    full = estimate(CONFIGS["small"], queue, Bus(latency=20)).cycles
    runs = []
    run = cycle_model.QueueModel.run
    monkeypatch.setattr(cycle_model.QueueModel, "run", lambda model: runs.append(1) or run(model))
    monkeypatch.setattr(cycle_model, "_MODELLED_STEPS", 100)
    assert estimate(CONFIGS["small"], queue, Bus(latency=20)).cycles == pytest.approx(full, rel=0.005)
    assert len(runs) <= 1 + 4 * len(queue)


def test_the_largest_product_is_estimated_quickly():
    config = CONFIGS["base"]
    guess = estimate(config, [Gemm(m=65535, n=65535, k=config.k_limit)], Bus(latency=100))
    assert math.isfinite(guess.utilisation)


@pytest.mark.parametrize(
    ("sizes", "says"), [((0, 1, 1), "M = 0"), ((1, 1 << 20, 1), "N = 1048576"), ((1, 1, 99999), "K = 99999")]
)
def test_sizes_above_the_limits_of_a_descriptor_are_refused(sizes, says):
    m, n, k = sizes
    with pytest.raises(TilewrightError, match=says):
        estimate(CONFIGS["small"], [Gemm(m=m, n=n, k=k)])
    with pytest.raises(TilewrightError, match="nothing"):
        estimate(CONFIGS["small"], [])


def test_a_fence_on_a_waits_for_all_earlier_products():
    """Weights are loaded meanwhile: it costs the latencies of a response and of a read, and no more than a gap."""
    config, bus = CONFIGS["small"], Bus(latency=100)
    first, second = Gemm(m=32, n=32, k=64), Gemm(m=32, n=32, k=64, fenced=True)
    alone = estimate(config, [first], bus).cycles
    free = estimate(config, [first, Gemm(m=32, n=32, k=64)], bus).cycles
    fenced = estimate(config, [first, second], bus).cycles
    assert free + bus.latency < fenced < 2 * alone
    assert estimate(config, [second], bus).cycles == alone
