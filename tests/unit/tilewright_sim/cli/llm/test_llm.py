"""The commands llm and model perplexity: answers are text, tables, JSON and traces."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from support import tiny_llama
from unit.tilewright_sim.cli.test_main import TILEWRIGHT, tilewright

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.cli.llm import perplexity
from tilewright_sim.nn.llm import EMULATIONS

LLM = ["llm", "in the other", "--model", "tiny.gguf", "--preset", "small", "--latency", "3"]
PERPLEXITY = ["model", "perplexity", "--model", "tiny.gguf", "--window", "16", "--tokens", "40"]


def test_an_answer_is_streamed_and_followed_by_its_cost(folder):
    done = tilewright(*LLM, "--max-tokens", "3", "--check", folder=folder)
    assert done.returncode == 0, done.stderr
    for said in (
        "cycles per token",
        "share of the bus roofline",
        "queries, keys, values",
        "output layer",
        "sums of the hardware equal the golden model's",
        "tilewright fmax accelerator --preset small",
    ):
        assert said in " ".join(done.stdout.split())


def test_a_model_with_pieces_of_sentencepiece_answers(folder):
    done = tilewright(
        *LLM[:2], *LLM[4:], "--model", "spm.gguf", "--max-tokens", "3", "--check", "--json", folder=folder
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["prompt_tokens"] == len(["<s>", "▁", "i", "n", "▁the", "▁", "o", "t", "he", "r"])
    assert figures["compared"] > 0


@pytest.mark.long
def test_an_answer_in_block_formats_is_checked_and_counted(folder):
    """The accelerator is the default one, made small; with it given, the format may be left out."""
    small = ("panel_words=512", "ring_words=256", "acc_rows=16", "multiplier=infer")
    command = ["llm", "in the other", "--model", "blocks.gguf", "--max-tokens", "2", "--check"]
    chosen = ["--format", "q4_1", *(f"--set={one}" for one in small)]
    done = tilewright(*command, *chosen, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    config = AcceleratorConfig(**figures["config"])
    assert (config.a_format, set(config.b_formats)) == ("q8_e5m3", {"q4_1", "q8_0"})
    assert figures["compared"] > 10_000
    assert figures["phases"]["decode"]["submissions"] == 6 * tiny_llama.CONFIG.layers + 1
    (folder / "blocks.toml").write_text("[accelerator]\n" + "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in figures["config"].items()
    ))  # fmt: skip
    again = tilewright(*command, "--config", "blocks.toml", folder=folder)
    assert again.returncode == 0, again.stderr
    assert f"all {figures['compared']:,} sums of the hardware" in again.stdout
    assert f"{figures['cycles']:,} cycles from doorbells" in again.stdout


@pytest.mark.long
def test_nothing_is_left_to_the_host_if_there_are_variables(folder):
    """The answer has one submission for each token."""
    fields = {
        "a_format": "q8_0", "unaligned": "true", "variables": 6, "vector_lanes": 1, "data_bits": 32, "requant_lanes": 1,
        "panel_words": 512, "ring_words": 256, "acc_rows": 16, "multiplier": "infer",
    }  # fmt: skip
    command = ["llm", "in the other", "--model", "blocks.gguf", "--format", "q4_1", "--max-tokens", "3", "--check"]
    command += [f"--set={name}={value}" for name, value in fields.items()]
    done = tilewright(*command, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    decode = figures["phases"]["decode"]
    assert (decode["tokens"], decode["submissions"], list(decode["kinds"])) == (2, 2, ["token"])
    assert figures["compared"] > 10_000 < figures["compared_vectors"]
    assert figures["config"]["b_formats"] == ["q4_1", "q8_0"]
    shown = tilewright(*command, folder=folder)
    assert "submissions per token" in shown.stdout
    assert "in the linear layers" not in shown.stdout
    assert "where the cycles went" not in shown.stdout


@pytest.mark.long
def test_vector_operations_run_on_the_engine_unless_the_host_is_told_to(folder):
    command = ["llm", "in the other", "--model", "tiny.gguf", "--preset", "nano", "--max-tokens", "2", "--check"]
    on_engine = tilewright(*command, "--set", "vector_lanes=4", "--json", folder=folder)
    assert on_engine.returncode == 0, on_engine.stderr
    figures = json.loads(on_engine.stdout)
    decode = figures["phases"]["decode"]
    parts = [decode["kinds"][kind] for kind in ("norm", "rotate", "softmax", "gate", "add")]
    assert decode["vector_operations"]["cycles"] == sum(part["cycles"] for part in parts)
    assert decode["submissions"] == 13 * tiny_llama.CONFIG.layers + 2
    assert figures["compared_vectors"] > 1000
    on_host = tilewright(*command, "--set", "vector_lanes=4", "--host-ops", folder=folder)
    assert on_host.returncode == 0, on_host.stderr
    assert f"all {figures['compared']:,} sums of the hardware equal" in on_host.stdout
    assert "vector operations" not in on_host.stdout


def test_json_and_trace_hold_all_figures(folder):
    done = tilewright(*LLM, "--max-tokens", "3", "--json", "--freq", "50", "--trace", "run.json", folder=folder)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert len(figures["answer_tokens"]) == 3
    assert figures["compared"] is None
    assert not figures["interrupted"]
    prefill, decode = figures["phases"]["prefill"], figures["phases"]["decode"]
    assert (prefill["tokens"], decode["tokens"]) == (figures["prompt_tokens"], 2)
    assert figures["cycles"] == prefill["cycles"] + decode["cycles"]
    assert decode["cycles"] == sum(kind["cycles"] for kind in decode["kinds"].values())
    assert decode["tokens_per_second"] == pytest.approx(50e6 * 2 / decode["cycles"])
    assert figures["clock"] == {"mhz": 50.0, "origin": "as requested", "measured": False}
    events = json.loads((folder / "run.json").read_text())["traceEvents"]
    layers = [event for event in events if event["name"].startswith("layer ")]
    assert len(layers) == 6 * tiny_llama.CONFIG.layers + 1  # one token that was decoded
    assert all(one["ts"] + one["dur"] <= other["ts"] for one, other in pairwise(layers))
    assert {"BUSY", "transfer"} <= {event["name"] for event in events}


def test_perplexities_are_compared(here, folder):
    _, output, _ = here(*PERPLEXITY, "--json", folder=folder)
    figures = json.loads(output, parse_constant=pytest.fail)
    assert figures["weights"]["F32"]["tensors"] == 5
    assert set(figures["texts"]) == {"memorised", "unseen"}
    for formats in figures["texts"].values():
        assert list(formats) == ["int8"]
        found = formats["int8"]
        assert found["tokens"] == 40 - 3
        assert found["of_format"]["value"] == pytest.approx(found["of_float"]["value"] * found["ratio"]["value"])
        assert found["divergence"]["value"] > 0
        assert found["divergence"]["error"] is None


def test_each_format_has_a_row_and_the_weights_are_named(here, folder, monkeypatch):
    """A format that is added to the table is accepted and measured."""

    def twice(*arguments):
        return replace(EMULATIONS["int8"](*arguments), about="the same again")

    monkeypatch.setitem(EMULATIONS, "twice", twice)
    option = next(one for one in perplexity.params if one.name == "formats")
    monkeypatch.setattr(option.type, "choices", list(EMULATIONS))
    status, said, _ = here(*PERPLEXITY, "--format", "int8", "--format", "twice", folder=folder)
    assert status == 0
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│")]
    rows = [row for row in cells if row[0]]
    assert [row[:2] for row in rows] == [[text, name] for text in ("memorised", "unseen") for name in ("int8", "twice")]
    assert rows[0][2:] == rows[1][2:]
    assert "twice: the same again" in said
    assert "float is these blocks dequantized, not the model before they were quantized" in said
    assert "nan" not in said


def test_an_interrupt_ends_with_the_summary(folder):
    """Ctrl-C, while an answer is under way that would take minutes."""
    tiny_llama.write_gguf(folder / "long.gguf", llama__context_length=100_000)
    command = [TILEWRIGHT, "llm", "the", "--model", "long.gguf", "--preset", "small"]
    # Tests in the background of a shell ignore it, and so would their children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        [*command, "--max-tokens", "5000"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    assert running.stdout.read(1)  # the answer begins
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    said, errors = (stream.decode() for stream in running.communicate(timeout=120))
    assert running.returncode == 130, errors
    assert "interrupted; until then" in said
    assert "cycles per token" in said
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_partial_json_is_printed_after_any_signal_that_ends_it(name, folder):
    code = (
        "import os, signal, sys; from tilewright_sim.cli.main import main\n"
        "from tilewright_sim.nn.llm.live import LiveAnswer\n"
        # Whoever started the tests may ignore them.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "add, texts = LiveAnswer.add, []\n"
        "def count(self, text):\n"
        "    add(self, text); texts.append(text)\n"
        f"    if len(texts) == 3: os.kill(os.getpid(), signal.{name})\n"
        "LiveAnswer.add = count; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *LLM, "--max-tokens", "30", "--json"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    figures = json.loads(done.stdout)
    assert figures["interrupted"]
    assert len(figures["answer_tokens"]) == 3


def test_block_formats_are_measured_without_an_int8_network(here, folder, tmp_path, monkeypatch):
    """How matrices are held, and how products are computed, is in the output and in JSON."""
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path))
    command = [*PERPLEXITY, "--format", "q4_1", "--format", "nvfp4"]
    status, output, message = here(*command, folder=folder)
    assert status == 0, message
    for said in (
        "q4_1: weights q4_1, 6.53 bits each; activations, queries and probabilities q8_e5m3; keys and values q8_0",
        "float32 sums of the dequantized blocks",
        "5 matrices of 45,568 weights in q8_0, as in the file",
        "2 matrices of 20,480 weights in q4_1, quantized from Q5_0",
        "nvfp4: weights nvfp4, 4.68 bits each; activations, queries and probabilities nvfp4; keys and values nvfp4",
    ):
        assert said in output
    _, output, _ = here(*command, "--every-matrix", "--integers", "--json", folder=folder)
    figures = json.loads(output, parse_constant=pytest.fail)
    assert list(figures["formats"]) == ["q4_1", "nvfp4"]
    assert figures["formats"]["q4_1"]["products"] == "exact"
    assert (figures["formats"]["q4_1"]["activations"], figures["formats"]["q4_1"]["kept"]) == ("q8_e5m3", "q8_0")
    held = figures["formats"]["q4_1"]["held"]
    assert {one["form"] for one in held} == {"q4_1"}
    assert {one["kind"] for one in held if one["unchanged"]} == {"Q4_1"}
    for formats in figures["texts"].values():
        assert 0 < formats["q4_1"]["divergence"]["value"] < formats["nvfp4"]["divergence"]["value"]
    assert list(tmp_path.iterdir()) == []
