"""What the bound assertions take for legal of a vector descriptor is what the decoder takes."""

import pytest
from unit.tilewright.accelerator.frontend.test_vector_check import BAD, CONFIGS, FINE, TO_RECORDS, changed
from unit.tilewright_sim.benches.beside.descriptors import judged

from tilewright.accelerator.contract import WITH_Y, ElementType
from tilewright.accelerator.registers import ERRORS


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
