"""Vector jobs in the cycle model: lower bounds, order, long loops, and what is refused."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.accelerator.contract import ONE_TYPE, ROTATIONS, AcceleratorConfig, ElementType, Operation
from tilewright.base import TilewrightError
from tilewright_sim.models.cycles import Bus, Gemm, VectorJob, estimate, traffic
from tilewright_sim.models.cycles import estimator as cycle_model

CONFIG = AcceleratorConfig.preset("small", vector_lanes=4)
FREE = [one for one in Operation.__members__.values() if one not in ROTATIONS]


def job(operation, m, n, **values):
    if operation in ONE_TYPE:
        values.setdefault("c_type", ONE_TYPE[operation])
    return VectorJob(operation=operation, m=m, n=n, **values)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FREE), st.integers(1, 30), st.integers(1, 700), st.integers(0, 200), st.integers(1, 3))
def test_nothing_is_faster_than_the_lanes_or_the_bus(operation, m, n, latency, count):
    guess = estimate(CONFIG.replace(unaligned=True), [job(operation, m, n)] * count, Bus(latency=latency))
    assert guess.cycles >= guess.lower_bound > 0
    assert guess.cycles >= 2 * latency * count
    assert guess.multiplier_cycles == guess.utilisation == 0


def test_lane_cycles_and_traffic_are_those_of_the_program():
    one = job(Operation.ADD, 3, 100)  # 2 groups of 64 elements: 32 entries a row, one instruction
    assert estimate(CONFIG, [one]).vector_cycles == 3 * 32
    assert traffic(CONFIG, one) == (64 // 8 + 2 * 3 * 50, 3 * 50)
    assert traffic(CONFIG, job(Operation.SCALE, 3, 100, c_type=ElementType.BF16)) == (64 // 8 + 3 * 50, 3 * 25)
    column = job(Operation.QUANTIZE, 2, 100)  # each byte of a word of its own
    assert traffic(CONFIG.replace(unaligned=True), column) == (64 // 8 + 2 * 50, 2 * 100)
    long = job(Operation.ARGMAX, 2, 300)  # longer than a register of 256 elements: read twice
    assert traffic(CONFIG, long) == (64 // 8 + 2 * 2 * 150, 2)


def test_more_lanes_take_fewer_cycles():
    counts = [
        estimate(AcceleratorConfig.preset("small", vector_lanes=lanes), [job(Operation.SILU, 32, 1024)]).cycles
        for lanes in (2, 4, 8, 16)
    ]
    assert all(more < 0.7 * fewer for fewer, more in pairwise(counts)), counts


def test_vector_jobs_run_one_after_the_other():
    one, bus = job(Operation.RMS_NORM, 4, 100), Bus(latency=30)
    alone, three = (estimate(CONFIG, [one] * count, bus).cycles for count in (1, 3))
    assert 2.5 * alone < three < 3 * alone


def test_weights_behind_a_vector_job_are_loaded_meanwhile():
    bus = Bus(latency=100)
    norm = job(Operation.RMS_NORM, 1, 64)
    product = Gemm(m=1, n=8, k=64, requant=False, fenced=True)
    alone = [estimate(CONFIG, [one], bus).cycles for one in (norm, product)]
    both = estimate(CONFIG, [norm, product], bus).cycles
    assert alone[0] < both < sum(alone) - 150  # a descriptor and weights


@pytest.mark.parametrize(("m", "n"), [(300, 30), (20, 7000)])
def test_shortened_loops_agree_with_complete_ones(m, n, monkeypatch):
    queue = [job(Operation.LAYER_NORM, m, n), Gemm(m=8, n=8, k=8), job(Operation.ADD, 2, 10)]
    full = estimate(CONFIG, queue, Bus(latency=20)).cycles
    monkeypatch.setattr(cycle_model, "_MODELLED_STEPS", 100)
    assert estimate(CONFIG, queue, Bus(latency=20)).cycles == pytest.approx(full, rel=0.01)


@pytest.mark.parametrize(
    ("config", "one", "says"),
    [
        ({"vector_lanes": 0}, job(Operation.COPY, 1, 1), "vector_lanes = 0"),
        ({}, job(Operation.COPY, 0, 1), "M = 0: must be 1 to 65535"),
        ({}, job(Operation.COPY, 1, 65536), "N = 65536: must be 1 to 65535"),
        ({}, job(Operation.ROTATE_ADJACENT, 1, 7), "N = 7: a rotation needs an even number of at most 256"),
        ({}, job(Operation.ROTATE_ADJACENT, 1, 258), "N = 258: a rotation"),
        ({}, job(Operation.ROTATE_HALVES, 1, 12), "N = 12: ROTATE_HALVES needs a power of 2"),
        ({}, job(Operation.ADD, 1, 1, y_type=ElementType.INT32), "y_type = INT32"),
        ({}, job(Operation.ADD, 1, 1, c_type=ElementType.INT32), "c_type = INT32"),
        ({}, job(Operation.ADD, 1, 1, c_type=ElementType.RECORDS), "c_type = RECORDS"),
        ({}, job(Operation.ADD, 1, 1, c_type=ElementType.INT8_COLUMNS), "c_type = INT8_COLUMNS: ADD makes none"),
        ({}, job(Operation.ABS_MAX, 1, 1, c_type=ElementType.BF16), "c_type = BF16: must be FLOAT32 with ABS_MAX"),
        ({}, job(Operation.QUANTIZE, 1, 1), "QUANTIZE writes bytes at any address: set unaligned"),
    ],
)
def test_jobs_that_the_accelerator_cannot_do_are_refused(config, one, says):
    with pytest.raises(TilewrightError, match=says):
        estimate(AcceleratorConfig.preset("small", **{"vector_lanes": 4} | config), [one])
