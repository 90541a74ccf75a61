"""A network from a file: run it on an accelerator, or estimate its cycles."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import RunResult, Runtime
from tilewright_sim.models.cycles import Bus, estimate
from tilewright_sim.nn.graph import Graph, GraphError, Tensor
from tilewright_sim.nn.importers import read_onnx, read_tflite

from .convolution import gemms
from .plan import plan
from .session import LayerRun, NetworkRun, Session

__all__ = ["Network", "NetworkEstimate"]

_READERS = {".tflite": read_tflite, ".onnx": read_onnx}
Ran = Callable[[list[LayerRun], RunResult], None]


@dataclass(frozen=True, kw_only=True)
class NetworkEstimate:
    """Estimated cycles of a network, by layer, and the number of submissions."""

    layers: list[LayerRun]
    submissions: int

    @property
    def cycles(self) -> int:
        """Cycles of all submissions, from doorbell to interrupt each."""
        return sum(layer.cycles for layer in self.layers)


class Network:
    """A quantized network.

    Its layers that are products run on the accelerator, all others on the host::

        network = Network.load("network.tflite")
        with Simulator(AcceleratorConfig.preset("small"), latency=16) as chip:
            run = network.run(chip, x)
            print(run.outputs[0], run.cycles)

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph):
        self.graph = graph

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a network from a .tflite or .onnx file.

        Raises
        ------
        GraphError
            If the file is not a network, or has operators or types that cannot be run.
        ToolError
            If a package that reads the format is missing.
        """
        file = Path(path)
        reader = _READERS.get(file.suffix.lower())
        if reader is None:
            raise GraphError(f"{file}: give a .tflite or .onnx file")
        if not file.is_file():
            raise TilewrightError(f"cannot read {file}: there is no such file")
        return cls(reader(file))

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs, with their names, shapes and types."""
        return [self.graph.tensors[number] for number in self.graph.inputs]

    @property
    def outputs(self) -> list[Tensor]:
        """The outputs, with their names, shapes and types."""
        return [self.graph.tensors[number] for number in self.graph.outputs]

    def run(
        self, chip: Runtime, *inputs: ArrayLike, check: bool = False, exact: bool = False, ran: Ran | None = None
    ) -> NetworkRun:
        """Run the network, once or for each of a batch.

        Parameters
        ----------
        chip : Runtime
            A simulator or a board.
        inputs : array
            In the order of `inputs`. Where the network takes one, [1, …], it may be several, [n, …], which run one
            after the other; variables of the network keep their values in between.
        check : bool
            Compare every layer with LiteRT or onnxruntime, on the same inputs.
        exact : bool
            Let the host scale the sums of all products in float32, as these do. Otherwise the accelerator scales them
            with a multiplier of 31 bits and one rounding, ties up, which differs by one in very few values.
        ran : callable or None
            Called after every submission with its layers and its result.

        Raises
        ------
        TilewrightError
            If inputs do not fit, or the hardware fails.
        """
        batches = self.batches(*inputs)
        with Session(self.graph.on_host() if exact else self.graph, chip, check, ran) as session:
            return _joined([session.run(batch) for batch in batches])

    def estimate(self, config: AcceleratorConfig, bus: Bus, *, exact: bool = False) -> NetworkEstimate:
        """Estimate the cycles of one run without simulating it; ``exact`` as in `run`."""
        graph = self.graph.on_host() if exact else self.graph
        layers: list[LayerRun] = []
        submissions = 0
        for stage in plan(graph, config):
            layers += [LayerRun(node=node) for node in stage.host]
            queue, before = [], 0
            submissions += bool(stage.steps)
            for step in stage.steps:
                product = step.node.product
                if product is None:
                    layers.append(LayerRun(node=step.node))
                    continue
                first, *others = gemms(product, config)
                queue += [replace(first, fenced=step.chained), *others]
                cycles = estimate(config, queue, bus).cycles
                layers.append(LayerRun(node=step.node, cycles=cycles - before))
                before = cycles
        return NetworkEstimate(layers=layers, submissions=submissions)

    def batches(self, *inputs: ArrayLike) -> list[list[NDArray]]:
        """Return the inputs of each run, in the network's types; see `run`.

        Raises
        ------
        GraphError
            If they do not fit the network.
        """
        arrays = [np.asarray(value) for value in inputs]
        if len(arrays) != len(self.inputs):
            raise GraphError(f"the network has {len(self.inputs)} inputs, {len(arrays)} were given")
        counts = set()
        for tensor, array in zip(self.inputs, arrays, strict=True):
            several = tensor.shape[:1] == (1,) and array.shape[1:] == tensor.shape[1:] and array.ndim
            counts.add(len(array) if several else 1)
            if not several and array.shape != tensor.shape:
                raise GraphError(f"input {tensor.name} must be {list(tensor.shape)}, this is {list(array.shape)}")
        if len(counts) != 1 or 0 in counts:
            raise GraphError("all inputs must have the same number of runs, 1 or more")
        ready = [_converted(tensor, array) for tensor, array in zip(self.inputs, arrays, strict=True)]
        if counts == {1}:
            return [[array.reshape(tensor.shape) for tensor, array in zip(self.inputs, ready, strict=True)]]
        return [[array[place : place + 1] for array in ready] for place in range(counts.pop())]


def _converted(tensor: Tensor, array: NDArray) -> NDArray:
    """Return an input in the type of the network's; the values must stay the same."""
    if array.dtype == tensor.dtype:
        return array
    if tensor.dtype.kind == "f" and array.dtype.kind in "fiu":
        return array.astype(tensor.dtype)
    if tensor.dtype.kind in "iu" and array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(tensor.dtype)
        if limits.min <= array.min() and array.max() <= limits.max:
            return array.astype(tensor.dtype)
    how = ""
    if len(tensor.scale) == 1 and array.dtype.kind == "f":
        how = f": quantize it, round(x / {tensor.scale[0]:g}) + {int(tensor.zero_point[0])}"
    raise GraphError(f"input {tensor.name} must be {tensor.dtype}, this is {array.dtype}{how}")


def _joined(runs: list[NetworkRun]) -> NetworkRun:
    if len(runs) == 1:
        return runs[0]
    layers = [
        replace(
            same[0],
            cycles=sum(layer.cycles for layer in same),
            compared=sum(layer.compared for layer in same),
            different=sum(layer.different for layer in same),
            largest=max(layer.largest for layer in same),
        )
        for same in zip(*(run.layers for run in runs), strict=True)
    ]
    return NetworkRun(
        outputs=[np.concatenate(parts) for parts in zip(*(run.outputs for run in runs), strict=True)],
        layers=layers,
        submissions=[submission for run in runs for submission in run.submissions],
        seconds=sum(run.seconds for run in runs),
        runs=len(runs),
    )
