"""Programs on a model of the registers: whose ring is in use, and what happens when something ends early."""

import threading

import numpy as np
import pytest
from support.fake_device import FakeDevice

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import Runtime
from tilewright_sim.models import gemm as golden

CONFIG = AcceleratorConfig.preset("nano").replace(panel_words=64, ring_words=64, variables=3)


@pytest.fixture
def device():
    return FakeDevice(CONFIG)


@pytest.fixture
def chip(device):
    return Runtime(device, CONFIG, ring_log2=2)


class Product:
    """A product in the device's memory, whose number of rows is variable 1."""

    def __init__(self, chip, seed=1):
        rng = np.random.default_rng(seed)
        self.a, self.b = (rng.integers(-128, 128, (rows, 12), dtype=np.int8) for rows in (6, 5))
        self.c = chip.empty((6, 5), np.int32)
        self.c.write(np.zeros((6, 5), np.int32))
        self.whole = chip.descriptor(chip.array(self.a), chip.array(self.b), self.c)
        self.referring = type(self.whole)(**{**vars(self.whole), "m": 0}).refer(m=1)

    def check(self, rows):
        assert (self.c.numpy()[:rows] == golden.matmul(self.a, self.b)[:rows]).all()
        assert not self.c.numpy()[rows:].any()


def test_values_may_be_numpys(chip):
    product = Product(chip)
    with chip.program([product.referring]) as program:
        program.run(np.array([0, 4]))
    product.check(4)


@pytest.mark.parametrize("values", [[0], [0, -1], [0, 2.0], [0, True], [0, 1 << 32], [0, 1, 2, 3], [0, "1"]], ids=str)
def test_other_values_are_refused_before_anything_is_written(chip, device, values):
    product = Product(chip)
    with chip.program([product.referring]) as program:
        before = dict(device.registers)
        for run in (lambda: program.run(values), lambda: chip.submit(product.referring, variables=values)):
            with pytest.raises(TilewrightError, match="variable"):
                run()
        assert device.registers == before
        program.run([0, 2])
    product.check(2)


def test_a_descriptor_does_not_run_with_what_a_variable_was_before(chip):
    product = Product(chip)
    chip.submit(product.referring, variables=[0, 3])
    with pytest.raises(TilewrightError, match="0 variables: the descriptors refer to 2"):
        chip.submit(product.referring)
    product.check(3)


@pytest.mark.parametrize("writes", range(1, 9))
def test_an_interruption_while_a_ring_is_chosen_leaves_the_next_run_right(chip, device, writes, monkeypatch):
    """At each write to a register: the first eight choose the ring of the program and set its variables."""
    product = Product(chip)
    left = writes
    write = FakeDevice.write_register

    def interrupted(self, offset, value):
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        write(self, offset, value)

    program = chip.program([product.referring])
    with monkeypatch.context() as patched:
        patched.setattr(FakeDevice, "write_register", interrupted)
        with pytest.raises(KeyboardInterrupt):
            program.run([0, 5])
    assert (chip.gemm(product.a, product.b).c == golden.matmul(product.a, product.b)).all()
    program.run([0, 1])
    product.check(1)


def test_a_program_cannot_be_closed_while_it_runs(chip, device):
    product, said = Product(chip), []

    def close(done, cycles):
        try:
            program.close()
        except TilewrightError as error:
            said.append(str(error))

    program = chip.program([product.referring] * 4)
    run = program.run([0, 6], progress=close)
    assert run.cycles > 0
    assert set(said) == {"a run is in progress: close the program when it has ended"}
    product.check(6)
    free = chip.allocator.free_bytes
    program.close()
    program.close()
    assert chip.allocator.free_bytes == free + 64 * 4
    with pytest.raises(TilewrightError, match="closed"):
        program.run([0, 1])


def test_a_program_that_was_closed_while_its_run_waited_does_not_run(chip):
    product = Product(chip)
    program, errors = chip.program([product.referring]), []

    def late():
        try:
            program.run([0, 6])
        except TilewrightError as error:
            errors.append(str(error))

    with chip._turn:
        waiting = threading.Thread(target=late)
        waiting.start()
        waiting.join(0.2)
        program.close()
    waiting.join()
    assert errors == ["the program is closed"]
    product.check(0)


def test_what_cannot_be_packed_takes_no_memory(chip):
    product = Product(chip)
    free = chip.allocator.free_bytes
    for changes in ({"m": -1}, {"m": 1 << 33}, {"a_address": 1 << 64}):
        with pytest.raises(ValueError, match="does not fit"):
            chip.program([type(product.whole)(**{**vars(product.whole), **changes})])
    assert chip.allocator.free_bytes == free
