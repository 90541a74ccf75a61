"""What the bound assertions take for legal of a vector descriptor is what the decoder takes."""

from dataclasses import replace

import pytest
from unit.tilewright.accelerator.frontend.test_vector_check import BAD, CONFIGS, FINE, TO_RECORDS, changed
from unit.tilewright_sim.benches.beside.descriptors import judged
from unit.tilewright_sim.benches.jobs.owner import VECTORS, Owner

from tilewright.accelerator.contract import WITH_Y, ElementType
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.benches.jobs import Author, faults


@pytest.mark.parametrize("name", CONFIGS)
def test_the_assertions_and_the_decoder_agree(name, tmp_path):
    config = CONFIGS[name]
    cases = [case for case in BAD if case[1] != "ALIGNMENT" or not config.unaligned]
    cases += [(change, "NONE", "") for change in FINE]
    records = [case for case in TO_RECORDS if case[0] == name]
    cases += [(change | {"c_type": ElementType.RECORDS}, code, "") for _, change, code in records]
    descriptors = [changed(config, change) for change, _, _ in cases]
    found = judged(config, descriptors, tmp_path)
    for (change, code, _), one, (got, reads) in zip(cases, descriptors, found, strict=True):
        assert got == ERRORS[code][0], change
        if code == "NONE":
            assert reads == 1 + 2 * (one.operation in WITH_Y), change


@pytest.mark.parametrize("name", VECTORS)
def test_what_is_random_is_legal_and_each_fault_is_told(name, tmp_path):
    author = Author(Owner(VECTORS[name], 1))
    good = [author.job(kind="vector", alone=True) for _ in range(8)]
    bad = faults(good[0])
    descriptors = [job.descriptor for job in good] + [replace(good[0].descriptor, **fields) for *_, fields in bad]
    wanted = [0] * len(good) + [ERRORS[code][0] for code, *_ in bad]
    assert [code for code, _ in judged(VECTORS[name], descriptors, tmp_path)] == wanted
