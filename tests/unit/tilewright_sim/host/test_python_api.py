"""The Python interface with wrong arguments, several threads, callbacks and closed arrays: one clear error each."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.fake_device import FakeDevice

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError, TilewrightError
from tilewright.dma import DmaConfig
from tilewright_sim import Requant, Simulator
from tilewright_sim.host import DeviceView, Runtime, overflows
from tilewright_sim.models import Request
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.verilated import DmaSimulator, MemoryModel

NANO = AcceleratorConfig.preset("nano")
A, B = np.ones((2, 8), np.int8), np.ones((3, 8), np.int8)


@pytest.fixture
def chip():
    config = NANO.replace(panel_words=64, ring_words=64)
    return Runtime(FakeDevice(config), config, ring_log2=2)


MISTAKES = [
    (lambda chip: chip.gemm("A", B), "A has the shape"),
    (lambda chip: chip.gemm(A, None), "B "),
    (lambda chip: chip.gemm(A, [[1], [1, 2]]), "B is not an array"),
    (lambda chip: chip.gemm(A, B, requant=(1, 2)), "requant is a tuple"),
    (lambda chip: chip.gemm(A, B, bias="b"), "bias"),
    (lambda chip: chip.gemm(A, B, overflow="stop"), "overflow = 'stop'"),
    (lambda chip: chip.gemm(A, B, accumulate=1), "accumulate"),
    (lambda chip: chip.submit([]), "no descriptors"),
    (lambda chip: chip.submit(None), "NoneType is not a Descriptor"),
    (lambda chip: chip.submit(["x"]), "str is not a Descriptor"),
    (lambda chip: chip.array([1, 2, 3], np.int8), r"the shape \[3\]"),
    (lambda chip: chip.array("text"), "int8 or int32"),
    (lambda chip: chip.array(A, "no type"), "int8 or int32"),
    (lambda chip: chip.empty((2, 0)), r"the shape \[2, 0\]"),
    (lambda chip: chip.empty((2, 2.5)), r"the shape \[2, 2.5\]"),
    (lambda chip: chip.empty((2, 2), np.float32), "int8 or int32"),
    (lambda chip: chip.parameters(0), "n = 0"),
    (lambda chip: chip.parameters(3, requant=(1, 2)), "requant is a tuple"),
    (lambda chip: Requant(multiplier=1 << 30, shift=0, zero_point=0.5), "zero_point = 0.5"),
    (lambda chip: Requant(multiplier=1 << 30, shift=0, minimum=None), "minimum = None"),
    (lambda chip: Requant(multiplier="x", shift=0), "multiplier is"),
    (lambda chip: Requant(multiplier=1, shift=0, rounding="up"), "rounding = 'up'"),
    (lambda chip: Requant.from_scale("x"), "a scale must be"),
    (lambda chip: Requant.from_scale(float("nan")), "a scale must be"),
    (lambda chip: MemoryModel(latency="x"), "latency = 'x'"),
    (lambda chip: MemoryModel(latency=1.5), "latency = 1.5"),
    (lambda chip: MemoryModel(bandwidth=float("nan")), "bandwidth = nan"),
    (lambda chip: MemoryModel(bandwidth=0), "bandwidth = 0"),
    (lambda chip: MemoryModel(bandwidth=1e-320), "bandwidth = "),
    (lambda chip: MemoryModel(bandwidth=None), "bandwidth = None"),
    (lambda chip: MemoryModel(stall=float("nan")), "stall = nan"),
    (lambda chip: MemoryModel(stall={"AR": "x"}), "stall = 'x'"),
    (lambda chip: MemoryModel(size=-1), "size = -1"),
    (lambda chip: MemoryModel(seed=-1), "seed = -1"),
    (lambda chip: AcceleratorConfig.preset("small", rounding="up"), "rounding = 'up'"),
    (lambda chip: AcceleratorConfig.preset("small").replace(no_such_field=1), "no_such_field"),
    (lambda chip: AcceleratorConfig.preset(None), "preset = None"),
    (lambda chip: estimate(NANO, [Gemm(m=1, n=1, k=1)], Bus(bandwidth=float("nan"))), "bandwidth"),
    (lambda chip: estimate(NANO, [Gemm(m=1, n=1, k=1)], Bus(bandwidth=1e-320)), "bandwidth"),
    (lambda chip: estimate(NANO, [Gemm(m=1, n=1, k=1)], Bus(latency=-1)), "latency"),
    (lambda chip: estimate(NANO, [Gemm(m=0, n=1, k=1)]), "M = 0"),
    (lambda chip: estimate(NANO, []), "nothing to estimate"),
]


@pytest.mark.parametrize("place", range(len(MISTAKES)))
def test_a_wrong_argument_is_named_and_the_device_stays_usable(chip, place):
    call, says = MISTAKES[place]
    with pytest.raises(TilewrightError, match=says) as caught:
        call(chip)
    assert len(str(caught.value)) < 450
    assert np.array_equal(chip.gemm(A, B).c, golden.gemm(A, B))
    assert chip.allocator.free_bytes == len(chip.device.memory) - 4096 - 4 * 64 or chip.allocator.free_bytes > 0


def test_a_closed_array_says_so(chip):
    a, b, c = chip.array(A), chip.array(B), chip.empty((2, 3))
    a.close()
    a.close()
    for use in (a.numpy, lambda: a.write(A), lambda: chip.descriptor(a, b, c), lambda: np.asarray(a)):
        with pytest.raises(TilewrightError, match="this array is closed"):
            use()


def test_an_array_becomes_numpy_s(chip):
    array = chip.array(A)
    assert np.asarray(array).dtype == np.int8
    assert np.array_equal(np.asarray(array), A)
    assert np.array_equal(np.asarray(array, dtype=np.float32), A)
    with pytest.raises(ValueError, match="only be copied"):
        np.asarray(array, copy=False)


def test_closing_a_view_leaves_the_array(chip):
    array = chip.array(A)
    with DeviceView.of(array, slice(1, 2)) as view:
        assert np.array_equal(view.numpy(), A[1:])
    assert np.array_equal(array.numpy(), A)


def test_fields_are_changed_in_python():
    small = AcceleratorConfig.preset("small", rounding="double")
    assert (small.rounding, small.tile.rows) == ("double", 8)
    assert small.replace(rounding="both") == AcceleratorConfig.preset("small")
    assert DmaConfig.preset("base").replace(outstanding=3).outstanding == 3
    if hasattr(copy, "replace"):
        assert copy.replace(small, rounding="both") == AcceleratorConfig.preset("small")
    with pytest.raises(ConfigError, match="must divide rows"):
        small.replace(dot=3)


def test_one_descriptor_needs_no_list(chip):
    a, b, c = chip.array(A), chip.array(B), chip.empty((2, 3))
    chip.submit(chip.descriptor(a, b, c))
    assert np.array_equal(c.numpy(), golden.gemm(A, B))


@pytest.mark.parametrize(("k", "count"), [(131_071, 0), (131_072, 2), (140_000, 3)])
def test_wrapped_sums_are_an_error_on_request(k, count):
    a, b = np.full((1, k), -128, np.int8), np.full((3, k), -128, np.int8)
    b[2] = 127
    assert overflows(a, b) == count
    assert overflows(a[:, :100], b[:, :100], bias=np.array([0, (1 << 31) - 1, 0])) == 1


def test_gemm_refuses_what_wraps_before_it_runs(chip):
    a = np.full((1, 140_000), -128, np.int8)
    with pytest.raises(TilewrightError, match="1 of 1 sums do not fit into int32"):
        chip.gemm(a, a, overflow="raise")


def test_threads_take_turns():
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.integers(-128, 128, (n, 40), np.int8) for n in (9, 11)) for _ in range(12)]
    with Simulator(NANO, size=1 << 20) as chip, ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda pair: chip.gemm(*pair).c, pairs))
        assert all(np.array_equal(c, golden.gemm(*pair)) for c, pair in zip(results, pairs, strict=True))
        assert np.array_equal(chip.gemm(*pairs[0]).c, results[0])


def test_a_callback_cannot_start_a_run_and_may_fail():
    with Simulator(NANO, size=1 << 20) as chip:
        a, b = np.ones((64, 256), np.int8), np.ones((64, 256), np.int8)
        with pytest.raises(TilewrightError, match="a progress callback cannot start another"):
            chip.gemm(a, b, progress=lambda *_: chip.gemm(A, B))
        with pytest.raises(ZeroDivisionError):
            chip.gemm(a, b, progress=lambda *_: 1 / 0)
        assert np.array_equal(chip.gemm(a, b).c, golden.gemm(a, b))


def test_closing_while_another_thread_runs_ends_that_run_with_an_error():
    chip = Simulator(NANO, size=1 << 20)
    started = threading.Event()
    a, b = np.ones((200, 800), np.int8), np.ones((200, 800), np.int8)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(chip.gemm, a, b, progress=lambda *_: started.set())
        started.wait(60)
        chip.close()
        with pytest.raises(TilewrightError, match="closed"):
            run.result(60)


@pytest.mark.parametrize("core", ["dma-reader", "dma-writer"])
def test_a_request_that_fails_says_why(core):
    with DmaSimulator(core, DmaConfig.preset("small"), memory_bytes=4096) as engine:
        word = engine.config.word_bytes
        for request, cause in ((Request(64, 0), "EMPTY"), (Request(1, word), "MISALIGNED")):
            with pytest.raises(TilewrightError, match=f"request 0, .* failed: {cause}"):
                engine.run([request], np.zeros((0, word), np.uint8))
