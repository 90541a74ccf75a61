"""Rows of records: their values are those of another library, and quantization keeps its bounds."""

import gguf
import ml_dtypes
import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from tilewright.base import TilewrightError
from tilewright.formats import E4M3, E8M0, FORMATS, FP16, UE5M3, BlockFormat, minifloat
from tilewright_sim.models import blocks

BLOCKS = {name: form for name, form in FORMATS.items() if form.scale.bits}
OF_GGUF = ("q8_0", "q4_0", "q4_1", "mxfp4")
MORE = BlockFormat("mxfp6_e3m2", minifloat("E3M2", 3, 2), E8M0)


def draw(rows, k, seed=0):
    """Floats whose blocks have magnitudes from 2**-8 to 2**8, and some zeros."""
    rng = np.random.default_rng(seed)
    magnitudes = np.exp2(rng.uniform(-8, 8, (rows, -(-k // 32), 1))).repeat(32, axis=2).reshape(rows, -1)[:, :k]
    values = rng.normal(size=(rows, k)) * magnitudes
    return np.where(rng.random((rows, k)) < 0.05, 0, values).astype(np.float32)


@pytest.mark.parametrize("name", OF_GGUF)
def test_blocks_of_a_gguf_file_have_the_values_of_its_library(name):
    kind = GGMLQuantizationType[name.upper()]
    data = quants.quantize(draw(20, 256), kind)
    assert np.array_equal(blocks.unpack(data, FORMATS[name]).values(), quants.dequantize(data, kind))


@pytest.mark.skipif(not hasattr(quants, "NVFP4"), reason=f"gguf {gguf.__name__} does not know NVFP4")
def test_nvfp4_blocks_have_the_values_of_gguf():
    data = np.random.default_rng(1).integers(0, 256, (20, 4, 36), dtype=np.uint8)
    data[..., :4] = np.minimum(data[..., :4] & 0x7F, 0x7E)
    data = data.reshape(20, -1)
    found = blocks.unpack(data, FORMATS["nvfp4"]).values()
    assert np.array_equal(found, quants.dequantize(data, GGMLQuantizationType.NVFP4))


@pytest.mark.parametrize("form", [*BLOCKS.values(), MORE], ids=lambda form: form.name)
def test_what_is_packed_is_unpacked(form):
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 1 << form.element.bits, (5, 4 * form.blocks, form.block))
    scales, minimums = rng.integers(0, 1 << form.scale.bits, (2, 5, 4 * form.blocks))
    found = blocks.unpack(blocks.pack(form, codes, scales, minimums if form.minimum else None), form)
    assert np.array_equal(found.integers, np.array(form.element.values)[codes])
    for part, wanted in ((found.scale, scales), (found.minimum, minimums if form.minimum else None)):
        expected = None if wanted is None else blocks.Scales.of(wanted, form.scale).values(form.scale)
        assert (part is None) == (expected is None)
        assert part is None or np.array_equal(part.values(form.scale), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("form", "kind"), [(FP16, np.float16), (E8M0, ml_dtypes.float8_e8m0fnu), (E4M3, ml_dtypes.float8_e4m3fn)]
)
def test_every_scale_has_the_value_of_another_library(form, kind):
    codes = np.arange(1 << form.bits, dtype=np.uint16 if form is FP16 else np.uint8)
    with np.errstate(invalid="ignore"):
        values = codes.view(kind).astype(float)
    found = blocks.Scales.of(codes, form).values(form)
    assert np.array_equal(found, np.where(np.isfinite(values), values, np.nan), equal_nan=True)


def test_ue5m3_is_binary16_without_sign_and_with_seven_bits_less():
    codes = np.arange(255, dtype=np.uint16)
    found = blocks.Scales.of(codes, UE5M3).values(UE5M3)
    assert np.array_equal(found[:248], (codes[:248] << 7).view(np.float16).astype(float))
    assert np.array_equal(found[248:], 65536 * (1 + np.arange(7) / 8))
    assert np.isnan(blocks.Scales.of(np.array([255]), UE5M3).values(UE5M3))


# Of the largest magnitude of the block: half a step of the largest elements, and for scales what they are off.
ERRORS = {"q8_0": 0.0045, "q8_e5m3": 0.0045, "q4_0": 0.14, "q4_1": 0.07, "mxint8": 0.016, "mxfp6_e2m3": 0.07,
          "mxfp4": 0.26, "nvfp4": 0.18, "mxfp6_e3m2": 0.13}  # fmt: skip


@pytest.mark.parametrize("form", [*BLOCKS.values(), MORE], ids=lambda form: form.name)
@pytest.mark.parametrize("k", [576, 33])
def test_quantized_values_are_near(form, k):
    x = draw(30, k, seed=k)
    data = blocks.quantize(x, form)
    assert data.shape == (30, form.row_bytes(k))
    values = blocks.unpack(data, form).values()
    padded = np.zeros_like(values)
    padded[:, :k] = x
    by_block = padded.reshape(30, -1, form.block)
    reach = np.abs(by_block).max(axis=-1, keepdims=True)
    if form.minimum:
        reach = by_block.max(axis=-1, keepdims=True) - by_block.min(axis=-1, keepdims=True).clip(None, 0)
    errors = np.abs(values.reshape(by_block.shape) - by_block)
    usual = reach > 2.0**-5  # below the least normal scale of some formats there are fewer bits
    assert np.all((errors <= ERRORS[form.name] * reach)[np.broadcast_to(usual, errors.shape)])
    assert errors.max() > ERRORS[form.name] / 4 * reach[errors.max(axis=-1, keepdims=True) > 0].min()
    if not form.minimum:
        assert np.all(values[:, k:] == 0)


def test_zeros_stay_zeros_and_bad_values_are_refused():
    for form in BLOCKS.values():
        assert not blocks.unpack(blocks.quantize(np.zeros((2, 64), np.float32), form), form).values().any()
    with pytest.raises(TilewrightError, match="not finite: q4_1 cannot hold them"):
        blocks.quantize(np.array([[np.inf]], np.float32), FORMATS["q4_1"])
    with pytest.raises(TilewrightError, match=r"a block needs the scale 7.87e\+07: q8_0 has at most 6.55e\+04"):
        blocks.quantize(np.array([[1e10]], np.float32), FORMATS["q8_0"])
    with pytest.raises(ValueError, match="33 bytes are not whole records of 34"):
        blocks.unpack(np.zeros((1, 33), np.uint8), FORMATS["q8_0"])
