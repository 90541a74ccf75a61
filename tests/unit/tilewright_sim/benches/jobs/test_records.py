"""Random rows of block formats: of all magnitudes, and no numbers only where they are asked for."""

import random

import numpy as np
import pytest

from tilewright.formats import FORMATS
from tilewright_sim.benches.jobs import draw_codes, draw_records
from tilewright_sim.models.blocks import Scales, codes_of, unpack

SCALED = [form for form in FORMATS.values() if form.scale.bits]


@pytest.mark.parametrize("form", SCALED, ids=lambda form: form.name)
def test_scales_of_all_matrices_have_all_exponents_and_signs(form):
    rng = np.random.default_rng(1)
    found, spreads = set(), []
    for _ in range(400):
        codes, scales, minimums = draw_codes(rng, form, (2, 4, form.block))
        assert codes.shape == (2, 4, form.block)
        assert (minimums is None) == (not form.minimum)
        for part in (scales, *([] if minimums is None else [minimums])):
            parts = Scales.of(part, form.scale)
            assert not parts.invalid.any()
            some = parts.mantissa != 0
            found |= set(zip(np.sign(parts.mantissa[some]), parts.exponent[some], strict=True))
            spreads.append(np.ptp(parts.exponent))
    signs = (-1, 1) if form.scale.signed else (1,)
    assert found == {(sign, exponent) for sign in signs for exponent in form.scale.exponents}
    assert min(spreads) == 0
    assert max(spreads) > len(form.scale.exponents) // 2


@pytest.mark.parametrize("form", SCALED, ids=lambda form: form.name)
def test_some_matrices_have_scales_that_are_no_numbers(form):
    invalid = []
    for seed in range(60):
        rows = draw_records(random.Random(seed), form, 8, 100)
        assert rows.shape == (8, form.row_bytes(100))
        invalid.append(unpack(rows, form).scale.invalid.mean())
    assert 5 < np.count_nonzero(invalid) < 30
    assert max(invalid) < 0.5


def test_every_code_of_an_element_is_drawn():
    for form in SCALED:
        codes, _, _ = codes_of(draw_records(random.Random(1), form, 40, 256), form)
        assert set(codes.flat) == set(range(1 << form.element.bits))
