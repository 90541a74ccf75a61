"""The comparison of results with the golden model sees one wrong bit; that of block products takes NaN for NaN."""

import numpy as np
import pytest

from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.host import check_block_result, check_vector_result
from tilewright_sim.models import Records, blocks, vector
from tilewright_sim.models.block_gemm import block_gemm


def operand(name, rows, k, seed):
    rng = np.random.default_rng(seed)
    if name == "int8":
        return rng.integers(-128, 128, (rows, k), dtype=np.int8)
    return Records.of(rng.standard_normal((rows, k), np.float32), FORMATS[name])


@pytest.mark.parametrize("a_format", ["q8_e5m3", "int8"])
def test_one_wrong_bit_is_told_with_its_place(a_format, monkeypatch):
    monkeypatch.setattr("tilewright_sim.host.check._CHUNK", 12)  # three rows at a time
    a, b = operand(a_format, 7, 64, 1), operand("q4_1", 4, 64, 2)
    left = a.blocks() if isinstance(a, Records) else blocks.unpack(a.view(np.uint8), FORMATS["int8"])
    c = block_gemm(left, b.blocks())
    check_block_result(c, a, b)
    c.view(np.uint32)[5, 2] ^= 1
    with pytest.raises(TilewrightError, match=r"1 of 12 results differ from the golden model's, the first at \[5, 2\]"):
        check_block_result(c, a, b)


def test_nan_equals_nan_alone():
    a, b = operand("q8_e5m3", 2, 32, 1), operand("q8_0", 2, 32, 2)
    b.rows[1, :2] = 0x7C00 & 255, 0x7C00 >> 8
    c = block_gemm(a.blocks(), b.blocks())
    assert np.isnan(c[:, 1]).all()
    check_block_result(c, a, b)
    c[0, 1] = 0
    with pytest.raises(TilewrightError, match="instead of nan"):
        check_block_result(c, a, b)


@pytest.mark.parametrize(("operation", "kind"), [("SOFTMAX", np.float32), ("SOFTMAX", np.uint16), ("ARGMAX", np.int32)])
def test_one_wrong_bit_of_a_vector_operation_is_told_with_its_place(operation, kind, monkeypatch):
    """In any part of the rows; the limit of a causal softmax goes on from part to part. A zero's sign is a bit, too."""
    monkeypatch.setattr("tilewright_sim.host.check._CHUNK", 16)  # three rows at a time
    x = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    choices = {"scalar": 0.5, "limit": 1, "causal": True, "window": 3} if operation == "SOFTMAX" else {}
    scalar = choices.pop("scalar", 0.0)
    c = vector.run(operation, x, None, scalar, **choices)
    c = vector.to_bf16(c) if kind == np.uint16 else c
    check_vector_result(c, operation, x, scalar=scalar, **choices)
    c[6] = -c[6] if kind == np.float32 else c[6] ^ 1
    with pytest.raises(TilewrightError, match=r"results differ from the golden model's, the first at \[6, 0\]"):
        check_vector_result(c, operation, x, scalar=scalar, **choices)
