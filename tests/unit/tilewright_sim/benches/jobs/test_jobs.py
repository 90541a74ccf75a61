"""Random descriptors: what they take from memory, what they leave, and what is wrong with wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
from unit.tilewright_sim.benches.jobs.owner import BLOCKS, Owner

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.benches.jobs import Author, faults, kinds_with, matrix, somewhere
from tilewright_sim.models import ConvolutionLayout, Records, convolution

CONFIGS = {
    "nano": AcceleratorConfig.preset("nano"),
    "unaligned": AcceleratorConfig.preset("nano", unaligned=True, addr_bits=40),
    "narrow": AcceleratorConfig.preset(
        "nano", addr_bits=16, size_bits=8, stride_bits=12, panel_words=64, ring_words=64, long_chunk_words=4, acc_rows=8
    ),
}


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
        assert replace(job.descriptor, **fields).pack()


@pytest.mark.parametrize("kind", ["plain", "bias", "requant", "accumulate"])
def test_a_result_that_should_not_fit_goes_past_the_last_address(owner, kind):
    job = Author(owner).job(kind=kind, alone=True)
    for code, unit, fields in faults(job):
        if (code, unit) == ("WRAPPED", "STORE_C"):
            bad = replace(job, descriptor=replace(job.descriptor, **fields))
            assert max(bad.result_addresses()) >= 1 << job.config.addr_bits


@pytest.mark.parametrize("name", BLOCKS)
def test_a_product_of_block_formats_is_what_the_real_values_say(name):
    owner = Owner(BLOCKS[name], 1)
    author = Author(owner)
    met, right = set(), 0
    for _ in range(40):
        author.clear()
        job = author.job(alone=True)
        d, forms = job.descriptor, job.forms
        met.add(forms[1].name)
        places = ((d.a_address, d.a_stride, d.m), (d.b_address, d.b_stride, d.n))
        values = [
            Records(form, d.k, matrix(owner.image, *place, form.row_bytes(d.k), np.uint8)).blocks().values()
            for form, place in zip(forms, places, strict=True)
        ]
        k = min(x.shape[1] for x in values)  # int8 ends with its last element
        a, b = (x[:, :k] for x in values)
        before = bytes(owner.image)
        job.apply(owner.image)
        if not owner.config.makes_floats(d.b_format):
            assert [form.name for form in forms] == ["int8", "int8"]
            if not any(map(job.flag, ("BIAS", "REQUANT", "ACCUMULATE"))):
                assert np.array_equal(matrix(owner.image, d.c_address, d.c_stride, d.m, d.n, np.int32), a @ b.T)
            right += d.m * d.n
            continue
        got = matrix(owner.image, d.c_address, d.c_stride, d.m, d.n, np.float32).astype(np.float64)
        with np.errstate(invalid="ignore"):
            want, most = a @ b.T, abs(a) @ abs(b).T
        fine = np.isfinite(want) & (most < 1e38)
        assert np.array_equal(np.isnan(want), np.isnan(got))
        assert np.all(abs(got - want)[fine] <= 2**-20 * most[fine] + 2**-148)
        right += np.count_nonzero(fine & (want != 0))
        changed = {at for at in range(len(before)) if before[at] != owner.image[at]}
        assert changed <= job.result_addresses()
    assert met == set(owner.config.b_formats)
    assert right > 1000


def test_only_products_of_int8_beside_block_formats_have_an_epilogue():
    author, met = Author(Owner(BLOCKS["int8 beside"], 1)), set()
    for _ in range(60):
        author.clear()
        job = author.job(alone=True)
        flags = {name for name in ("REQUANT", "BIAS", "ACCUMULATE") if job.flag(name)}
        met |= {(name, job.forms[1].name) for name in flags or {"none"}}
        units = {unit for _, unit, _ in faults(job)}
        assert ("PARAMETERS" in units) == (job.forms[1].name == "int8")
    assert met == {(name, "int8") for name in ("none", "REQUANT", "BIAS", "ACCUMULATE")} | {
        ("none", "q4_1"), ("none", "q8_0")
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BLOCKS if not BLOCKS[name].integers])
def test_with_block_formats_c_is_float32_alone(name):
    owner = Owner(BLOCKS[name], 1)
    author = Author(owner)
    assert [unit for unit in ("LOAD_A", "PARAMETERS", "LOAD_C", "STORE_C") if kinds_with(author, unit)] == [
        "LOAD_A", "STORE_C"
    ]  # fmt: skip
    for _ in range(20):
        author.clear()
        assert not any(author.job().flag(name) for name in ("REQUANT", "BIAS", "ACCUMULATE"))
    assert {unit for _, unit, _ in faults(author.job(alone=True))} == {"DESCRIPTOR", "LOAD_A", "LOAD_B", "STORE_C"}


@pytest.mark.parametrize("name", BLOCKS)
def test_results_of_earlier_products_are_read_as_whole_records(name):
    author = Author(Owner(BLOCKS[name], 1))
    found = set()
    for _ in range(30):
        author.clear()
        for _ in range(8):
            rows = {old.descriptor.c_address: old for old in author.done}
            job = author.job()
            for letter, form in zip("ab", job.forms, strict=True):
                old = rows.get(getattr(job.descriptor, f"{letter}_address"))
                if old:
                    found.add(letter)
                    assert job.flag(f"FENCE_{letter.upper()}")
                    assert form.row_bytes(job.descriptor.k) <= old.row_bytes
    assert found == {"a", "b"}
