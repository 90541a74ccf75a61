"""The generated C driver runs the generated Verilog: products, errors of the bus, aborts and resets."""

import ctypes
from collections import Counter, deque
from dataclasses import replace

import pytest
from support.c_driver import ARGUMENT, BUSY, FAILED, FULL, OK, RESET, TIMEOUT, CDriver, compile_driver, packed
from system.test_gemm import CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.host import CPlatform, Descriptor, Simulator, flag_bits
from tilewright_sim.verify.fault_trials import FaultHost
from tilewright_sim.verify.random_jobs import JobHost

TINY = AcceleratorConfig(**CONFIGS["tiny"])
POLLING, INTERRUPTS = 0, 1000
BUS_ERRORS = ("SLVERR", "DECERR")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_driver(TINY, tmp_path_factory.mktemp("driver"))


def c_driver(host, library, wait_cycles=INTERRUPTS):
    host.simulator.driver = CDriver(host.simulator.driver, library, wait_cycles)
    return host.simulator.driver


@pytest.mark.parametrize("wait_cycles", [POLLING, INTERRUPTS])
def test_the_example_multiplies_and_recovers(library, wait_cycles):
    with Simulator(TINY, latency=20) as chip:
        memory = chip.allocator.allocate(65536, 4096)
        platform = CPlatform(chip.simulated, wait_cycles)
        start = ctypes.c_void_p(chip.simulated.pointer(memory, 65536))
        assert library.tilewright_example(platform.pointer, start, ctypes.c_uint64(memory)) == OK
        platform.check()


@pytest.mark.parametrize("wait_cycles", [POLLING, INTERRUPTS])
def test_queues_equal_the_golden_model_also_longer_than_the_ring(library, wait_cycles):
    with JobHost(TINY, 5) as host:
        driver = c_driver(host, library, wait_cycles)
        for jobs in host.batches(30):
            host.copy()
            driver.run(host.descriptors(jobs), 3_000_000)
            host.apply(jobs)
            host.compare(jobs)
        assert driver.chip.next == 30
        assert driver.entries < 30


def trials(seed, count, library, wait_cycles=INTERRUPTS):
    """Have things go wrong; return what was done, and what the driver told."""
    with FaultHost(TINY, seed) as host:
        driver = c_driver(host, library, wait_cycles)
        deque((host.trial() for _ in range(count)), maxlen=0)
        done = Counter({name.removeprefix("trial: "): n for name, n in host.coverage.items() if "trial: " in name})
        return done, driver.told


def check_told(done, told):
    assert sum(told[code] for code in BUS_ERRORS) == done["bus"]
    assert told["soft reset"] == done["soft reset"]
    assert told["hard reset"] == done["hard reset"]
    assert told["ABORTED"] + told["abort of nothing"] == done["abort"] + done["slow"]
    of_descriptors = set(ERRORS) - {*BUS_ERRORS, "ABORTED"}
    assert sum(told[code] for code in of_descriptors) == done["descriptor"]


@pytest.mark.parametrize("wait_cycles", [POLLING, INTERRUPTS])
def test_faults_are_reported(library, wait_cycles):
    done, told = trials(1, 40, library, wait_cycles)
    check_told(done, told)
    assert min(done.values()) > 0
    assert told["direct"] > 0


@pytest.mark.long
def test_a_thousand_bus_errors_aborts_and_resets_are_reported(library):
    done, told = Counter(), Counter()
    for seed in range(2, 12):
        for total, more in zip((done, told), trials(seed, 200, library, seed % 3 * 500), strict=True):
            total.update(more)
    check_told(done, told)
    faults = sum(told[kind] for kind in (*BUS_ERRORS, "ABORTED", "soft reset", "hard reset"))
    print(f"{faults} faults of {sum(done.values())} trials: {dict(told)}")
    assert faults >= 1000


@pytest.fixture
def chip():
    with Simulator(TINY, ring_log2=2) as chip:
        yield chip


@pytest.fixture
def driver(chip, library):
    return CDriver(chip.driver, library)


@pytest.fixture
def product(chip):
    a, b, c = chip.empty((4, 16), "i1"), chip.empty((4, 16), "i1"), chip.empty((4, 4), "i4")
    return chip.descriptor(a, b, c)


def submit(driver, *descriptors):
    ticket = ctypes.c_uint32()
    return driver.call(
        "submit", packed(descriptors), ctypes.c_size_t(len(descriptors)), ctypes.byref(ticket)
    ), ticket.value


def test_a_ring_without_room_takes_nothing(driver, product):
    driver.device.set_timing(latency=10_000)
    assert submit(driver, *[product] * 3) == (OK, 2)
    assert submit(driver, product, product) == (FULL, 0)
    assert submit(driver, product) == (OK, 3)
    assert driver.call("free") == 0
    assert driver.call("submit_direct", product.pack(), None) == BUSY
    assert driver.poll(3) == BUSY
    assert driver.poll(4) == ARGUMENT
    assert driver.wait(3, 1_000_000) == OK
    assert driver.call("free") == 4
    assert submit(driver) == (ARGUMENT, 0)


