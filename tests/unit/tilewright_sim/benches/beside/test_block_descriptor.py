"""What the bound assertions take for legal of a product of block formats."""

import random
from dataclasses import replace

import pytest
from unit.tilewright_sim.benches.beside.descriptors import judged
from unit.tilewright_sim.benches.jobs.owner import BLOCKS, Owner

from tilewright.accelerator.registers import ERRORS
from tilewright_sim.benches.jobs import Author, faults


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_random_is_legal_and_each_fault_is_told(name, tmp_path):
    owner = Owner(BLOCKS[name], 1)
    author = Author(owner)
    good = [author.job(kind=kind, alone=True) for kind in author.kinds * 2]
    bad = [(code, replace(job.descriptor, **fields)) for job in good for code, _, fields in faults(job)]
    descriptors = [job.descriptor for job in good] + [descriptor for _, descriptor in bad]
    wanted = [0] * len(good) + [ERRORS[code][0] for code, _ in bad]
    assert [code for code, _ in judged(owner.config, descriptors, tmp_path)] == wanted


@pytest.mark.parametrize("name", BLOCKS)
def test_rows_are_whole_records_of_the_format_that_is_chosen(name, tmp_path):
    config = BLOCKS[name]
    job = Author(Owner(config, 1)).job(kind="plain", alone=True)
    top, word = 1 << config.addr_bits, 1 if config.unaligned else config.word_bytes
    descriptors, wanted = [], []
    for number in range(len(config.b_all)):
        for letter, of in zip("ab", config.operands(number), strict=True):
            for k in (9, 32, 33, random.Random(number).randrange(34, 64)):
                size = of.row_bytes(k)
                for beyond in (0, word):
                    at = top - -(-size // word) * word + beyond
                    one = replace(job.descriptor, m=1, n=1, k=k, b_format=number, **{f"{letter}_address": at})
                    descriptors.append(one)
                    wanted.append(ERRORS["WRAPPED" if beyond else "NONE"][0])
    assert [code for code, _ in judged(config, descriptors, tmp_path)] == wanted
