"""Driver and Runtime: whole queues on a model of the registers."""

import numpy as np
import pytest
from support.fake_device import CYCLES, OFFSET, FakeDevice, bits

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.registers import COUNTERS, counter_names
from tilewright.base import TilewrightError
from tilewright_sim.host import Allocator, Capabilities, Driver, Runtime
from tilewright_sim.host.device import Device
from tilewright_sim.host.errors import BusError, HardwareError, StuckError
from tilewright_sim.models import gemm as golden

NANO = AcceleratorConfig.preset("nano")
TINY = AcceleratorConfig.preset("nano").model_copy(update={"panel_words": 64, "ring_words": 64})  # k_limit 128


@pytest.fixture
def device():
    return FakeDevice(TINY)


@pytest.fixture
def chip(device):
    return Runtime(device, TINY, ring_log2=2)


def matrices(m, n, k, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((m, k), (n, k)))


def test_the_fake_is_a_device(device):
    assert isinstance(device, Device)


def test_hardware_is_identified(device):
    driver = Driver(device, Allocator(device.memory))
    assert driver.capabilities == Capabilities.of(TINY)


@pytest.mark.parametrize(("register", "says"), [("ID", "there is no accelerator"), ("VERSION", "versions")])
def test_other_hardware_is_refused(device, register, says):
    device.put(register, 0x1234)
    with pytest.raises(TilewrightError, match=says):
        Driver(device, Allocator(device.memory))


