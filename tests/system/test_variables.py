"""Descriptors that refer to variables, on the generated hardware: submitted, and as a program that runs many times."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from support.c_driver import ARGUMENT, OK, CDriver, compile_driver, packed

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import HardwareError, Simulator
from tilewright_sim.models import gemm as golden

CONFIG = AcceleratorConfig.preset("nano", variables=4, vector_lanes=4)


@pytest.fixture(scope="module")
def chip():
    with Simulator(CONFIG, size=1 << 20) as chip:
        yield chip


def rows(m, k, seed):
    return np.random.default_rng(seed).integers(-128, 128, (m, k), dtype=np.int8)


def test_sizes_and_addresses_change_from_run_to_run_and_descriptors_do_not(chip):
    a, b = rows(40, 24, 1), rows(30, 24, 2)
    left, right, sums = chip.array(a), chip.array(b), chip.empty((40, 30), np.int32)
    scaled = chip.empty((40, 30), np.float32)
    product = chip.descriptor(left, right, sums)
    vector = chip.vector_descriptor("SCALE", sums, scaled, scalar=0.5, fences="x")
    descriptors = [  # m is the variable alone
        replace(product, m=0).refer(m=0, a_address=1, c_address=2),
        replace(vector, m=0).refer(m=0, a_address=2, c_address=2),
    ]
    with chip.program(descriptors) as program:
        before = chip.device.read_memory(program.address, 64 * program.entries)
        for m, first in ((3, 0), (1, 39), (20, 7), (40, 0)):
            sums.write(np.zeros((40, 30), np.int32))
            scaled.write(np.zeros((40, 30), np.float32))
            run = program.run([m, first * left.stride, first * sums.stride])
            wanted = np.zeros((40, 30), np.int32)
            wanted[first : first + m] = golden.matmul(a[first : first + m], b)
            assert (sums.numpy() == wanted).all()
            assert (scaled.numpy() == wanted * np.float32(0.5)).all()
            assert run.descriptors == 2
            assert run.utilisation == pytest.approx(m * 30 * 24 / (16 * run.cycles))
        assert chip.device.read_memory(program.address, 64 * program.entries) == before
        again = chip.submit(descriptors, variables=[2, 0, 0])  # the runtime's own ring, as before
        assert again.descriptors == 2
    assert (chip.gemm(a, b).c == golden.matmul(a, b)).all()


def test_a_program_that_fails_says_where_and_the_next_runs(chip):
    a, b = rows(4, 8, 3), rows(4, 8, 4)
    left, right, sums = chip.array(a), chip.array(b), chip.empty((4, 4), np.int32)
    good = chip.descriptor(left, right, sums)
    with chip.program([good, good.refer(c_address=3)]) as program:
        with pytest.raises(HardwareError, match=r"descriptor 1 .*"):
            program.run([0, 0, 0, 2])  # not a whole bus word
        program.run([0, 0, 0, 0])
    assert (sums.numpy() == golden.matmul(a, b)).all()
    assert (chip.gemm(a, b).c == golden.matmul(a, b)).all()


def test_what_cannot_be_is_refused_before_anything_runs(chip):
    good = chip.descriptor(chip.array(rows(4, 8, 3)), chip.array(rows(4, 8, 4)), chip.empty((4, 4), np.int32))
    with pytest.raises(TilewrightError, match=r"variable 4: this hardware has 4; set variables = 5"):
        chip.program([good.refer(m=4)])
    with pytest.raises(TilewrightError, match="no descriptors"):
        chip.program([])
    with chip.program([good.refer(c_address=1)]) as program:
        for values, says in (
            ([0], "1 variables: the program refers to 2"),
            ([0, 1 << 32], "variable 1 = "),
            ([0] * 5, "5 variables"),
        ):
            with pytest.raises(TilewrightError, match=says):
                program.run(values)
    with pytest.raises(TilewrightError, match="closed"):
        program.run([0, 0])
    with pytest.raises(HardwareError, match="SIZE"):
        chip.submit(good.refer(m=9))


def test_a_program_longer_than_the_drivers_ring_runs_with_one_doorbell(chip):
    a, b = rows(4, 8, 5), rows(300, 8, 6)
    left, right, sums = chip.array(a), chip.array(b), chip.empty((4, 300), np.int32)
    whole = chip.descriptor(left, right, sums)
    parts = [
        replace(whole, n=1, b_address=right.address + n * right.stride, c_address=sums.address + 4 * n)
        for n in range(300)
    ]
    doorbells = []
    write = chip.device.write_register

    def seen(offset, value):
        doorbells.append((offset, value))
        write(offset, value)

    with chip.program(parts) as program:
        chip.device.write_register = seen
        try:
            program.run()
        finally:
            del chip.device.write_register
    assert [value for offset, value in doorbells if offset == 0x50] == [300]
    assert (sums.numpy() == golden.matmul(a, b)).all()


def test_the_c_driver_runs_the_same_descriptors_again(chip, tmp_path):
    a, b = rows(20, 16, 7), rows(6, 16, 8)
    left, right, sums = chip.array(a), chip.array(b), chip.empty((20, 6), np.int32)
    product = replace(chip.descriptor(left, right, sums), m=0).refer(m=2, a_address=0, c_address=1)
    driver, ticket = CDriver(chip.driver, compile_driver(CONFIG, tmp_path)), ctypes.c_uint32()
    assert driver.chip.limits.variables == 4

    def values(m, first):
        return (ctypes.c_uint32 * 3)(first * left.stride, first * sums.stride, m)

    assert driver.call("set_variables", values(3, 2), ctypes.c_size_t(5)) == ARGUMENT
    assert driver.call("set_variables", values(3, 2), ctypes.c_size_t(3)) == OK
    assert driver.call("submit", packed([product]), ctypes.c_size_t(1), ctypes.byref(ticket)) == OK
    assert driver.wait(ticket.value, 100_000) == OK
    assert (sums.numpy()[2:5] == golden.matmul(a[2:5], b)).all()
    for m, first in ((1, 19), (20, 0)):
        count, three = ctypes.c_size_t(1), ctypes.c_size_t(3)
        assert driver.call("repeat", count, values(m, first), three, ctypes.byref(ticket)) == OK
        assert driver.wait(ticket.value, 100_000) == OK
        assert (sums.numpy()[first : first + m] == golden.matmul(a[first : first + m], b)).all()
    for count, variables in ((0, 3), (driver.entries + 1, 3), (1, 5)):
        sizes = ctypes.c_size_t(count), values(1, 1), ctypes.c_size_t(variables)
        assert driver.call("repeat", *sizes, ctypes.byref(ticket)) == ARGUMENT
    chip.driver.soft_reset()
