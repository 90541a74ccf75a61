"""The command llm with --golden: the chip's answer and the cycle model's cycles, without a chip."""

import json

import pytest
from support import tiny_llama
from unit.tilewright_sim.cli.test_main import tilewright

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import FORMATS
from tilewright_sim.cli.main import main
from tilewright_sim.models.cycles import Bus
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.int8.quantize import open_source
from tilewright_sim.nn.llm.whole.cycles import token_cycles

GOLDEN = ["llm", "in the other", "--model", "tiny.gguf", "--format", "q4_1", "--golden", "--max-tokens", "3", "--raw"]
VECTOR = ["--set", "vector_lanes=4", "--latency", "7"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tiny_llama.write_gguf(folder / "tiny.gguf", kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"})
    return folder


def test_cycles_are_those_of_the_cycle_model(folder):
    result = tilewright(*GOLDEN, *VECTOR, "--json", folder=folder)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["cycles_from"] == "model"
    assert figures["compared"] is None
    config = AcceleratorConfig(**figures["config"])
    assert (config.a_format, config.unaligned, config.variables) == ("q8_0", True, 8)
    source = open_source(folder / "tiny.gguf")
    model = load_block_model(source, FORMATS["q4_1"], activations=FORMATS["q8_0"])
    read, answered, bus = figures["prompt_tokens"], len(figures["answer_tokens"]), Bus(latency=7)
    context = read + 3
    decoded = [
        token_cycles(config, model, position, bus, context=context).whole
        for position in range(read, read + answered - 1)
    ]
    assert figures["phases"]["decode"]["cycles"] == sum(decoded)
    assert figures["phases"]["decode"]["submissions"] == answered - 1
    assert figures["phases"]["prefill"]["submissions"] == 1


def test_the_report_says_that_nothing_was_simulated(folder):
    result = tilewright(*GOLDEN, *VECTOR, folder=folder)
    assert result.returncode == 0, result.stderr
    assert "estimated by the cycle model" in result.stdout
    assert "simulator" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*VECTOR, "--check"], "--check has an effect only where hardware computes"),
        ([*VECTOR, "--host-ops"], "--host-ops has an effect only where hardware computes"),
        ([*VECTOR, "--trace", "run.json"], "--trace has an effect only where hardware computes"),
        ([*VECTOR, "--memory", "64"], "--memory has an effect only where hardware computes"),
        ([], "vector_lanes = 0: must be 1 or more"),
        ([*VECTOR, "--set", "unaligned=false"], "unaligned = False: must be true"),
        ([*VECTOR, "--set", "variables=4"], "variables = 4: must be 5 or more"),
        ([*VECTOR, "--format", "int8"], "does not run without the host"),
    ],
)
def test_what_does_not_go_together_is_one_line(folder, arguments, says, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["tilewright", *GOLDEN, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert says in (line := capsys.readouterr().err)
    assert len(line.strip().splitlines()) == 1
    assert not (folder / "run.json").exists()
