"""What a network that runs without the host has in the device's memory."""

import numpy as np

from tilewright_sim.host import Allocator, DeviceArray, Workspace
from tilewright_sim.models import Records

from ..blocks.model import BlockModel
from ..blocks.values import code_records
from ..golden_ops import turns

__all__ = ["TokenMemory", "unlimited"]


class TokenMemory:
    """Weights, the cache of keys and values, and the tensors between the operations.

    Everything is allocated here; nothing is copied later but the embeddings of the tokens.

    Parameters
    ----------
    workspace : Workspace
    model : BlockModel
    context : int
        Maximum number of tokens in all.
    block : int
        Maximum number of tokens that are read together.
    apart : bool
        Each layer has its own tensors, so that all of them are there after the last one; otherwise layers share them.

    Attributes
    ----------
    weights : dict from Records to DeviceArray
    vectors : list of dict from str to DeviceArray
        Norms and biases of each layer, a row each.
    output_norm : DeviceArray
    turns : DeviceArray
        float32 [context, 2 * head_width]: what heads at each position are rotated with.
    """

    def __init__(self, workspace: Workspace, model: BlockModel, context: int, block: int, apart: bool = False):
        config = model.config
        self.workspace, self.model, self.context, self.block = workspace, model, context, block
        self.form = workspace.config.a
        self.weights: dict[Records, DeviceArray] = {one: workspace.records(one) for one in model.matrices()}
        self.vectors = [
            {name: workspace.array(values[None]) for name, values in layer.vectors.items()} for layer in model.layers
        ]
        self.output_norm = workspace.array(model.output_norm[None])
        self.turns = workspace.array(turns(model.host_ops().rotation, np.arange(context)))
        self.index = workspace.empty((1, 1), np.int32)
        self.logits = workspace.empty((1, config.vocab), np.float32)
        self.last = self._records(1, config.hidden)
        self._caches = [
            {
                "keys": self._records(config.kv_heads * context, config.head_width),
                "values": workspace.records(code_records(self.form, config.kv_width, context)),
                "scales": workspace.array(np.zeros((1, context), np.float32)),
            }
            for _ in model.layers
        ]
        self._tensors = [self._layer_tensors() for _ in (model.layers if apart else model.layers[:1])]
        self._inputs = [self._floats(block, config.hidden) for _ in (range(config.layers + 1) if apart else range(1))]

    def tensor(self, layer: int, name: str) -> DeviceArray:
        """Return a tensor of a layer, with rows for as many tokens as may be read together; see `_layer_tensors`.

        Those of the cache have all positions: ``keys``, records with rows for those of each head, ``values``, records
        [kv_width, context] of one scale, and ``scales``, float32 [1, context]: see `ColumnValues`.
        """
        cache = self._caches[layer]
        return cache[name] if name in cache else self._tensors[layer % len(self._tensors)][name]

    def stream(self, layer: int) -> DeviceArray:
        """Return the input of a layer, float32 [block, hidden]; of the number of layers, the output of the last one."""
        return self._inputs[layer % len(self._inputs)]

    def _layer_tensors(self) -> dict[str, DeviceArray]:
        config, block = self.model.config, self.block
        widths = {"q": config.q_width, "k": config.kv_width, "v": config.kv_width}
        more = {f"{name} with bias": self._floats(block, width) for name, width in widths.items() if config.qkv_bias}
        more |= {f"{name} normed": self._floats(block, widths[name]) for name in "qk" if config.qk_norm}
        return more | {
            "normed": self._records(block, config.hidden),
            **{name: self._floats(block, width) for name, width in widths.items()},
            "queries": self._records(config.heads * block, config.head_width),
            "scores": self._floats(config.heads * block, self.context),
            "shares": self._records(config.heads * block, self.context),
            "mixed": self._floats(block, config.q_width),
            "heads": self._records(block, config.q_width),
            "output": self._floats(block, config.hidden),
            "attended": self._floats(block, config.hidden),
            "normed again": self._records(block, config.hidden),
            "gate": self._floats(block, config.ffn),
            "up": self._floats(block, config.ffn),
            "gated": self._records(block, config.ffn),
            "down": self._floats(block, config.hidden),
        }

    def _floats(self, rows: int, columns: int) -> DeviceArray:
        return self.workspace.empty((rows, columns), np.float32)

    def _records(self, rows: int, k: int) -> DeviceArray:
        return self.workspace.records(Records(self.form, k, np.zeros((rows, self.form.row_bytes(k)), np.uint8)))


class _Unlimited:
    """Memory in which nothing is kept."""

    memory = range(1 << 62)

    def write_memory(self, address: int, data: object) -> None:
        """Do nothing."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return zeros."""
        return bytes(size)


def unlimited(config: object) -> Workspace:
    """Return a workspace of a configuration whose memory is large enough for everything, and keeps nothing."""
    device = _Unlimited()
    return Workspace(device, config, Allocator(device.memory))  # type: ignore[arg-type]  # it has no registers