def test_another_configuration_is_refused(device):
    with pytest.raises(TilewrightError, match=r"half_words=32.*the configuration is.*half_words=512"):
        Runtime(device, NANO)


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (3, 5, 7), (40, 9, 128), (2, 3, 129), (5, 4, 1000)])
def test_products_are_those_of_the_golden_model(chip, m, n, k):
    a, b = matrices(m, n, k)
    result = chip.gemm(a, b)
    assert result.c.dtype == np.int32
    assert (result.c == golden.matmul(a, b)).all()
    assert result.descriptors == -(-k // TINY.k_limit)
    assert result.counters["cycles"] == result.cycles == CYCLES * result.descriptors


@pytest.mark.parametrize("k", [20, 500])
def test_bias_and_requantization_are_those_of_the_golden_model(chip, k):
    a, b = matrices(6, 10, k)
    bias = np.arange(-5, 5) * 1000
    requant = golden.Requant.from_scale(np.linspace(0.0001, 0.01, 10), zero_point=3, minimum=-100)
    assert (chip.gemm(a, b, bias=bias).c == golden.gemm(a, b, bias)).all()
    result = chip.gemm(a, b, bias=bias, requant=requant)
    assert result.c.dtype == np.int8
    assert (result.c == golden.gemm(a, b, bias, requant)).all()


def test_products_accumulate(chip):
    a, b = matrices(6, 10, 300)
    old = np.random.default_rng(2).integers(-(2**31), 2**31, (6, 10), dtype=np.int32)
    assert (chip.gemm(a, b, accumulate=old).c == golden.gemm(a, b, addend=old)).all()


def test_any_strides_and_integer_types_are_taken(chip):
    a, b = matrices(6, 10, 20)
    want = golden.matmul(a, b)
    assert (chip.gemm(np.asfortranarray(a), b[:, ::1]).c == want).all()
    assert (chip.gemm(a[::-1], b[::-1]).c == want[::-1, ::-1]).all()
    assert (chip.gemm(a.tolist(), b.astype(np.int64)).c == want).all()


def test_all_memory_is_given_back(chip):
    free = chip.allocator.free_bytes
    a, b = matrices(6, 10, 300)
    chip.gemm(a, b, bias=np.zeros(10, dtype=np.int32))
    with pytest.raises(TilewrightError):
        chip.gemm(a, b, bias=np.zeros(11, dtype=np.int32))
    assert chip.allocator.free_bytes == free


@pytest.mark.parametrize("count", [1, 4, 5, 23])
def test_queues_longer_than_the_ring_are_fed_in(chip, device, count):
    a, b = matrices(4, 4, 4)
    left, right = chip.array(a), chip.array(b)
    results = [chip.empty((4, 4)) for _ in range(count)]
    told = []
    run = chip.submit([chip.descriptor(left, right, c) for c in results], lambda done, _: told.append(done))
    assert run.descriptors == count
    assert run.cycles == CYCLES * count
    assert device.largest_batch <= 4
    assert told == sorted(told)
    assert told[-1] == count
    assert all((c.numpy() == golden.matmul(a, b)).all() for c in results)


def test_indices_wrap(chip, device):
    a, b = matrices(4, 4, 4)
    for name in ("HEAD", "TAIL"):
        device.put(name, 0xFFFD)
    with chip.array(a) as left, chip.array(b) as right, chip.empty((4, 4)) as c:
        chip.submit([chip.descriptor(left, right, c)] * 9)
        assert (c.numpy() == golden.matmul(a, b)).all()
    assert device.get("HEAD") == 6


def test_a_failure_says_what_and_where_and_the_next_run_works(chip, device):
    a, b = matrices(4, 4, 4)
    device.bad = 2
    with chip.array(a) as left, chip.array(b) as right, chip.empty((4, 4)) as c:
        with pytest.raises(
            BusError, match=r"descriptor 2 failed: the bus answered SLVERR \(SLVERR in LOAD_B"
        ) as caught:
            chip.submit([chip.descriptor(left, right, c)] * 9)
        assert (caught.value.code, caught.value.unit, caught.value.index) == ("SLVERR", "LOAD_B", 2)
        assert caught.value.address == right.address
        device.bad = None
        chip.submit([chip.descriptor(left, right, c)] * 9)
    assert isinstance(caught.value, HardwareError)


def test_after_a_failure_the_driver_can_go_on(chip, device):
    a, b = matrices(4, 4, 4)
    device.bad = 0
    with chip.array(a) as left, chip.array(b) as right, chip.empty((4, 4)) as c:
        job = chip.descriptor(left, right, c)
        with pytest.raises(BusError):
            chip.driver.run([job, job], 10_000)
        with pytest.raises(BusError, match="descriptor 0"):
            chip.driver.run([job], 10_000)
        chip.driver.resume()
        chip.driver.run([job], 10_000)
        assert device.get("HEAD") == device.get("TAIL") == 3


def test_a_hang_is_an_error_that_says_where_every_engine_stands(chip, device):
    device.endless = 0
    with pytest.raises(
        StuckError, match=r"no descriptor was completed in .*load_a IDLE, .*store IDLE; .*head 0, tail 1"
    ):
        chip.gemm(*matrices(4, 4, 4))
    device.endless = None
    chip.gemm(*matrices(4, 4, 4))


def test_counters_close(chip, device):
    result = chip.gemm(*matrices(4, 4, 4))
    assert list(result.counters) == [name for name, _ in COUNTERS]
    device.put("COUNT_STORE_IDLE", 10 * CYCLES)  # read later, when more idle cycles have passed
    counters = chip.driver.counters()
    for engine in ("load_a", "load_b", "execute", "store"):
        assert sum(value for name, value in counters.items() if name.startswith(engine)) == counters["cycles"]


def test_the_vector_engine_is_identified_and_counted():
    device = FakeDevice(TINY.replace(vector_lanes=4))
    driver = Driver(device, Allocator(device.memory))
    assert driver.capabilities == Capabilities.of(device.config)
    assert driver.capabilities.vector_lanes == 4
    device.put("COUNT_CYCLES", 10)
    counters = driver.counters()
    assert list(counters) == counter_names(vector=True)
    assert counters["vector_idle"] == 10
    device.put("ENGINES", bits("ENGINES", vector=Activity.MEMORY.value))
    assert driver.engines()["vector"] == "MEMORY"


def test_another_version_of_the_vector_descriptor_is_refused():
    device = FakeDevice(TINY.replace(vector_lanes=4))
    device.put("CAP_VECTOR", bits("CAP_VECTOR", lanes=4, descriptor=9))
    with pytest.raises(TilewrightError, match=r"version 9 of the vector descriptor; this driver supports 2$"):
        Driver(device, Allocator(device.memory))


MISTAKES = [
    ({"a": np.zeros((2, 3, 4), np.int8)}, r"A has the shape \[2, 3, 4\]"),
    ({"a": np.zeros((0, 8), np.int8)}, r"A has the shape \[0, 8\]"),
    ({"a": np.zeros((2, 8), np.float32)}, "A is float32: it must be int8"),
    ({"a": np.full((2, 8), np.nan)}, "A is float64: it must be int8"),
    ({"a": np.full((2, 8), 128)}, "values from 128 to 128, beyond int8"),
    ({"a": [[1, 2], [3]]}, "A is not an array"),
    ({"a": np.zeros((2, 7), np.int8)}, r"A is \[2, 7\] and B \[4, 8\]"),
    ({"bias": np.zeros(5, np.int32)}, r"bias is int32 \[5\]: it must be int32 \[4\]"),
    ({"bias": np.zeros(4)}, "bias is float64"),
    ({"bias": [2**31] * 4}, "bias has values beyond int32"),
    ({"accumulate": np.zeros((2, 4), np.int64)}, "accumulate is int64"),
    ({"accumulate": np.zeros((2, 4), np.int32), "bias": [0] * 4}, "cannot be combined with bias or requant"),
    ({"requant": golden.Requant(multiplier=[1, 2], shift=0)}, r"multiplier has the shape \[2\]"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "says"), MISTAKES)
def test_a_mistake_is_one_line(chip, arguments, says):
    values = {"a": np.zeros((2, 8), np.int8), "b": np.zeros((4, 8), np.int8)} | arguments
    with pytest.raises(TilewrightError, match=says) as caught:
        chip.gemm(**values)
    assert "\n" not in str(caught.value)


def test_descriptors_that_make_no_sense_are_refused(chip):
    a, b, c = chip.array(np.zeros((2, 8), np.int8)), chip.array(np.zeros((4, 8), np.int8)), chip.empty((2, 4))
    small = chip.empty((2, 4), np.int8)
    parameters = chip.parameters(4, bias=[0] * 4)
    for arguments, says in [
        ((a, b, small), "C is int8"),
        ((a, b, small, parameters), "C is int8"),
        ((a, b, b), r"B \[4, 8\], C \[4, 8\]"),
        ((c, b, c), "A is int32: must be int8"),
        ((b, a, c), r"A \[4, 8\], B \[2, 8\], C \[2, 4\]"),
    ]:
        with pytest.raises(TilewrightError, match=says):
            chip.descriptor(*arguments)
    with pytest.raises(TilewrightError, match="fences"):
        chip.descriptor(a, b, c, fences="x")
    with pytest.raises(TilewrightError, match="accumulating"):
        chip.descriptor(a, b, c, parameters, accumulate=True)
    with pytest.raises(TilewrightError, match="no descriptors"):
        chip.submit([])


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.1, 1e-9, 3.7, 1e-12, 0.0, 0.999999999999])
def test_scales_become_multipliers_and_shifts(scale):
    requant = golden.Requant.from_scale(scale)
    exact = float(requant.multiplier) * 2.0 ** (int(requant.shift) - 31)
    assert exact == pytest.approx(scale, rel=2**-30, abs=2**-32)


def test_registers_are_found_by_name(device):
    assert Driver(device, Allocator(device.memory)).read("K_LIMIT") == device.registers[OFFSET["K_LIMIT"]] == 128


def test_a_run_says_when_descriptors_with_an_interrupt_were_complete(chip):
    """Also in a queue that is longer than the ring, whose own interrupts are not among them alone."""
    a, b = matrices(4, 4, 8)
    left, right, c = chip.array(a), chip.array(b), chip.empty((4, 4))
    marked = [chip.descriptor(left, right, c, interrupt=place in (1, 8)) for place in range(10)]
    run = chip.submit(marked)
    assert {(2, 2 * CYCLES), (9, 9 * CYCLES)} <= set(run.interrupts)
    assert run.interrupts[-1] == (10, 10 * CYCLES)
    assert run.cycles == 10 * CYCLES
