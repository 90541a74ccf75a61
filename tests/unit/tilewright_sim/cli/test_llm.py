"""The commands llm and model: mistakes are one line, answers are text, tables, JSON and traces."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from support import tiny_llama
from unit.tilewright_sim.cli.test_main import TILEWRIGHT, tilewright

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import load_config
from tilewright_sim.cli.llm import perplexity
from tilewright_sim.cli.main import main
from tilewright_sim.host import RunResult
from tilewright_sim.nn.llm import EMULATIONS, clock_of, live_line, report, summary, table, where_the_cycles_went
from tilewright_sim.nn.llm.cycle_accounting import Account, Product, Rows, Tally

TINY = ["model", "perplexity", "--window", "8", "--tokens", "20"]
LLM = ["llm", "in the other", "--model", "tiny.gguf", "--preset", "small", "--latency", "3"]
BLOCKS = ["llm", "in the other", "--model", "tiny.gguf", "--format", "q4_1"]


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
def test_a_mistake_is_one_line_and_status_2(arguments, says, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tilewright", *arguments])
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as exit_:
        main()
    said, errors = capsys.readouterr()
    assert (exit_.value.code, said) == (2, "")
    assert says in errors
    assert len(errors.splitlines()) == 1


def test_a_model_larger_than_the_devices_memory_is_refused(folder, tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "long.gguf", llama__context_length=8192)
    done = tilewright("llm", "x" * 6000, *LLM[2:3], str(path), *LLM[4:], "--memory", "1", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bytes on the device, whose memory has 1,048,576: give it more memory" in done.stderr


def test_the_error_for_a_model_that_was_not_fetched_names_the_command(folder, tmp_path):
    done = tilewright("llm", "x", folder=folder, TILEWRIGHT_CACHE=str(tmp_path))
    assert done.returncode == 2
    assert "the model smollm2 is not here yet: run `tilewright model fetch smollm2`" in done.stderr


@pytest.mark.parametrize("package", ["gguf", "tokenizers", "jinja2"])
def test_a_missing_package_is_named(package, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["tilewright", *LLM])
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        f"tilewright: the package {package} is missing: run `pip install 'tilewright[llm]'`\n"
    )


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


PERPLEXITY = ["model", "perplexity", "--model", "tiny.gguf", "--window", "16", "--tokens", "40"]


def test_perplexities_are_compared(folder):
    done = tilewright(*PERPLEXITY, "--json", folder=folder)
    figures = json.loads(done.stdout, parse_constant=pytest.fail)
    assert figures["weights"]["F32"]["tensors"] == 5
    assert set(figures["texts"]) == {"memorised", "unseen"}
    for formats in figures["texts"].values():
        assert list(formats) == ["int8"]
        found = formats["int8"]
        assert found["tokens"] == 40 - 3
        assert found["of_format"]["value"] == pytest.approx(found["of_float"]["value"] * found["ratio"]["value"])
        assert found["divergence"]["value"] > 0
        assert found["divergence"]["error"] is None


def test_each_format_has_a_row_and_the_weights_are_named(folder, monkeypatch, capsys):
    """A format that is added to the table is accepted and measured."""

    def twice(*arguments):
        return replace(EMULATIONS["int8"](*arguments), about="the same again")

    monkeypatch.setitem(EMULATIONS, "twice", twice)
    option = next(one for one in perplexity.params if one.name == "formats")
    monkeypatch.setattr(option.type, "choices", list(EMULATIONS))
    monkeypatch.setattr(sys, "argv", ["tilewright", *PERPLEXITY, "--format", "int8", "--format", "twice"])
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr().out
    assert exit_.value.code == 0
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


def account():
    made = Account(AcceleratorConfig.preset("nano"))
    run = RunResult(cycles=100, counters={}, utilisation=0, descriptors=1, seconds=0.5)
    made.add("prefill", "qkv", [Product(4, 8, 10, 10, 10)], run)
    made.add("prefill", "scores", [Product(1, 1, 3, 3, 3), Product(1, 1, 4, 4, 4)], run)
    made.read("prefill", 5, 2.0)
    return made, run


def test_counted_words_are_those_that_must_be_read():
    """By hand, on a bus of 4 bytes: (4 + 8) rows of 3 words and a descriptor of 16; 2 · (1 + 1) words and 2 · 16."""
    made, _ = account()
    assert made.total(kinds=("qkv",)) == Tally(100, 36 + 16, 320, 1, 1, 0.5)
    assert made.total(kinds=("scores",)).words == 4 + 32
    assert made.bus_share(made.total()) == (52 + 36) / 200
    assert made.busy(made.total()) == (320 + 7) / (16 * 200)


def test_words_of_block_formats_hold_their_scales():
    """By hand, on a bus of 4 bytes: 2 rows of 66 bytes, 3 rows of 40, and a descriptor of 16 words."""
    made, run = account()
    made.add("decode", "down", [Product(2, 3, 64, 66, 40)], run)
    assert made.total("decode").words == 2 * 17 + 3 * 10 + 16


def test_a_token_that_was_not_finished_is_not_counted():
    made, run = account()
    before = made.total()
    made.add("decode", "qkv", [Product(1, 8, 10, 10, 10)], run)
    assert made.total() != before
    made.drop_unfinished()
    assert made.total() == before
    figures = report(made, clock_of(made.config, 200.0))
    assert list(figures["phases"]) == ["prefill"]
    assert figures["phases"]["prefill"]["tokens_per_second"] == 200e6 / (200 / 5)
    assert "0 tokens   200 cycles = 0.000 s at 200 MHz" in live_line(made, clock_of(made.config, 200.0), 0)
    assert table(figures).row_count > 4
    assert where_the_cycles_went(figures).row_count == 2
    assert figures["phases"]["prefill"]["vector_operations"]["cycles"] == 0


def test_vector_operations_are_a_part_of_the_cycles_of_a_token():
    made, run = account()
    made.add("prefill", "softmax", [Rows(4, 12, 0, 0)], run)
    made.read("prefill", 0, 0.0)
    figures = report(made, clock_of(made.config, 200.0))
    without = account()[0]
    without = report(without, clock_of(without.config, 200.0))
    assert figures["phases"]["prefill"]["cycles_per_token"] == 300 / 5
    assert figures["phases"]["prefill"]["vector_operations"]["cycles"] == 100
    assert figures["phases"]["prefill"]["kinds"]["softmax"]["bus_share"] == (4 * 3 + 16) / 100
    assert table(figures).row_count == table(without).row_count + 1
    assert where_the_cycles_went(figures).row_count == 3
    counts = {"seconds": 1, "peak_bytes": 1, "compared": 5}
    assert "all 5 sums of the hardware equal the golden model's" in summary(figures | counts)
    both = "all 5 sums and 7 results of vector operations of the hardware equal the golden model's"
    assert both in summary(figures | counts | {"compared_vectors": 7})


def test_a_clock_says_where_it_comes_from():
    small, odd = AcceleratorConfig.preset("small"), load_config(AcceleratorConfig, "small", settings=("dot=4",))
    assert clock_of(small).measured
    assert "tilewright fmax accelerator --preset small" in str(clock_of(small))
    assert not clock_of(odd).measured
    assert "assumed" in str(clock_of(odd))
    assert clock_of(small, 42.0).mhz == 42


def test_block_formats_are_measured_without_an_int8_network(folder, tmp_path):
    """How matrices are held, and how products are computed, is in the output and in JSON."""
    command = [*PERPLEXITY, "--format", "q4_1", "--format", "nvfp4"]
    done = tilewright(*command, folder=folder, TILEWRIGHT_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    for said in (
        "q4_1: weights q4_1, 6.53 bits each; activations, queries and probabilities q8_e5m3; keys and values q8_0",
        "float32 sums of the dequantized blocks",
        "5 matrices of 45,568 weights in q8_0, as in the file",
        "2 matrices of 20,480 weights in q4_1, quantized from Q5_0",
        "nvfp4: weights nvfp4, 4.68 bits each; activations, queries and probabilities nvfp4; keys and values nvfp4",
    ):
        assert said in done.stdout
    done = tilewright(*command, "--every-matrix", "--integers", "--json", folder=folder, TILEWRIGHT_CACHE=str(tmp_path))
    figures = json.loads(done.stdout, parse_constant=pytest.fail)
    assert list(figures["formats"]) == ["q4_1", "nvfp4"]
    assert figures["formats"]["q4_1"]["products"] == "exact"
    assert (figures["formats"]["q4_1"]["activations"], figures["formats"]["q4_1"]["kept"]) == ("q8_e5m3", "q8_0")
    held = figures["formats"]["q4_1"]["held"]
    assert {one["form"] for one in held} == {"q4_1"}
    assert {one["kind"] for one in held if one["unchanged"]} == {"Q4_1"}
    for formats in figures["texts"].values():
        assert 0 < formats["q4_1"]["divergence"]["value"] < formats["nvfp4"]["divergence"]["value"]
    assert list(tmp_path.iterdir()) == []
