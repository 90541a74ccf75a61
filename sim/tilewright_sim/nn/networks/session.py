"""A network on an accelerator: constants in the device's memory, and the stages of `plan` one after the other."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.closing import Closing
from tilewright_sim.host import Descriptor, DeviceArray, RunResult, Runtime, flag_bits
from tilewright_sim.nn.graph import Graph, GraphError, Node, Product, Reference, Values

from .parts import ImagePart, Parts, ProductPart, load, results
from .plan import Stage, Step, plan

__all__ = ["LayerRun", "NetworkRun", "Session"]


@dataclass(frozen=True, kw_only=True)
class LayerRun:
    """One operator of a run.

    Parameters
    ----------
    node : Node
    cycles : int
        From the end of the submission's previous layer, or from the doorbell, to the end of this one; 0 on the host.
    compared, different, largest : int
        With a reference: outputs that were compared, outputs that differ, and the largest difference.

    Attributes
    ----------
    where : str
        ``accelerator`` or ``host``.
    """

    node: Node
    cycles: int = 0
    compared: int = 0
    different: int = 0
    largest: float = 0

    @property
    def where(self) -> str:
        return "accelerator" if self.node.product else "host"


@dataclass(frozen=True, kw_only=True)
class NetworkRun:
    """The result of a run.

    Parameters
    ----------
    outputs : list of arrays
        In the order of the network's outputs.
    layers : list of LayerRun
        In the order in which they ran.
    submissions : list of RunResult
    seconds : float
        Wall-clock time, without that of the reference.
    runs : int
        How often the network ran; the numbers of layers are those of all runs.
    """

    outputs: list[NDArray]
    layers: list[LayerRun]
    submissions: list[RunResult]
    seconds: float
    runs: int = 1

    @property
    def cycles(self) -> int:
        """Cycles of all submissions, from doorbell to interrupt each."""
        return sum(run.cycles for run in self.submissions)


@dataclass(eq=False)
class _Submission:
    """Descriptors that are being collected, and the arrays that hold the results of layers."""

    stack: ExitStack = field(default_factory=ExitStack)
    descriptors: list[Descriptor] = field(default_factory=list)
    ends: list[tuple[Node, int]] = field(default_factory=list)
    arrays: dict[int, DeviceArray] = field(default_factory=dict)
    collect: list[Callable[[Values], None]] = field(default_factory=list)

    def keep(self, array: DeviceArray) -> DeviceArray:
        """Free an array when the submission is over."""
        return self.stack.enter_context(array)


class Session(Closing):
    """A network that stays on a chip for several runs; its variables keep their values from run to run.

    Parameters
    ----------
    graph : Graph
    chip : Runtime
        A simulator or a board.
    check : bool
        Compare every layer with the reference implementation.
    ran : callable or None
        Called after every submission with its layers and its result.
    """

    def __init__(
        self,
        graph: Graph,
        chip: Runtime,
        check: bool = False,
        ran: Callable[[list[LayerRun], RunResult], None] | None = None,
    ):
        self.graph, self.chip, self._ran = graph, chip, ran
        self.stages = plan(graph, chip.config)
        self._reference: Reference | None = graph.reference() if check else None
        self._variables: dict[str, NDArray] = {}
        self._stack = ExitStack()
        self._parts: dict[int, Parts] = {}
        self._constants: Values = {
            number: tensor.value for number, tensor in enumerate(graph.tensors) if tensor.value is not None
        }

    def close(self) -> None:
        """Free the constants in the device's memory."""
        self._stack.close()
        self._parts.clear()

    def run(self, inputs: Sequence[NDArray]) -> NetworkRun:
        """Run the network once.

        Raises
        ------
        TilewrightError
            If an input has another shape or type than the network's, or the hardware fails.
        """
        values = self._constants | self._inputs(inputs)
        layers: list[LayerRun] = []
        submissions = []
        spent, start = 0.0, time.perf_counter()
        for stage in self.stages:
            for node in stage.host:
                self._on_host(node, values)
                layers.append(LayerRun(node=node))
            if stage.steps:
                found, run = self._submit(stage, values)
                submissions.append(run)
                layers += found
            if self._reference:
                before = time.perf_counter()
                count = len(stage.host) + len(stage.steps)
                layers[-count:] = [self._compared(layer, values, self._reference) for layer in layers[-count:]]
                spent += time.perf_counter() - before
        seconds = time.perf_counter() - start - spent
        outputs = [values[number] for number in self.graph.outputs]
        return NetworkRun(outputs=outputs, layers=layers, submissions=submissions, seconds=seconds)

    def _inputs(self, inputs: Sequence[NDArray]) -> Values:
        if len(inputs) != len(self.graph.inputs):
            raise GraphError(f"the network has {len(self.graph.inputs)} inputs, {len(inputs)} were given")
        found = {}
        for number, value in zip(self.graph.inputs, inputs, strict=True):
            tensor, array = self.graph.tensors[number], np.asarray(value)
            if array.shape != tensor.shape or array.dtype != tensor.dtype:
                raise GraphError(
                    f"input {tensor.name} must be {tensor.dtype} {list(tensor.shape)}, "
                    f"this is {array.dtype} {list(array.shape)}"
                )
            found[number] = array
        return found

    def _on_host(self, node: Node, values: Values) -> None:
        assert node.compute is not None
        outputs = node.compute([values.get(number) for number in node.inputs], self._variables)
        for number, value in zip(node.outputs, outputs, strict=True):
            self._keep(node, number, value, values)

    def _keep(self, node: Node, number: int, value: NDArray, values: Values) -> None:
        tensor = self.graph.tensors[number]
        if tensor.dtype.kind != "V" and (value.shape != tensor.shape or value.dtype != tensor.dtype):
            raise GraphError(
                f"{self.graph.source}: {node.title} gives {value.dtype} {list(value.shape)}, "
                f"the file states {tensor.dtype} {list(tensor.shape)}"
            )
        values[number] = value

    def _compared(self, layer: LayerRun, values: Values, reference: Reference) -> LayerRun:
        compared = different = 0
        largest = 0.0
        for number, wanted in zip(layer.node.outputs, reference.expected(layer.node, values), strict=True):
            if wanted is None:
                continue
            got = values[number]
            compared += wanted.size
            if wanted.shape != got.shape or wanted.dtype != got.dtype:
                different += wanted.size
            elif not np.array_equal(wanted, got, equal_nan=got.dtype.kind == "f"):
                distance = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
                different += int(np.count_nonzero(distance))
                largest = max(largest, float(distance.max()))
        return replace(layer, compared=compared, different=different, largest=largest)

    def _submit(self, stage: Stage, values: Values) -> tuple[list[LayerRun], RunResult]:
        """Run the products of a stage; return its layers and the result of the submission."""
        work = _Submission()
        with work.stack:
            for step in stage.steps:
                if step.node.product is None:
                    self._view(step, work)
                else:
                    self._add(step.node, step.node.product, step.chained, work, values)
            run = self.chip.submit(work.descriptors)
            for collect in work.collect:
                collect(values)
        cycles = _cycles(work.ends, run)
        layers = [LayerRun(node=step.node, cycles=cycles.get(step.node.index, 0)) for step in stage.steps]
        if self._ran:
            self._ran([layer for layer in layers if layer.node.product], run)
        return layers, run

    def _view(self, step: Step, work: _Submission) -> None:
        source, target = step.node.inputs[0], step.node.outputs[0]
        work.arrays[target] = work.arrays[source]
        shape = self.graph.tensors[target].shape

        def collect(values: Values) -> None:
            self._keep(step.node, target, values[source].reshape(shape), values)

        work.collect.append(collect)

    def _add(self, node: Node, product: Product, chained: bool, work: _Submission, values: Values) -> None:
        """Add the descriptors of a product to a submission."""
        found: list[tuple[list[ProductPart | ImagePart], DeviceArray]] = []
        activations = None if chained else product.activations(values)
        for number, parts in enumerate(self._loaded(node, product, work, values)):
            int8 = product.requant and not any(part.accumulates for part in parts)
            c = work.keep(self.chip.empty(product.shape[:2], np.int8 if int8 else np.int32))
            for part in parts:
                if activations is None:
                    a = work.arrays[product.x]
                else:
                    a = work.keep(self.chip.array(part.operand(activations, number)))
                work.descriptors += part.descriptors(self.chip, a, c, chained, work.stack)
            found.append((parts, c))
        last = work.descriptors[-1]
        work.descriptors[-1] = replace(last, flags=last.flags | flag_bits("INTERRUPT"))
        work.ends.append((node, len(work.descriptors)))
        work.arrays[product.y] = found[0][1]

        def collect(values: Values) -> None:
            c = [results(parts, array) for parts, array in found]
            self._keep(node, product.y, product.result(np.stack(c) if product.kind == "batch" else c[0]), values)

        work.collect.append(collect)

    def _loaded(self, node: Node, product: Product, work: _Submission, values: Values) -> Parts:
        """Return the factors of a product in the device's memory; constant ones stay there."""
        if not product.constant:
            return load(product, product.factors(values), self.chip, work.stack)
        if node.index not in self._parts:
            self._parts[node.index] = load(product, product.factors(values), self.chip, self._stack)
        return self._parts[node.index]


def _cycles(ends: list[tuple[Node, int]], run: RunResult) -> dict[int, int]:
    """Return the cycles of each layer, from the interrupts at their ends."""
    cycles, before, at = {}, 0, dict(run.interrupts)
    for node, count in ends:
        end = min((cycle for done, cycle in at.items() if done >= count), default=run.cycles)
        end = run.cycles if node is ends[-1][0] else end
        cycles[node.index] = end - before
        before = end
    return cycles
