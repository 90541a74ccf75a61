"""The small model of the tests, as a file, as its source and quantized."""

import pytest
from support import tiny_llama

from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm.int8.quantize import quantize_model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def source(path):
    return GgufModel(path)


@pytest.fixture(scope="module")
def model(source):
    return quantize_model(source)
