"""Mistakes at the commands llm and model are one line."""

import sys

import pytest
from support import tiny_llama
from unit.tilewright_sim.cli.test_main import tilewright

TINY = ["model", "perplexity", "--window", "8", "--tokens", "20"]
LLM = ["llm", "in the other", "--model", "tiny.gguf", "--preset", "small", "--latency", "3"]
BLOCKS = ["llm", "in the other", "--model", "tiny.gguf", "--format", "q4_1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["llm"], "Missing argument 'PROMPT'"),
        ([*LLM, "--model", "missing.gguf"], "there is no file missing.gguf"),
        ([*LLM, "--model", "text.gguf"], "text.gguf is not a GGUF file"),
        ([*LLM, "--model", "half.gguf"], "half.gguf is damaged or incomplete"),
        ([*LLM, "--model", "mamba.gguf"], "architecture 'mamba'"),
        ([*LLM, "--model", "yarn.gguf"], "yarn.gguf says llama.rope.scaling.type = 'yarn', which is not supported"),
        ([*LLM, "--model", "window.gguf"], "more than the model's sliding window of 24: use --max-tokens"),
        (["model", "perplexity", "--model", "window.gguf", "--window", "25"], "the model's sliding window of 24"),
        ([*LLM, "--model", "empty"], "there is no file *.safetensors in empty"),
        ([*LLM, "--max-tokens", "60"], "more than the model's context of 64: use --max-tokens"),
        (["llm", "x" * 100, *LLM[2:]], "the model's context only 64: shorten it"),
        (["llm", "", *LLM[2:], "--raw"], "the prompt is empty"),
        ([*LLM, "--max-tokens", "0"], "0 is not in the range"),
        ([*LLM, "--set", "addr_bits=12"], "addr_bits = 12: must be 16 to 64"),
        (
            [*LLM, "--max-tokens", "5", "--memory", "2", "--set", "addr_bits=20", "--set", "stride_bits=19"],
            "does not fit into addr_bits = 20",
        ),
        ([*LLM, "--freq", "0"], "0.0 is not in the range"),
        ([*LLM, "--trace", "nowhere/t.json"], "there is no folder nowhere"),
        ([*LLM, "--preset", "smal"], "nearest that works: small"),
        ([*LLM, "--format", "mxfp4"], "'mxfp4' is not one of 'int8', 'q8_0'"),
        ([*LLM, "--format", "q4_1"], "a_format = 'int8': must be q8_e5m3 or q8_0 for weights in q4_1"),
        ([*BLOCKS, "--set", "a_format=mxint8"], "a_format = 'mxint8': must be q8_e5m3 or q8_0 for weights in q4_1"),
        (
            [*BLOCKS, "--set", "b_formats=q4_1"],
            "b_formats = 'q4_1': must have all formats of the model's matrices, keys "
            "and values, which are q8_0, q4_1, q4_0; nearest that works: q4_1, q8_0, q4_0",
        ),
        ([*BLOCKS, "--set", "chunk_words=3"], "chunk_words = 3: "),
        ([*LLM, "--every-matrix"], "--every-matrix: int8 is always so"),
        ([*BLOCKS, "--model", "large.gguf"], "blk.0.ffn_up.weight: a block needs the scale"),
        (["model", "perplexity", "--format", "int7"], "'int7' is not one of 'int8', 'q8_0'"),
        (["model", "perplexity", "--integers"], "--integers: int8 is always so"),
        (["model", "perplexity", "--format", "int8", "--every-matrix"], "--every-matrix: int8 is always so"),
        ([*TINY, "--format", "q4_1", "--model", "nan.gguf"], "blk.0.ffn_up.weight has elements that are not finite"),
        ([*TINY, "--format", "q8_0", "--model", "large.gguf"], "blk.0.ffn_up.weight: a block needs the scale"),
        (["model", "fetch", "gpt5"], "'gpt5' is not 'smollm2'"),
        (["model", "perplexity", "--model", "missing.gguf"], "there is no file missing.gguf"),
        (["model", "perplexity", "--model", "tiny.gguf", "--window", "65"], "more than the model's context of 64"),
        (["model", "perplexity", "--model", "tiny.gguf", "--window", "8", "--text", "latin.txt"], "it is not UTF-8"),
        (["model", "perplexity", "--model", "tiny.gguf", "--window", "8", "--text", "short.txt"], "too short"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(here, arguments, says, folder):
    status, output, message = here(*arguments, folder=folder)
    assert (status, output) == (2, "")
    assert says in message
    assert len(message.splitlines()) == 1


def test_a_model_larger_than_the_devices_memory_is_refused(folder, tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "long.gguf", llama__context_length=8192)
    done = tilewright("llm", "x" * 6000, *LLM[2:3], str(path), *LLM[4:], "--memory", "1", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bytes on the device, whose memory has 1,048,576: give it more memory" in done.stderr


def test_the_error_for_a_model_that_was_not_fetched_names_the_command(here, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path))
    status, _, message = here("llm", "x", folder=folder)
    assert status == 2
    assert "the model smollm2 is not here yet: run `tilewright model fetch smollm2`" in message


@pytest.mark.parametrize("package", ["gguf", "tokenizers", "jinja2"])
def test_a_missing_package_is_named(here, package, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, package, None)
    status, _, message = here(*LLM, folder=folder)
    assert status == 2
    assert message == f"tilewright: the package {package} is missing: run `pip install 'tilewright[llm]'`\n"
