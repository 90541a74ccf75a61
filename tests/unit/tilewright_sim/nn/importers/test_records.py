"""The blocks of a file, byte for byte."""

import gguf
import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel, SafetensorsModel

BLOCKS = {"Q8_0", "Q4_0", "Q4_1", "MXFP4"}
KINDS = tiny_llama.KINDS | {"ffn_gate": "MXFP4", "ffn_down": "Q5_0"}


def test_blocks_are_the_bytes_that_were_written(tmp_path):
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds=KINDS))
    found = set()
    for name, values in tiny_llama.weights().items():
        kind, records = source.kind(name), source.records(name)
        assert (records is not None) == (kind in BLOCKS)
        if records is None:
            continue
        found.add(kind)
        assert records.form.name == kind.lower()
        assert records.shape == values.shape
        assert records.rows.tobytes() == gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind]).tobytes()
        assert np.array_equal(records.values, source.tensor(name))
    assert found == BLOCKS


def test_rows_of_heads_are_moved_whole_as_those_of_tensors_are(tmp_path):
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", tiny_llama.QWEN3, {"attn": "Q4_1"}))
    for part, moved in (("attn_q", True), ("attn_k", True), ("attn_v", False)):
        name = f"blk.0.{part}.weight"
        rows = source.records(name).rows
        written = gguf.quants.quantize(tiny_llama.weights(tiny_llama.QWEN3)[name], gguf.GGMLQuantizationType.Q4_1)
        assert np.array_equal(source.records(name).values, source.tensor(name))
        assert sorted(map(bytes, rows)) == sorted(map(bytes, written))
        assert (rows.tobytes() != written.tobytes()) == moved


def test_nvfp4_blocks_are_read(tmp_path):
    """By hand: codes of 6 (element 4) at the scale 1.5."""
    record = np.frombuffer(bytes([0x3C] * 4 + [0x66] * 32), dtype=np.uint8)
    raw = np.tile(record, (tiny_llama.CONFIG.ffn, 1))
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds={"ffn_up": "NVFP4"}, raw=raw))
    records = source.records("blk.1.ffn_up.weight")
    assert (records.form.name, records.shape) == ("nvfp4", (160, 64))
    assert np.array_equal(records.values, np.full((160, 64), 6.0, np.float32))


def test_a_scale_that_is_no_number_is_refused(tmp_path):
    raw = gguf.quants.quantize(tiny_llama.weights()["blk.0.ffn_up.weight"], gguf.GGMLQuantizationType.Q4_1)
    raw[7, 20:22] = (0x00, 0x7E)  # NaN in binary16, of the second block
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds={"ffn_up": "Q4_1"}, raw=raw))
    with pytest.raises(TilewrightError, match=r"blk\.1\.ffn_up\.weight has elements that are not finite numbers"):
        source.records("blk.1.ffn_up.weight")


def test_safetensors_have_floats_and_no_blocks(tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf")
    source = SafetensorsModel(tiny_llama.write_safetensors(tmp_path / "published", GgufModel(path)))
    assert source.kind("blk.0.attn_q.weight") == "F32"
    assert source.records("blk.0.attn_q.weight") is None
