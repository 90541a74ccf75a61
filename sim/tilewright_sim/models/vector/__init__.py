"""Golden model of the vector engine: float32, defined to the bit by operations of a lane."""

from . import functions, lanes
from .operations import (
    NO_INDEX,
    OPERATIONS,
    argmax,
    filling,
    from_bf16,
    from_int32,
    layer_norm,
    quantize_rows,
    rms_norm,
    rotate,
    row_magnitude,
    row_max,
    row_sum,
    run,
    softmax,
    to_bf16,
)
from .records import to_records
from .stored import run_stored

__all__ = [
    "NO_INDEX",
    "OPERATIONS",
    "argmax",
    "filling",
    "from_bf16",
    "from_int32",
    "functions",
    "lanes",
    "layer_norm",
    "quantize_rows",
    "rms_norm",
    "rotate",
    "row_magnitude",
    "row_max",
    "row_sum",
    "run",
    "run_stored",
    "softmax",
    "to_bf16",
    "to_records",
]
