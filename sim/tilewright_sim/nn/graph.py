"""The graph of a quantized network: what every importer produces, and all that running a network needs to know.

An importer turns each operator of its format into a `Node`. Nodes that multiply carry a `Product`, which the
accelerator runs; all others carry a function, which the host runs. A third format is a third importer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden

__all__ = ["MAX_BYTES", "Factors", "Graph", "GraphError", "Node", "Product", "Reference", "Tensor", "Values", "Window"]

MAX_BYTES = 1 << 30
"""Largest tensor, in bytes: a file that states larger ones is refused before memory is taken for them."""

Values = dict[int, NDArray]
"""The values of tensors, by their number in `Graph.tensors`."""


class GraphError(TilewrightError):
    """A file that is not a network, or a network that cannot be run."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a network.

    Parameters
    ----------
    name : str
    shape : tuple of int
    dtype : numpy type
    value : array or None
        Of a constant.
    scale : float32 array
        Of its quantization: empty if it has none, one element, or one for each index along `axis`.
    zero_point : int64 array
        Like `scale`.
    axis : int
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    value: NDArray | None = None
    scale: NDArray = field(default_factory=lambda: np.zeros(0, np.float32))
    zero_point: NDArray = field(default_factory=lambda: np.zeros(0, np.int64))
    axis: int = 0


