"""The weights of a model in block formats: a file's own blocks as they are, others quantized."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright.formats import E8M0, FORMATS, FP16, LONGEST_K, BlockFormat
from tilewright_sim.models import Records
from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.importers import Source, layer_tensors

from ..host_ops import HostOps, Rotation

__all__ = [
    "BlockLayer",
    "BlockModel",
    "Held",
    "activation_format",
    "activation_formats",
    "kept_format",
    "load_block_model",
]

Progress = Callable[[int, int], None]
"""Called with the number of layers done and the number of all layers."""

_ALSO_HELD = {"q4_1": ("q4_0", "q8_0"), "q4_0": ("q8_0",)}
"""Formats of a file's blocks that stay as they are with another format: they need nothing that it does not need."""


def activation_format(weights: BlockFormat) -> BlockFormat:
    """Return the block format of activations, queries and probabilities, by that of the weights.

    These are int8 in blocks of 32, with one byte of scale as the weights have it: a power of two, or a small float. A
    format with blocks of another length is also that of the activations, since both must have the same blocks.
    """
    activations = FORMATS["mxint8" if weights.scale is E8M0 else "q8_e5m3"]
    return activations if activations.block == weights.block else weights


def kept_format(weights: BlockFormat) -> BlockFormat:
    """Return the block format of keys and values, by that of the weights.

    They are the second operand of a product, as weights are, and all formats of that operand have the same scales in an
    accelerator. So this is int8 in blocks with fp16 scales if weights have these, else the format of activations.
    """
    return FORMATS["q8_0"] if weights.scale is FP16 else activation_format(weights)


def activation_formats(weights: BlockFormat) -> tuple[BlockFormat, ...]:
    """Return the block formats that activations can have: that of `activation_format`, and that of keys and values.

    With one format for both, what the vector engine of an accelerator writes can be either operand of a product.
    """
    return tuple(dict.fromkeys([activation_format(weights), kept_format(weights)]))


@dataclass(frozen=True)
class Held:
    """How matrices of a model are held.

    Parameters
    ----------
    kind : str
        The type that they have in the file.
    form : str
        The block format in which they are held.
    unchanged : bool
        They are the bytes of the file.
    matrices, elements, bytes : int
    """

    kind: str
    form: str
    unchanged: bool
    matrices: int = 0
    elements: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        many = f"{self.matrices} {'matrix' if self.matrices == 1 else 'matrices'} of {self.elements:,} weights"
        return f"{many} in {self.form}, " + ("as in the file" if self.unchanged else f"quantized from {self.kind}")


@dataclass(frozen=True)
class BlockLayer:
    """A layer: its matrices in block formats, and its norms and biases; by their names in `layer_tensors`.

    The names are without ``.weight``. Biases are added in float32 to the results of a product.
    """

    matrices: dict[str, Records]
    vectors: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class BlockModel:
    """A model whose matrices are in block formats.

    Parameters
    ----------
    config : LlamaConfig
    activations : BlockFormat
        Of inputs of linear layers, queries and probabilities, which the host quantizes.
    kept : BlockFormat
        Of keys and values, which the host quantizes too.
    embedding : Records or float32 array
        [vocab, hidden], a row for each token, as the file has it: the host reads rows of it, and nothing is multiplied.
    layers : list of BlockLayer
    output_norm : float32 array [hidden]
    output : Records
        The output layer. If it is tied to the embedding, it is held by itself all the same.
    rope_factors : float32 array [head_width / 2] or None
    held : list of Held
        How the matrices that are multiplied are held, most weights first.
    """

    config: LlamaConfig
    activations: BlockFormat
    kept: BlockFormat
    embedding: Records | NDArray[np.float32]
    layers: list[BlockLayer]
    output_norm: NDArray[np.float32]
    output: Records
    rope_factors: NDArray[np.float32] | None
    held: list[Held]

    @property
    def bits_per_weight(self) -> float:
        """Bits of a weight of the matrices, with its part of scales and minimums."""
        return 8 * sum(one.bytes for one in self.held) / sum(one.elements for one in self.held)

    def matrices(self) -> Iterator[Records]:
        """Yield every matrix that is multiplied, the output layer last."""
        for layer in self.layers:
            yield from layer.matrices.values()
        yield self.output

    def embed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Return the embeddings of tokens, [tokens, hidden]."""
        if isinstance(self.embedding, Records):
            return self.embedding.take(tokens).dequantize()
        return self.embedding[tokens]

    def host_ops(self) -> HostOps:
        """Return the host's operations for this model."""
        return HostOps(self.config.epsilon, Rotation(self.config.head_width, self.config.rope_base, self.rope_factors))


def load_block_model(
    source: Source,
    form: BlockFormat,
    *,
    every_matrix: bool = False,
    activations: BlockFormat | None = None,
    progress: Progress | None = None,
) -> BlockModel:
    """Return a model with its matrices in a block format.

    A matrix that is in this format in the file stays as it is, byte for byte. So does one that is in another that an
    accelerator for ``form`` can hold, unless ``every_matrix``: Q4_0 and Q8_0 beside `q4_1`, Q8_0 beside `q4_0`. All
    others are dequantized and quantized: see `blocks.quantize` and `Records.normalized`.

    ``activations`` is one of `activation_formats`, by default that of `activation_format`.

    Raises
    ------
    TilewrightError
        If an element is not finite, a scale is out of range, or a row is too long for an accumulator.
    """
    config = source.config
    kept = {form.name, *(() if every_matrix else _ALSO_HELD.get(form.name, ()))}
    held: dict[tuple[str, str, bool], list[Records]] = {}

    def matrix(name: str) -> Records:
        found, unchanged = source.records(name), True
        if found is None or found.form.name not in kept:
            found, unchanged = _quantized(source, name, form), False
        if found.k > LONGEST_K:
            raise TilewrightError(
                f"{name} has rows of {found.k:,} elements: an accumulator takes {LONGEST_K:,} at most"
            )
        held.setdefault((source.kind(name), found.form.name, unchanged), []).append(found)
        return found

    layers = []
    for number in range(config.layers):
        parts = {name: f"blk.{number}.{name}" for name in layer_tensors(config)}
        shapes = layer_tensors(config)
        layers.append(BlockLayer(
            {name.removesuffix(".weight"): matrix(full) for name, full in parts.items() if len(shapes[name]) == 2},
            {name.removesuffix(".weight"): source.tensor(full)
             for name, full in parts.items() if len(shapes[name]) == 1},
        ))  # fmt: skip
        if progress:
            progress(number + 1, config.layers)
    output = matrix("token_embd.weight" if config.tied else "output.weight")
    embedding = source.records("token_embd.weight")
    counted = [
        Held(*key, len(found), sum(len(one.rows) * one.k for one in found), sum(one.rows.size for one in found))
        for key, found in held.items()
    ]
    counted.sort(key=lambda one: -one.elements)
    norm = source.tensor("output_norm.weight")
    return BlockModel(
        config, activations or activation_format(form), kept_format(form),
        source.tensor("token_embd.weight") if embedding is None else embedding, layers, norm, output,
        source.rope_factors(), counted,
    )  # fmt: skip


def _quantized(source: Source, name: str, form: BlockFormat) -> Records:
    values = source.tensor(name)
    try:
        return Records.normalized(values, form)
    except TilewrightError as error:
        raise TilewrightError(f"{name}: {error}") from None
