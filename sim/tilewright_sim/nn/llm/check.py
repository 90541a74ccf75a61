"""Compare every tensor that the chip computes with the golden model, while it runs."""

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError

from .chip_model import ChipModel
from .golden_model import GoldenModel

__all__ = ["CheckedModel", "MismatchError", "check_equal"]


class MismatchError(TilewrightError):
    """The hardware and the golden model differ."""


class CheckedModel:
    """A chip whose tensors are compared with those of the golden model as soon as they are computed.

    Parameters
    ----------
    chip : ChipModel
        Its ``observe`` is replaced.

    Members
    -------
    compared : int
        Number of sums that were compared and were equal.
    """

    def __init__(self, chip: ChipModel):
        self.chip = chip
        self.golden = GoldenModel(chip.model, chip.context, self._keep)
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
