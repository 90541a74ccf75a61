"""Golden model of the vector engine's results as they lie in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.vector import RecordFormat

from .operations import filling, run, to_bf16
from .records import to_records

__all__ = ["run_stored"]


def run_stored(
    operation: str,
    x: NDArray,
    y: NDArray | None,
    scalar: float,
    scalar2: float,
    *,
    stored: str | RecordFormat,
    **choices: Any,
) -> NDArray:
    """Return what an operation writes to memory.

    Parameters
    ----------
    operation, x, y, scalar, scalar2
        See `run`.
    stored : str or RecordFormat
        ``float32``, ``int32`` or ``int8``: the result of `run` as it is; ``uint16``: the bits of bf16; or records.
    **choices
        ``limit``, ``causal`` and ``window`` of `run`.

    Returns
    -------
    array
        [m, n] of that type, of ARGMAX [m]; uint8 [m, bytes] of records.
    """
    with np.errstate(all="ignore"):
        found = run(operation, x, y, scalar, scalar2, **choices)
        if isinstance(stored, RecordFormat):
            return to_records(found, stored, filling(operation, x, scalar, scalar2))
        return to_bf16(found) if stored == "uint16" else found
