"""The operations between the products as the vector engine computes them, to the bit, in numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.vector import RecordFormat
from tilewright.formats import BlockFormat
from tilewright_sim.models import Records, vector

from .host_ops import Floats, HostOps, Rotation

__all__ = ["GoldenVectorOps", "golden_records", "turns"]


class GoldenVectorOps:
    """`VectorOps` through `tilewright_sim.models.vector`; `quantize` is that of the host.

    Parameters
    ----------
    host : HostOps
        Has the epsilon of the norms and the rotation.
    """

    def __init__(self, host: HostOps):
        self.host = host

    def norm(self, x: Floats, weight: Floats) -> Floats:
        n = x.shape[-1]
        return _rows("RMS_NORM", x, weight, scalar=float(self.host.epsilon), scalar2=1 / n)

    def rotate(self, x: Floats, positions: NDArray[np.int64]) -> Floats:
        y = np.repeat(turns(self.host.rotation, positions), x.shape[1], axis=0)
        return _rows("ROTATE_ADJACENT", x, y)

    def softmax(self, scores: Floats, positions: NDArray[np.int64], scale: float = 1.0) -> Floats:
        limit = int(positions[0]) + 1
        return np.stack([_rows("SOFTMAX", head, scalar=scale, limit=limit, causal=True) for head in scores])

    def gate(self, gate: Floats, up: Floats) -> Floats:
        return _rows("SILU", gate, up)

    def add(self, x: Floats, y: Floats) -> Floats:
        return _rows("ADD", x, y)

    def quantize(self, x: Floats) -> tuple[NDArray[np.int8], Floats]:
        return self.host.quantize(x)


def golden_records(x: Floats, form: BlockFormat) -> Records:
    """Return the records of rows, in a format that the vector engine can write: see `vector.to_records`."""
    known = RecordFormat.of(form)
    assert known is not None, form.name
    return Records(form, x.shape[1], vector.to_records(x, known))


def turns(rotation: Rotation, positions: NDArray[np.int64]) -> Floats:
    """Return what a row of each position is rotated with, [positions, 2 * head_width]: cosines, then signed sines."""
    cos, sin = (values[:, 0] for values in rotation.at(positions))
    both = [np.repeat(cos, 2, axis=1), np.stack([-sin, sin], axis=2).reshape(len(sin), -1)]
    return np.concatenate(both, axis=1)


def _rows(operation: str, x: Floats, y: Floats | None = None, **choices: Any) -> Floats:
    """Return what an operation makes of ``x`` [..., n], its rows one after the other; ``y`` as in `vector.run`."""
    n = x.shape[-1]
    other = None if y is None else y.reshape(-1, y.shape[-1])
    return np.asarray(vector.run(operation, x.reshape(-1, n), other, **choices)).reshape(x.shape)
