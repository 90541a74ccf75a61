"""Which operators of a network run where, and which products share a submission."""

from dataclasses import dataclass, field

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models import check_int8
from tilewright_sim.nn.graph import Graph, Node, Product

from .convolution import blocks, image_of

__all__ = ["Stage", "Step", "plan"]


@dataclass(frozen=True)
class Step:
    """An operator of a submission: a product, or a change of shape between two.

    Parameters
    ----------
    node : Node
    chained : bool
        Whether its activations are in the device's memory, the result of an earlier step of this submission.
    """

    node: Node
    chained: bool


@dataclass(frozen=True)
class Stage:
    """Operators of the host, and then products that run in one submission."""

    host: list[Node] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class _Matrix:
    """A result in the device's memory: rows and columns, and whether its pixels have an order of their own."""

    rows: int
    columns: int
    channels_first: bool


def plan(graph: Graph, config: AcceleratorConfig) -> list[Stage]:
    """Return the stages of a network, in order.

    A product waits for no host where its activations are, as they stand in memory, the result of a product of the same
    submission. An operator of the host that reads a result ends the submission.

    Raises
    ------
    ConfigError
        If the configuration has no products of int8 by int8.
    """
    check_int8(config, "a quantized network", beside=True)
    stages = [Stage()]
    made: dict[int, _Matrix | None] = {}  # results of the last stage; None: not as a matrix that a product can read

    def close() -> None:
        stages.append(Stage())
        made.clear()

    for node in graph.nodes:
        waited = [number for number in node.inputs if number in made]
        if node.product is None:
            source = made.get(node.inputs[0]) if node.view and waited else None
            shape = graph.tensors[node.outputs[0]].shape if node.outputs else ()
            if source is not None and not source.channels_first and shape and shape[-1] == source.columns:
                stages[-1].steps.append(Step(node, True))
                made[node.outputs[0]] = source
                continue
            if waited:
                close()
            stages[-1].host.append(node)
            continue
        product = node.product
        chained = waited == [product.x] and _reads(product, made[product.x], config)
        if waited and not chained:
            close()
        stages[-1].steps.append(Step(node, chained))
        made[product.y] = _written(product, config)
    return [stage for stage in stages if stage.host or stage.steps]


def _in_one_descriptor(product: Product, config: AcceleratorConfig) -> bool:
    """Whether each block of a product is one descriptor, so that its results are requantized by the accelerator."""
    m, n, _ = product.shape
    depth = max(block.k for block in blocks(product, config))
    return max(m, n) <= config.size_limit and depth <= config.k_limit


def _written(product: Product, config: AcceleratorConfig) -> _Matrix | None:
    if product.kind == "batch" or not product.requant or not product.constant:
        return None
    if image_of(product, config) is None and not _in_one_descriptor(product, config):
        return None
    m, n, _ = product.shape
    return _Matrix(m, n, product.channels_first and m > 1)


def _reads(product: Product, source: _Matrix | None, config: AcceleratorConfig) -> bool:
    if source is None or not product.constant or not product.narrow or product.kind == "batch":
        return False
    m, _, k = product.shape
    if (product.channels_first and source.rows > 1) != source.channels_first:
        return False
    if image_of(product, config) is not None:
        images, height, width, channels = product.image
        whole_words = channels % config.word_bytes == 0  # so that pixels adjoin in memory
        return whole_words and (images * height * width, channels) == (source.rows, source.columns)
    if product.window is not None and not product.window.pointwise:
        return False
    return _in_one_descriptor(product, config) and (m, k) == (source.rows, source.columns)
