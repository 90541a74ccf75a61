"""Random descriptors: what they take from memory, what they leave, and what is wrong with wrong ones."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.benches.jobs import Author, Job, Space, faults, somewhere
from tilewright_sim.models import ConvolutionLayout, convolution

CONFIGS = {
    "nano": AcceleratorConfig.preset("nano"),
    "unaligned": AcceleratorConfig.preset("nano", unaligned=True, addr_bits=40),
    "narrow": AcceleratorConfig.preset(
        "nano", addr_bits=16, size_bits=8, stride_bits=12, panel_words=64, ring_words=64, long_chunk_words=4, acc_rows=8
    ),
}


class Owner:
    """A memory in Python."""

    def __init__(self, config, seed):
        self.config, self.chance, self.space = config, random.Random(seed), Space(config, 12, config.size_limit)
        self.image = bytearray(self.chance.randbytes(self.space.size))

    def put(self, address, data):
        self.image[address : address + len(data)] = data

    def entry(self, index):
        return self.space.ring + 64 * index


@pytest.fixture(params=[(name, seed) for name in CONFIGS for seed in range(3)], ids=str)
def owner(request):
    name, seed = request.param
    return Owner(CONFIGS[name], seed)


def test_a_job_changes_its_result_alone_and_to_what_numpy_says(owner):
    author = Author(owner)
    for _ in range(6):
        job = author.job(kind="plain", alone=True)
        d = job.descriptor
        a, b = (
            np.array([list(owner.image[at + row * stride :][: d.k]) for row in range(rows)], np.uint8).astype(np.int8)
            for at, stride, rows in ((d.a_address, d.a_stride, d.m), (d.b_address, d.b_stride, d.n))
        )
        before = bytes(owner.image)
        job.apply(owner.image)
        for row, values in enumerate(a.astype(np.int64) @ b.astype(np.int64).T):
            at = d.c_address + row * d.c_stride
            assert np.array_equal(np.frombuffer(owner.image[at : at + 4 * d.n], "<i4"), values)
        changed = {at for at in range(len(before)) if before[at] != owner.image[at]}
        assert changed <= job.result_addresses()


def test_a_convolution_is_what_the_model_makes_of_its_image():
    owner = Owner(AcceleratorConfig.preset("nano", convolution=True), 1)
    author = Author(owner)
    for _ in range(12):
        author.clear()
        while not (job := author.job(alone=True)).flag("CONVOLUTION") or job.flag("REQUANT") or job.flag("BIAS"):
            author.clear()
        d, g = job.descriptor, job.geometry(owner.image)
        shape = (g.height, g.width, g.channels)
        image = np.array([
            list(owner.image[d.a_address + y * d.a_stride :][: g.width * g.channels]) for y in range(g.height)
        ])
        layout = ConvolutionLayout(owner.config, g)
        b = np.array([list(owner.image[d.b_address + row * d.b_stride :][: d.k]) for row in range(d.n)])
        image, b = (values.astype(np.uint8).astype(np.int8) for values in (image, b))
        want = convolution.products(layout, image.reshape(shape), b)
        job.apply(owner.image)
        for row, values in enumerate(want):
            at = d.c_address + row * d.c_stride
            assert np.array_equal(np.frombuffer(owner.image[at : at + 4 * d.n], "<i4"), values)


def test_jobs_that_stand_alone_share_no_result(owner):
    author = Author(owner)
    results = [author.job(alone=True).result_addresses() for _ in range(8)]
    assert len(set().union(*results)) == sum(map(len, results))


def test_the_place_of_a_failure_is_one_that_the_unit_touches(owner):
    author = Author(owner)
    job = author.job(kind="requant", alone=True)
    job.index = 3
    d = job.descriptor
    for _ in range(20):
        assert owner.entry(3) <= somewhere(owner, job, "DESCRIPTOR") < owner.entry(4)
        assert d.a_address <= somewhere(owner, job, "LOAD_A") < d.a_address + (d.m - 1) * d.a_stride + d.k
        assert d.parameter_address <= somewhere(owner, job, "PARAMETERS") < d.parameter_address + 3 * job.pitch
        assert somewhere(owner, job, "STORE_C") in job.result_addresses()


def test_each_fault_has_a_code_of_the_table_and_fits_a_descriptor(owner):
    job = Author(owner).job(kind="plain", alone=True)
    found = faults(job)
    assert {"VERSION", "FLAGS", "SIZE", "WRAPPED"} <= {code for code, _, _ in found} <= set(ERRORS)
    for _, _, fields in found:
        assert Job(owner.config, replace(job.descriptor, **fields)).descriptor.pack()
