"""A network with nothing left to the host, its descriptors one after the other in the golden models."""

import numpy as np
import pytest
from support import tiny_llama
from support.fake_token import FakeTokenChip

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import FORMATS
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.check import MismatchError
from tilewright_sim.nn.llm.whole.chip import TokenChipModel
from tilewright_sim.nn.llm.whole.network import golden_network

CONFIG = AcceleratorConfig(
    rows=32, cols=8, dot=32, data_bits=32, requant_lanes=1, chunk_words=2, long_chunk_words=4, panel_words=512,
    ring_words=64, acc_rows=16, a_format="q8_0", b_formats=("q4_1", "q4_0", "q8_0"), unaligned=True, vector_lanes=1,
    variables=5,
)  # fmt: skip
PROMPT = [int(token) for token in np.random.default_rng(3).integers(0, 256, 64)]


def load(folder, sizes, weights, activations):
    source = GgufModel(tiny_llama.write_gguf(folder / "tiny.gguf", sizes))
    return load_block_model(source, FORMATS[weights], activations=FORMATS[activations])


@pytest.mark.parametrize(
    "config", [CONFIG, CONFIG.replace(a_format="q8_e5m3", b_formats=("q8_e5m3",))], ids=lambda config: config.a_format
)
@pytest.mark.parametrize("sizes", [tiny_llama.CONFIG, tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
def test_every_tensor_is_that_of_the_golden_model(sizes, config, tmp_path):
    """Tokens are read alone and together, up to the end of a record of positions, and over it."""
    model = load(tmp_path, sizes, config.b_formats[0], config.a_format)
    reader = TokenChipModel(FakeTokenChip(config), model, 64, 34, check=True)
    network = golden_network(model, 64)
    for part in (PROMPT[:29], PROMPT[29:30], PROMPT[30:33], [1], [2], PROMPT[:25]):
        assert np.array_equal(reader.forward(part), network.forward(part))
    assert reader.checked.compared > 40_000 < reader.checked.compared_vectors


def test_what_is_kept_of_the_values_is_compared(tmp_path):
    """A bit of each tensor of the cache, and of the bytes of a record that no token writes."""
    model = load(tmp_path, tiny_llama.CONFIG, "q4_1", "q8_0")
    for name, place in (("scales", (0, 1)), ("values", (17, 3)), ("values", (17, 0)), ("keys", (3, 1))):
        reader = TokenChipModel(FakeTokenChip(CONFIG), model, 8, 4, check=True)
        reader.forward(PROMPT[:4])
        array = reader.memory.tensor(1, name)
        data = array.numpy()
        data.view(np.uint8)[place] ^= 1
        array.write(data)
        with pytest.raises(MismatchError, match=f"layer 1, {name}, position"):
            reader.forward([5])
