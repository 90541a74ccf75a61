"""The command ``model run``: a network from a file on the generated Verilog."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, check_output, load_config, write_files
from tilewright_sim.console import console
from tilewright_sim.host import Simulator, load_matrix, write_matrix
from tilewright_sim.models.cycles import Bus
from tilewright_sim.nn.networks import (
    EVENTS,
    Network,
    NetworkTrace,
    network_figures,
    network_page,
)

from .common.network_report import print_network
from .common.options import (
    COMPILING,
    FILE,
    accelerator_options,
    distinct_files,
    html_option,
    json_option,
    only_with,
    seed_option,
    trace_option,
)

__all__ = ["run_network"]


@click.command("run", short_help="Run a quantized network on the generated Verilog.")
@click.argument("network", metavar="NETWORK", type=FILE)
@click.option(
    "--input", "inputs", metavar="X.npy", type=FILE, multiple=True,
    help="Input of the network, one after the other or several at once; random without it. Repeatable.",
)  # fmt: skip
@click.option("--save", type=FILE, metavar="C.npy", help="Write the result into this file.")
@click.option("--check", is_flag=True, help="Compare every result with the reference.")
@click.option(
    "--exact", is_flag=True, help="Let the host scale the sums of products in float32, as LiteRT and onnxruntime do."
)
@seed_option(default=0)
@accelerator_options("small", 16)
@html_option
@trace_option
@json_option
def run_network(
    network: Path, inputs: tuple[Path, ...], save: Path | None, check: bool, exact: bool, seed: int, preset: str,
    path: Path | None, settings: tuple[str, ...], latency: int, bandwidth: float, html_file: Path | None,
    trace: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run NETWORK, a .tflite or .onnx file with int8 weights and activations, on the Verilog of an accelerator.

    The generated hardware computes every matrix product and convolution in the simulator; the host computes all other
    operators. Prints each operator: its result, where it ran, cycles, the share of the multipliers that were busy, and
    what limited it. Nothing runs if an operator is not supported.

    The accelerator scales sums to int8 with one rounding, ties up. LiteRT and onnxruntime scale them in float32, which
    differs by one in about one of a million values; with --exact none differs, except where onnxruntime computes
    quantized layers in float. --check compares every layer with them; exit status 2 if it finds a larger difference.
    --save writes the first output.

    \b
    Examples:
      tilewright model run network.tflite --check
      tilewright model run network.onnx --input x.npy --save y.npy --preset base --latency 64
      tilewright estimate --network network.tflite
    """
    only_with("seed", "without --input", not inputs)
    distinct_files(
        {"--save": save, "--html": html_file, "--trace": trace},
        {"NETWORK": network, "--config": path, **{f"--input {file}": file for file in inputs}},
    )
    config = load_config(AcceleratorConfig, preset, path, settings)
    for file in filter(None, (save, html_file, trace)):
        check_output(file)
    loaded = Network.load(network)
    arrays = [load_matrix(file) for file in inputs] if inputs else _random(loaded, seed)
    loaded.batches(*arrays)  # rejects what does not fit before minutes of compiling
    with console.status(COMPILING):
        chip = Simulator(config, latency=latency, bandwidth=bandwidth, events=EVENTS if trace else 0)
    with chip, console.status("running the network"):
        recorded = NetworkTrace(chip)
        result = loaded.run(chip, *arrays, check=check, exact=exact, ran=recorded.ran)
        if trace:
            recorded.write(trace)
    if save:
        write_matrix(save, result.outputs[0])
    figures = network_figures(loaded.graph, config, Bus(latency=latency, bandwidth=bandwidth), result)
    figures["outputs"] = [
        _output(tensor.name, value) for tensor, value in zip(loaded.outputs, result.outputs, strict=True)
    ]
    reference = loaded.graph.reference_name
    wrong = [layer for layer in result.layers if layer.largest > (0 if exact and loaded.graph.bit_equal else 1)]
    if html_file:
        write_files(html_file.parent, {html_file.name: network_page(figures, reference)})
    print_network(figures, as_json, reference)
    if wrong:
        raise TilewrightError(
            f"{wrong[0].node.title} differs from {reference} by {wrong[0].largest:g} in {wrong[0].different:,} values"
        )


def _random(network: Network, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    arrays = []
    for tensor in network.inputs:
        if tensor.dtype.kind in "iu":
            limits = np.iinfo(tensor.dtype)
            small = max(limits.min, -128), min(limits.max, 255) + 1
            arrays.append(rng.integers(*small, tensor.shape).astype(tensor.dtype))
        else:
            arrays.append(rng.normal(size=tensor.shape).astype(tensor.dtype))
    return arrays


def _output(name: str, value: Any) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(value.shape),
        "type": str(value.dtype),
        "first": value.reshape(-1)[:10].tolist(),
    }
