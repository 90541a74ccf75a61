"""Compare every tensor of a network that ran without the host with the golden model."""

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import Records, vector

from ..blocks.network import Tensor
from ..check import check_equal
from .memory import TokenMemory
from .network import golden_network

__all__ = ["TokenCheck"]

_PRODUCTS = ("q", "k", "v", "scores", "mixed", "output", "gate", "up", "down", "logits")


class TokenCheck:
    """Runs the network in numpy, and compares its tensors with those in the device's memory, bit for bit.

    Parameters
    ----------
    memory : TokenMemory
        With the tensors of the layers apart.

    Attributes
    ----------
    compared : int
        Number of sums that were compared and were equal.
    compared_vectors : int
        The same of results of vector operations, elements of records included.
    """

    def __init__(self, memory: TokenMemory):
        self.memory, self.model = memory, memory.model
        self.compared = self.compared_vectors = 0
        self._tokens = self._end = 0
        self.network = golden_network(self.model, memory.context, self._compare)

    def forward(self, tokens: list[int], logits: str) -> None:
        """Read the tokens that the device has just read.

        Raises
        ------
        MismatchError
            If an element differs: with the layer, the tensor, the position and the values.
        """
        self._tokens, self._end = len(tokens), self.network.length + len(tokens)
        self.network.forward(tokens, logits="none" if logits == "none" else "last")

    def _compare(self, layer: int, name: str, value: Tensor) -> None:
        wanted = value.rows if isinstance(value, Records) else np.ascontiguousarray(value)
        found = self._there(layer, name, wanted)
        different = found != wanted if wanted.dtype == np.uint8 else found.view(np.uint32) != wanted.view(np.uint32)
        check_equal(f"layer {layer}, {name}", found, wanted, different)
        if name in _PRODUCTS:
            self.compared += wanted.size
        else:
            self.compared_vectors += len(value.rows) * value.k if isinstance(value, Records) else wanted.size
        if name == "logits" and self.model.config.vocab <= self.memory.workspace.config.size_limit:
            index, likeliest = self.memory.index.numpy(), vector.argmax(wanted.astype(np.float32)).reshape(1, 1)
            check_equal("likeliest token", index, likeliest, index != likeliest)
            self.compared_vectors += 1

    def _there(self, layer: int, name: str, wanted: NDArray) -> NDArray:
        """Return what is in the device's memory, in the shape that is wanted."""
        memory, config, tokens, end = self.memory, self.model.config, self._tokens, self._end
        if name in ("last", "logits"):
            return (memory.last if name == "last" else memory.logits).numpy()
        if name == "out":
            return memory.stream(layer + 1).numpy()[:tokens]
        found = memory.tensor(layer, name).numpy()
        if name == "keys":
            return found.reshape(config.kv_heads, memory.context, -1)[:, :end]
        if name in ("scales", "values"):
            return found[:, : wanted.shape[1]]
        if name in ("scores", "shares", "queries"):
            found = np.ascontiguousarray(found[: config.heads * tokens, : wanted.shape[-1]])
            return found.reshape(wanted.shape)
        return found[:tokens]
