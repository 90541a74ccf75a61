"""Measure what the README promises of a language model on the accelerator."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tilewright.errors import ToolError

from .figures import Figure
from .llm.fetch import fetch
from .llm.perplexity import measure_perplexity, public_text
from .llm.quantize import load_model, open_source

__all__ = ["bench_llm"]

MODEL = "smollm2"
QUESTION = "What is the capital of France?"
COMMAND = f'tilewright llm "{QUESTION}" --check'
ABOUT = "SmolLM2-135M, 16×16, 128-bit bus, latency 64"


def bench_llm() -> Iterator[Figure]:
    """Measure the language model; yield each figure when it is known. About ten minutes on two cores.

    The model is fetched if it is not there. The answer comes from a process of its own, compared with the golden
    model all the while.
    """
    path = fetch(MODEL, lambda done, total: None)
    load_model(path)
    start = time.perf_counter()
    figures = _answer()
    seconds = time.perf_counter() - start
    prefill, decode = figures["phases"]["prefill"], figures["phases"]["decode"]
    yield Figure(
        f"decode, {ABOUT}: share of the bus roofline over the whole token, host time excluded",
        "≥ 97 %",
        f"{decode['bus_share']:.2%} ({decode['cycles_per_token']:,.0f} cycles per token)",
        decode["bus_share"] >= 0.97,
        COMMAND,
    )
    busy = prefill["linear_layers"]["multipliers_busy"]
    yield Figure(
        f"prefill of {prefill['tokens']} tokens, {ABOUT}: multipliers busy over the linear layers of all blocks",
        "≥ 90 %",
        f"{busy:.2%} ({prefill['cycles_per_token']:,.0f} cycles per token)",
        busy >= 0.90,
        COMMAND,
    )
    per_token = decode["simulated_seconds_per_token"]
    yield Figure(
        f"simulated decode, {ABOUT}: time per token, host included",
        "≤ 20 s",
        f"{per_token:.1f} s ({figures['cycles'] / figures['simulator_seconds'] / 1e6:.2f} million cycles/s)",
        per_token <= 20,
        COMMAND,
    )
    answer, equal = figures["answer"].strip(), figures["compared"]
    yield Figure(
        f"“{QUESTION}” on the RTL: the whole answer, {equal:,} sums equal to the golden model's",
        "≤ 5 minutes, naming Paris",
        f"{seconds:.0f} s, “{answer}”",
        seconds <= 300 and "Paris" in answer,
        COMMAND,
    )
    memory = figures["peak_bytes"]
    yield Figure("memory of that process", "≤ 2 GB", f"{memory / 1e9:.2f} GB", memory <= 2e9, COMMAND)
    yield _perplexity(path)


def _answer() -> dict[str, Any]:
    code = "from tilewright_sim.cli import main; main()"
    command = [sys.executable, "-c", code, "llm", QUESTION, "--model", MODEL, "--check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise ToolError(f"`{COMMAND}` failed: {done.stderr.strip().removeprefix('tilewright: ')}")
    return json.loads(done.stdout)


def _perplexity(path: Path) -> Figure:
    model = load_model(path)
    measured = measure_perplexity(open_source(path), model, model.tokenizer.encode(public_text()))
    return Figure(
        f"perplexity over {measured.tokens:,} tokens of public-domain text, int8 against float32, both in numpy",
        "at most 10 % more",
        f"{measured.of_int8:.2f} against {measured.of_float:.2f}, {measured.cost:+.1%}",
        measured.cost <= 0.10,
        "tilewright model perplexity",
    )