@dataclass(frozen=True, kw_only=True)
class Window:
    """The patches of an image that a convolution multiplies.

    Parameters
    ----------
    kernel, stride, dilation : (int, int)
        Along height and width.
    padding : ((int, int), (int, int))
        Before and behind the image along height, then along width; padding has the value of the zero point.
    groups : int
        Groups of channels that are independent of each other; as many as channels for a depthwise convolution.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    groups: int = 1

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the result; not above 0 if the kernel is larger than the image."""
        sizes = []
        for axis, size in enumerate((height, width)):
            reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
            sizes.append((size + sum(self.padding[axis]) - reach) // self.stride[axis] + 1)
        return sizes[0], sizes[1]

    @property
    def pointwise(self) -> bool:
        """Whether a patch is a pixel, so that the image is the matrix."""
        plain = self.kernel == (1, 1) and self.stride == (1, 1) and self.groups == 1
        return plain and self.padding == ((0, 0), (0, 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """What multiplies the activations of a product, and what becomes of the sums.

    Parameters
    ----------
    weights : integers
        Without their zero point, so up to 9 bits. Of shape [N, K] for ``dense``, [batch, N, K] for ``batch``, and
        [N, height, width, channels of a group] for ``convolution``.
    x_zero : int
        Zero point of the int8 activations.
    bias : integers of shape [N], or None
    requant : Requant or None
        What the accelerator does with the sums; None for int32 results.
    scale : float32 array [N] or of one element, or None
        What the framework multiplies the sums by: in float32, rounded to the nearest, ties to even. None where its
        kernel computes like `requant`.
    """

    weights: NDArray
    x_zero: int
    bias: NDArray | None = None
    requant: golden.Requant | None = None
    scale: NDArray[np.float32] | None = None

    def exact(self, sums: NDArray[np.int32], columns: slice) -> NDArray[np.int8]:
        """Return the int8 results of sums [m, columns], bit-equal to the framework's."""
        requant = self.requant
        assert requant is not None
        if self.scale is None:
            return requant.part(columns).apply(sums).astype(np.int8)
        scale = self.scale[columns] if self.scale.size > 1 else self.scale
        rounded = np.rint(sums.astype(np.float32) * scale).astype(np.float64) + requant.zero_point
        return np.clip(rounded, requant.minimum, requant.maximum).astype(np.int8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """A layer that the accelerator computes: ``y = requantize((x - x_zero) · weightsᵀ + bias)``.

    Parameters
    ----------
    kind : str
        ``dense``: [M, K] · [N, K]ᵀ, with all but the last dimension of ``x`` in M; ``convolution``, of an image;
        ``batch``: a product for each index of the leading dimensions.
    x, y : int
        Tensors of the activations and of the result.
    shape : (int, int, int)
        M, N and K of the product; of one of the batch, and of one group of a convolution.
    batch : int
        Number of products of a ``batch``.
    constant : bool
        Whether the factors are the same in every run.
    activations : callable
        Returns int8 activations from the values of all tensors: [M, K], [batch, M, K], or images [n, height, width,
        channels].
    factors : callable
        Returns the `Factors` from the values of all tensors.
    result : callable
        Returns the tensor ``y`` from results of the shape of the product: [M, N] or [batch, M, N], int8 or int32.
    image : (int, int, int, int)
        Images, height, width and channels of the activations of a ``convolution``.
    window : Window or None
        Of a ``convolution``.
    channels_first : bool
        Whether the network keeps the channels of its images in front of the pixels.
    requant : bool
        Whether the accelerator writes int8 results, not int32.
    narrow : bool
        Whether constant weights have 8 bits, not 9, without their zero point.
    """

    kind: Literal["dense", "convolution", "batch"]
    x: int
    y: int
    shape: tuple[int, int, int]
    batch: int = 1
    constant: bool
    activations: Callable[[Values], NDArray[np.int8]]
    factors: Callable[[Values], Factors]
    result: Callable[[NDArray], NDArray]
    image: tuple[int, int, int, int] = (0, 0, 0, 0)
    window: Window | None = None
    channels_first: bool = False
    requant: bool = True
    narrow: bool = True

    @property
    def macs(self) -> int:
        """Number of multiply-accumulates of the layer, without those of zeros that the lowering adds."""
        return self.batch * prod(self.shape)

    @property
    def matrix_bytes(self) -> int:
        """Bytes of the largest matrix of the product: the patches of an image, the weights, or the sums."""
        m, n, k = self.shape
        groups = self.window.groups if self.window else 1
        return self.batch * max(m * k * groups, n * k, 4 * m * n)


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """An operator of a network.

    Parameters
    ----------
    index : int
        In the file.
    operator : str
    inputs, outputs : tuple of int
        Tensors; -1 for an input that is left out.
    product : Product or None
        If the accelerator computes it.
    compute : callable or None
        Otherwise: returns the outputs from the inputs, None for one that is left out, and the network's variables.
    view : bool
        Whether it only changes the shape of its first input.
    joined : int
        Number of other operators of the file that it computes too.
    """

    index: int
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    product: Product | None = None
    compute: Callable[[list[Any], dict[str, NDArray]], list[NDArray]] | None = None
    view: bool = False
    joined: int = 0

    @property
    def title(self) -> str:
        """The operator and its index, for messages."""
        return f"operator {self.index} ({self.operator})"


class Reference(Protocol):
    """Another implementation of the network, to compare with."""

    def expected(self, node: Node, values: Mapping[int, NDArray]) -> list[NDArray | None]:
        """Return the outputs of a node from the values of its inputs, None for one that is not compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A network.

    Parameters
    ----------
    source : str
        The file, for messages.
    tensors : list of Tensor
    nodes : list of Node
        In an order in which they can run.
    inputs, outputs : list of int
    reference : callable
        Opens the reference implementation.
    reference_name : str
        Its name, for messages.
    bit_equal : bool
        Whether the reference computes products in integers, so that exact results must be equal.
    exact : bool
        Whether the host scales the sums of all products as the framework does; see `on_host`.
    """

    source: str
    tensors: list[Tensor]
    nodes: list[Node]
    inputs: list[int]
    outputs: list[int]
    reference: Callable[[], Reference]
    reference_name: str
    bit_equal: bool = True
    exact: bool = False

    def on_host(self) -> "Graph":
        """Return the graph with products that leave int32 sums, which the host scales as the framework does."""
        nodes = [
            replace(node, product=replace(node.product, requant=False)) if node.product else node for node in self.nodes
        ]
        return replace(self, nodes=nodes, exact=True)

    def check(self) -> None:
        """Reject a graph whose order is wrong or whose tensors are too large."""
        known = {number for number, tensor in enumerate(self.tensors) if tensor.value is not None} | set(self.inputs)
        for node in self.nodes:
            missing = [number for number in node.inputs if number >= 0 and number not in known]
            if missing:
                name = self.tensors[missing[0]].name
                raise GraphError(f"{self.source}: {node.title} reads tensor {name}, which nothing before it computes")
            known.update(node.outputs)
            if node.product and node.product.matrix_bytes > MAX_BYTES:
                raise GraphError(
                    f"{self.source}: {node.title}: its matrices have {node.product.matrix_bytes:,} bytes, more than "
                    f"the {MAX_BYTES:,} that are supported"
                )
        lost = [self.tensors[number].name for number in self.outputs if number not in known]
        if lost:
            raise GraphError(f"{self.source}: nothing computes the output {lost[0]}")
        if not self.nodes:
            raise GraphError(f"{self.source}: the network has no operators")
