"""What the bound assertions make of references to variables."""

from dataclasses import replace

import pytest
from unit.tilewright_sim.benches.beside.descriptors import judged
from unit.tilewright_sim.benches.jobs.owner import VARIABLES, Owner

from tilewright.accelerator.registers import ERRORS
from tilewright_sim.benches.jobs import Author, faults


@pytest.mark.parametrize("name", VARIABLES)
def test_what_is_random_is_legal_and_each_fault_is_told(name, tmp_path):
    config = VARIABLES[name]
    for seed in range(3):
        author = Author(Owner(config, seed))
        good = [author.job(alone=True) for _ in range(12)]
        bad = [(job, fault) for kind in {"plain", author.kinds[-1]} for job in [author.job(kind=kind, alone=True)]
               for fault in faults(job)]  # fmt: skip
        descriptors = [job.stored() for job in good]
        descriptors += [replace(job.descriptor, **fields) for job, (_, _, fields) in bad]
        wanted = [0] * len(good) + [ERRORS[code][0] for _, (code, _, _) in bad]
        assert [code for code, _ in judged(config, descriptors, tmp_path, author.variables)] == wanted
        if any(job.references for job in good):
            others = [value ^ 0xFFFF_0000 for value in author.variables]
            assert [code for code, _ in judged(config, descriptors, tmp_path, others)] != wanted
