"""A folder with models, most of which have something wrong."""

import numpy as np
import pytest
from support import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tiny_llama.write_gguf(folder / "tiny.gguf")
    tiny_llama.write_gguf(folder / "mamba.gguf", general__architecture="mamba")
    tiny_llama.write_gguf(folder / "blocks.gguf", kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"})
    tiny_llama.write_gguf(folder / "window.gguf", llama__attention__sliding_window=24)
    tiny_llama.write_gguf(folder / "yarn.gguf", llama__rope__scaling__type="yarn")
    spm = tiny_llama.pieces() | {"tokenizer.ggml.model": "llama", "tokenizer.ggml.eos_token_id": 2}
    tiny_llama.write_gguf(folder / "spm.gguf", **spm, tokenizer__chat_template=None)
    for name, value in (("nan", np.nan), ("large", 1e7)):
        up = {f"blk.{layer}.ffn_up.weight": np.full((160, 64), value, np.float32) for layer in range(2)}
        tiny_llama.write_gguf(folder / f"{name}.gguf", kinds={}, tensors=tiny_llama.weights() | up)
    (folder / "text.gguf").write_text("text")
    (folder / "half.gguf").write_bytes((folder / "tiny.gguf").read_bytes()[:3000])
    (folder / "empty").mkdir()
    (folder / "latin.txt").write_bytes(b"\xff\xfe\xff")
    (folder / "short.txt").write_text("a")
    return folder
