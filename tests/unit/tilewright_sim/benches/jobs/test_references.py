"""Random references to variables: they stand for what the descriptor says, and wrong ones for nothing."""

from collections import Counter

import pytest
from unit.tilewright_sim.benches.jobs.owner import VARIABLES, Owner

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REFERABLE
from tilewright_sim.benches.jobs import Author, Product, VectorJob, faults, spoiled


@pytest.mark.parametrize("base", [0, 0xFFF0_0000])
@pytest.mark.parametrize("name", VARIABLES)
def test_what_lies_in_memory_refers_to_the_values_of_the_descriptor(name, base):
    config = VARIABLES[name]
    author = Author(Owner(config, 1, base))
    fields, kinds, values = Counter(), set(), set()
    for _ in range(120):
        author.clear()
        for _ in range(6):
            job = author.job()
            assert len(job.variables) == config.variables
            stored = job.stored(base)
            assert stored.references() == job.references
            assert stored.resolve(job.variables) == job.descriptor.moved(base)
            assert len(stored.pack()) == 64
            fields.update(job.references)
            kinds.add(type(job))
            values |= {job.variables[number] for number in job.references.values()}
    assert set(fields) == set(REFERABLE)
    assert min(fields.values()) > 8
    assert kinds == {Product, *([VectorJob] if config.vector_lanes else [])}
    assert 0 in values
    assert any(0 < value < 17 for value in values)
    assert max(values) > (1 << 24 if base else 1 << 10)


def test_variables_stay_until_the_memory_is_cleared():
    author = Author(Owner(VARIABLES["two"], 1))
    first = [author.job().variables for _ in range(5)]
    author.clear()
    assert set(first) == {first[0]} != {author.job().variables}


def test_a_spoiled_job_refers_to_nothing():
    author = Author(Owner(VARIABLES["two"], 1))
    while not (job := author.job()).references:
        author.clear()
    assert spoiled(job, m=3).stored().references() == {}


def test_nothing_is_referred_to_without_variables():
    author = Author(Owner(AcceleratorConfig.preset("nano"), 1))
    assert [author.job().references for _ in range(10)] == [{}] * 10
    assert not any("references" in str(fields) for *_, fields in faults(author.job(alone=True)))


@pytest.mark.parametrize("kind", ["plain", "vector"])
def test_wrong_references_are_faults_of_every_field(kind):
    author = Author(Owner(VARIABLES["vectors"], 1))
    while 0 not in author.variables:
        author.clear()
    job = author.job(kind=kind, alone=True)
    bad = Counter()
    for code, _, fields in faults(job):
        one = spoiled(job, **fields).descriptor
        for name in one.references():
            bad[name, code] += 1
    wanted = set(REFERABLE) - ({"b_address"} if kind == "vector" else set())
    assert {(name, "SIZE") for name in wanted} == set(bad)
    assert all(count == (4 if name in "mnk" else 3) for (name, _), count in bad.items())
