"""Compare every tensor that the chip computes with the golden model, while it runs."""

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError

from .chip_ops import ChipVectorOps
from .golden_ops import GoldenVectorOps
from .host_ops import Floats
from .int8.chip import ChipModel
from .int8.golden import GoldenModel

__all__ = ["CheckedModel", "CheckedOps", "MismatchError", "check_equal"]


class MismatchError(TilewrightError):
    """The hardware and the golden model differ."""


class CheckedOps:
    """`VectorOps` of the vector engine that are compared with `GoldenVectorOps`, bit for bit, on the same operands.

    Every method raises `MismatchError` if an element differs: with the layer, the operation, the position, the values.

    Parameters
    ----------
    chip : ChipVectorOps

    Attributes
    ----------
    compared : int
        Number of elements that were compared and were equal.
    """

    def __init__(self, chip: ChipVectorOps):
        self.chip = chip
        self.golden = GoldenVectorOps(chip.host)
        self.compared = 0

    def norm(self, x: Floats, weight: Floats) -> Floats:
        return self._same("norm", self.chip.norm(x, weight), self.golden.norm(x, weight))

    def rotate(self, x: Floats, positions: NDArray[np.int64]) -> Floats:
        return self._same("rotate", self.chip.rotate(x, positions), self.golden.rotate(x, positions))

    def softmax(self, scores: Floats, positions: NDArray[np.int64], scale: float = 1.0) -> Floats:
        found, wanted = (ops.softmax(scores, positions, scale) for ops in (self.chip, self.golden))
        return self._same("softmax", found, wanted)

    def gate(self, gate: Floats, up: Floats) -> Floats:
        return self._same("gate", self.chip.gate(gate, up), self.golden.gate(gate, up))

    def add(self, x: Floats, y: Floats) -> Floats:
        return self._same("add", self.chip.add(x, y), self.golden.add(x, y))

    def quantize(self, x: Floats) -> tuple[NDArray[np.int8], Floats]:
        return self.chip.quantize(x)

    def _same(self, name: str, found: Floats, wanted: Floats) -> Floats:
        different = np.ascontiguousarray(found).view(np.uint32) != np.ascontiguousarray(wanted).view(np.uint32)
        check_equal(f"layer {self.chip.jobs.layer}, {name}", found, wanted, different)
        self.compared += found.size
        return found


class CheckedModel:
    """A chip whose tensors are compared with those of the golden model as soon as they are computed.

    Parameters
    ----------
    chip : ChipModel
        Its ``observe`` is replaced, and its ``ops`` if they run on the vector engine.

    Members
    -------
    compared : int
        Number of sums that were compared and were equal.
    ops : CheckedOps or None
        Results of the vector engine are compared by these.
    """

    def __init__(self, chip: ChipModel):
        self.chip = chip
        self.ops = CheckedOps(chip.ops) if isinstance(chip.ops, ChipVectorOps) else None
        self.golden = GoldenModel(chip.model, chip.context, self._keep, self.ops.golden if self.ops else None)
        chip.ops = self.ops or chip.ops
        self.compared = 0
        self._wanted: dict[tuple[int, str], NDArray] = {}
        chip.observe = self._compare

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Run the golden model, then the chip; see `ChipModel.forward`.

        Raises
        ------
        MismatchError
            At the first tensor that differs: with the layer, the operation, the position and the values.
        """
        self._wanted.clear()
        self.golden.forward(tokens, logits=logits)
        result = self.chip.forward(tokens, logits=logits)
        if self._wanted:
            layer, name = next(iter(self._wanted))
            raise MismatchError(f"layer {layer}, {name}: the hardware did not compute it")
        return result

    def _keep(self, layer: int, name: str, sums: NDArray) -> None:
        self._wanted[layer, name] = sums.copy()

    def _compare(self, layer: int, name: str, sums: NDArray) -> None:
        wanted = self._wanted.pop((layer, name))
        if sums.shape != wanted.shape:
            raise MismatchError(f"layer {layer}, {name}: it is {list(sums.shape)}, it must be {list(wanted.shape)}")
        check_equal(f"layer {layer}, {name}", sums, wanted, sums != wanted)
        self.compared += sums.size


def check_equal(what: str, sums: NDArray, wanted: NDArray, different: NDArray[np.bool_]) -> None:
    """Raise `MismatchError` with the first of those that are different; ``what`` says which sums they are."""
    wrong = np.argwhere(different)
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        raise MismatchError(
            f"{what}, position {list(place)}: the hardware gave {sums[place]}, the golden model {wanted[place]}; "
            f"{len(wrong):,} of {sums.size:,} differ"
        )