def test_memory_that_does_not_answer_is_a_timeout_until_it_does(driver, product):
    driver.device.set_timing(latency=300_000)
    assert submit(driver, product, product) == (OK, 1)
    assert driver.wait(0, 5_000) == TIMEOUT
    driver.device.set_timing(latency=0)
    assert driver.call("abort") == TIMEOUT
    assert driver.call("reset") == TIMEOUT
    assert submit(driver, product)[0] == RESET
    assert driver.poll(1) == RESET
    driver.device.run(300_000)
    assert driver.call("reset") == OK
    assert submit(driver, product) == (OK, 2)
    assert driver.wait(2, 10_000) == OK
    assert driver.poll(1) == RESET


def test_each_completed_descriptor_begins_the_limit_again(driver, product):
    driver.device.set_timing(latency=3000)
    one_after_the_other = replace(product, flags=flag_bits("FENCE_A", "FENCE_B"))

    def cycles(count):
        driver.clear_counters()
        assert submit(driver, *[one_after_the_other] * count)[0] == OK
        assert driver.wait(driver.chip.next - 1, limit) == OK
        return driver.read("COUNT_CYCLES")

    limit = 100_000
    limit = 2 * cycles(1)
    assert cycles(4) > limit


@pytest.mark.parametrize("wait_cycles", [POLLING, INTERRUPTS])
def test_a_reset_of_the_hardware_while_waiting_is_reported(chip, library, product, wait_cycles):
    driver = CDriver(chip.driver, library, wait_cycles)
    chip.simulated.set_timing(latency=2000)
    read, accesses = chip.simulated.read_register, []

    def reset_at_the_twentieth(offset):
        accesses.append(offset)
        if len(accesses) == 20:
            chip.simulated.reset()
        return read(offset)

    chip.simulated.read_register = reset_at_the_twentieth
    assert submit(driver, product) == (OK, 0)
    assert driver.wait(0, 0) == RESET
    assert submit(driver, product)[0] == RESET
    assert driver.call("reset") == OK
    assert driver.poll(0) == RESET
    assert submit(driver, product) == (OK, 1)
    assert driver.wait(1, 100_000) == OK


def test_a_failure_stays_until_it_is_resumed_and_the_next_one_runs(driver, product):
    assert submit(driver, product, replace(product, k=0), product) == (OK, 2)
    assert driver.wait(2, 10_000) == FAILED
    assert driver.poll(0) == OK
    assert driver.poll(1) == FAILED
    assert submit(driver, product) == (OK, 3)
    assert driver.wait(3, 10_000) == FAILED
    assert driver.failure().code == "SIZE"
    driver.resume()
    assert driver.wait(3, 10_000) == OK


def test_a_long_queue_says_how_much_of_it_was_submitted_before_a_failure(driver, product):
    queue, sent = [product] * 5 + [replace(product, version=0)] + [product] * 6, ctypes.c_size_t()
    arguments = packed(queue), ctypes.c_size_t(12), ctypes.c_uint32(10_000), ctypes.byref(sent)
    assert driver.call("run", *arguments) == FAILED
    assert driver.failure().index == 5
    assert 6 <= sent.value < 12
    driver.resume()
    rest = queue[sent.value :]
    assert driver.call("run", packed(rest), ctypes.c_size_t(len(rest)), ctypes.c_uint32(10_000), None) == OK
    assert driver.chip.next == 12
    assert driver.read("HEAD") == 12


def test_waits_end_by_the_interrupt_and_not_by_time(chip, library, product):
    driver, waits = CDriver(chip.driver, library, 1_000_000), []
    wait = chip.simulated.wait
    chip.simulated.wait = lambda cycles: waits.append(cycles) or wait(cycles)
    driver.run([product] * 12, 0)
    assert chip.simulated.status.cycle < 100_000
    assert 1 <= len(waits) <= 12
    ring = chip.simulated.read_memory(driver.ring, 4 * 64)
    assert any(Descriptor.unpack(ring[at : at + 64]).flags & flag_bits("INTERRUPT") for at in range(0, 256, 64))


def test_tickets_go_on_where_the_indices_of_the_hardware_wrap(driver, product):
    """Descriptors that fail at once: 70,000 of them would take minutes, so the driver begins near the end."""
    driver.chip.next = driver.chip.origin = 0xFFFF_FFF0
    for ticket in range(0xFFFF_FFF0, 0xFFFF_FFF0 + 40):
        assert submit(driver, product) == (OK, ticket & 0xFFFF_FFFF)
        assert driver.wait(ticket & 0xFFFF_FFFF, 10_000) == OK
    assert driver.poll(0xFFFF_FFF0) == OK
    assert driver.poll(driver.chip.next) == ARGUMENT
