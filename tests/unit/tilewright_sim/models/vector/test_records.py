"""Records made by lane operations: those of the quantizer, what is not finite, the bits of a rounded scale."""

import numpy as np
import pytest

from tilewright.accelerator.vector import RecordFormat
from tilewright.formats import FORMATS
from tilewright_sim.models import blocks, vector

FORMS = [RecordFormat.of(FORMATS[name]) for name in ("q8_0", "q8_e5m3")]
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.form.name)


@each_form
def test_records_are_those_of_the_quantizer(form):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 300)) * np.exp2(rng.integers(-18, 12, (60, 1)))
    x = x.astype(np.float32)
    assert (vector.to_records(x, form) == blocks.quantize(x, form.form)).all()


@each_form
def test_a_scale_that_is_in_the_format_is_kept(form):
    kind = form.form.scale
    codes = np.arange(1, (1 << kind.exponent_bits + kind.mantissa_bits) - kind.invalid)
    scales = blocks.Scales.of(codes, kind).values(kind)
    found = blocks.codes_of(vector.to_records((scales[:, None] * 127).astype(np.float32), form), form.form)[1][:, 0]
    assert (found - codes).min() >= 0  # 127 * scale is rounded
    assert (found - codes).max() <= 1
    assert np.mean(found == codes) > 0.5


@each_form
def test_what_cannot_be_held_saturates_and_nan_marks_its_block(form):
    x = np.zeros((4, 64), np.float32)
    x[0, 3], x[1, 3], x[2, 40], x[3, :2] = np.inf, -3e38, np.nan, (1e-30, -0.0)
    codes, scales, _ = blocks.codes_of(vector.to_records(x, form), form.form)
    kind = form.form.scale
    largest = blocks.Scales.of(scales[:2, :1], kind).values(kind)
    assert (largest == form.largest).all()
    assert codes[0, 0, 3] == 127
    assert codes[1, 0, 3] == 256 - 127
    assert blocks.Scales.of(scales[2:3], kind).invalid.tolist() == [[False, True]]
    assert scales[3].tolist() == [1, 1]
    assert not codes[3].any()


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {form.form.name for form in FORMS}))
def test_other_formats_of_a_have_no_records(name):
    assert RecordFormat.of(FORMATS[name]) is None
