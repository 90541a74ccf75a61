"""Matrices as records: their rows, values and sizes."""

import numpy as np
import pytest
from unit.tilewright_sim.models.test_blocks import draw

from tilewright.formats import E8M0, FORMATS
from tilewright_sim.models import Records, blocks, records

BLOCKS = [form for form in FORMATS.values() if form.scale.bits]


@pytest.mark.parametrize("form", BLOCKS, ids=lambda form: form.name)
def test_values_are_those_of_the_blocks_whatever_is_dequantized_at_once(form, monkeypatch):
    x = draw(7, 80, 3)
    monkeypatch.setattr(records, "_CHUNK", 200)
    found = Records.of(x, form)
    assert found.shape == (7, 80)
    assert found.rows.tobytes() == blocks.quantize(x, form).tobytes()
    assert found.values.dtype == np.float32
    assert np.array_equal(found.values, found.blocks().values()[:, :80].astype(np.float32))
    assert np.array_equal(found.take([5, 0, 5]).values, found.values[[5, 0, 5]])


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="66 bytes: 31 elements of q8_0 take 34"):
        Records(FORMATS["q8_0"], 31, np.zeros((2, 66), dtype=np.uint8))


@pytest.mark.parametrize(("scale", "value"), [(255, np.nan), (254, np.inf)])
def test_values_that_are_no_floats_are_told_apart(scale, value):
    """6 times the largest power of two is too large for a float32."""
    assert FORMATS["mxfp4"].scale is E8M0
    codes = np.zeros((1, 1, 32), dtype=np.int64)
    codes[0, 0, 0] = 7
    rows = blocks.pack(FORMATS["mxfp4"], codes, np.array([[scale]]))
    assert np.array_equal(Records(FORMATS["mxfp4"], 32, rows).values[0, 0], value, equal_nan=True)


def test_rows_of_a_format_with_few_scales_are_normalized():
    """Each row's largest magnitude takes one of the largest scales; the factor is a power of two."""
    form, x = FORMATS["nvfp4"], draw(9, 128, 4)
    x[1:] *= np.exp2(np.linspace(-40, 40, 8, dtype=np.float32))[:, None]
    x[2] = 0
    found = Records.normalized(x, form)
    largest = found.blocks().scale.values(form.scale).max(axis=1)
    assert np.all((largest >= 160) & (largest <= 448) | (np.arange(9) == 2))
    wanted = blocks.unpack(blocks.quantize(x / np.exp2(found.exponents[:, None]), form), form).values()
    assert np.array_equal(found.values, wanted * np.exp2(found.exponents[:, None].astype(float)))
    assert np.array_equal(found.take([3, 0]).values, found.values[[3, 0]])
    assert np.all(np.abs(found.values - x) <= np.abs(x).max(axis=1, keepdims=True) / 4)


@pytest.mark.parametrize("form", [form for form in BLOCKS if form.name != "nvfp4"], ids=lambda form: form.name)
def test_rows_of_other_formats_are_not(form):
    x = draw(3, 64, 5)
    found = Records.normalized(x, form)
    assert found.exponents is None
    assert found.rows.tobytes() == blocks.quantize(x, form).tobytes()
