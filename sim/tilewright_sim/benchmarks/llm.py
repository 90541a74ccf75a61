"""Measure a language model on the accelerator."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tilewright.base import ToolError
from tilewright_sim.nn.importers import fetch
from tilewright_sim.nn.llm import EMULATIONS, TEXTS, compare, load_model, open_source, public_text

from .results import Measurement

__all__ = ["bench_llm"]

MODEL = "smollm2"
QUESTION = "What is the capital of France?"
COMMAND = f'tilewright llm "{QUESTION}" --check'
MEASURED = {"int8": "int8", "q4_1": "its blocks × q8_e5m3"}
"""Formats whose accuracy is measured, and how they are described."""
DIVERGENCE = {("q4_1", "unseen"): 0.006}
ABOUT = "SmolLM2-135M, 16×16, 128-bit bus, latency 64"


def bench_llm() -> Iterator[Measurement]:
    """Measure the language model; yield each result as soon as it is known. Takes about ten minutes on two cores.

    The model is downloaded if necessary. A separate process computes the answer and compares every sum with the golden
    model.
    """
    path = fetch(MODEL, lambda done, total: None)
    load_model(path)
    start = time.perf_counter()
    answered = _answer()
    seconds = time.perf_counter() - start
    prefill, decode = answered["phases"]["prefill"], answered["phases"]["decode"]
    yield Measurement(
        f"decode, {ABOUT}: share of the bus roofline over the whole token, host time excluded",
        "≥ 97 %",
        f"{decode['bus_share']:.2%} ({decode['cycles_per_token']:,.0f} cycles per token)",
        decode["bus_share"] >= 0.97,
        COMMAND,
    )
    busy = prefill["linear_layers"]["multipliers_busy"]
    yield Measurement(
        f"prefill of {prefill['tokens']} tokens, {ABOUT}: multipliers busy over the linear layers of all blocks",
        "≥ 90 %",
        f"{busy:.2%} ({prefill['cycles_per_token']:,.0f} cycles per token)",
        busy >= 0.90,
        COMMAND,
    )
    per_token = decode["simulated_seconds_per_token"]
    yield Measurement(
        f"simulated decode, {ABOUT}: time per token, host included",
        "≤ 20 s",
        f"{per_token:.1f} s ({answered['cycles'] / answered['simulator_seconds'] / 1e6:.2f} million cycles/s)",
        per_token <= 20,
        COMMAND,
    )
    answer, equal = answered["answer"].strip(), answered["compared"]
    yield Measurement(
        f"“{QUESTION}” on the RTL: the whole answer, {equal:,} sums equal to the golden model's",
        "≤ 5 minutes, naming Paris",
        f"{seconds:.0f} s, “{answer}”",
        seconds <= 300 and "Paris" in answer,
        COMMAND,
    )
    memory = answered["peak_bytes"]
    yield Measurement("peak memory of this process", "≤ 2 GB", f"{memory / 1e9:.2f} GB", memory <= 2e9, COMMAND)
    yield from _accuracy(path)


def _answer() -> dict[str, Any]:
    code = "from tilewright_sim.cli.main import main; main()"
    command = [sys.executable, "-c", code, "llm", QUESTION, "--model", MODEL, "--check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"`{COMMAND}` failed: {done.stderr.strip().removeprefix('tilewright: ')}")
    return json.loads(done.stdout)


def _accuracy(path: Path) -> Iterator[Measurement]:
    model, source = load_model(path), open_source(path)
    networks = {name: EMULATIONS[name](source, lambda: model, False, False).networks for name in MEASURED}
    kind = next(iter(source.kinds()))  # of most elements
    for name, (_, about) in TEXTS.items():
        compared = compare(source, networks, model.tokenizer.encode(public_text(name)))
        for form, found in compared.items():
            against = f"{MEASURED[form]} against the file's own {kind} weights, both in numpy"
            text = f"{found.tokens:,} tokens of {about}, {against}"
            command = f"tilewright model perplexity --format {form}"
            yield Measurement(
                f"perplexity, {text}",
                "at most 10 % more",
                f"{found.of_format.value:.2f} against {found.of_float.value:.2f}, {found.cost:+.1%}",
                found.cost.value <= 0.10,
                command,
            )
            limit = DIVERGENCE.get((form, name))
            yield Measurement(
                f"KL divergence from float, {text}",
                "–" if limit is None else f"≤ {limit}",
                f"{found.divergence:.4f}",
                None if limit is None else found.divergence.value <= limit,
                command,
            )
            yield Measurement(f"same most likely token, {text}", "–", f"{found.equal_top:.1%}", None, command)
