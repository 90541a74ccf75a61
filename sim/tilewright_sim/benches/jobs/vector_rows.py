"""Random operands of vector operations: rows of all magnitudes, with infinities, NaN and subnormal numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import PARTIALS, ROTATIONS, SOFTMAXES, WITH_Y, AcceleratorConfig, Operation

__all__ = ["NORMS", "draw_choices", "draw_floats", "draw_operands", "draw_rows", "fitting"]

NORMS = ("RMS_NORM", "LAYER_NORM")
_SPECIAL = np.array(
    [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF,
     0x80000000, 0x00000000, 0x3F800000], np.uint32).view(np.float32)  # fmt: skip


def draw_floats(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return rows [m, n]: some of magnitudes close together, some of all; in a quarter of them odd numbers."""
    m, n = shape
    center = np.where(rng.random((m, 1)) < 0.25, rng.uniform(-140, 128, (m, 1)), rng.uniform(-12, 12, (m, 1)))
    spread = rng.choice([0, 3, 20, 270], (m, 1), p=[0.3, 0.4, 0.2, 0.1])
    exponents = center + spread * rng.uniform(-1, 1, (m, n))
    with np.errstate(over="ignore", under="ignore"):
        values = (rng.standard_normal((m, n)) * np.exp2(np.clip(exponents, -149, 130))).astype(np.float32)
    odd = (rng.random((m, n)) < 0.05) & (rng.random((m, 1)) < 0.25)
    values[odd] = rng.choice(_SPECIAL, np.count_nonzero(odd))
    return values


def draw_rows(rng: np.random.Generator, shape: tuple[int, int], kind: str) -> NDArray:
    """Return rows of a type: float32, uint16 (the bits of bf16) or int32."""
    if kind == "int32":
        return (rng.integers(-(1 << 31), 1 << 31, shape) >> rng.integers(0, 31, shape)).astype(np.int32)
    values = draw_floats(rng, shape)
    return values if kind == "float32" else (values.view(np.uint32) >> 16).astype(np.uint16)


def draw_choices(rng: np.random.Generator, operation: str, n: int) -> dict[str, Any]:
    """Return arguments of `Runtime.vector` for rows of n elements: scalar, limit, causal, window."""
    if operation in ("SCALE", "ABS_MAX", *NORMS):
        usual = rng.random() < 0.6
        return {"scalar": float(rng.choice([1.0, 0.125, 1e-5]) if usual else draw_floats(rng, (1, 1))[0, 0])}
    if Operation.__members__[operation] not in SOFTMAXES:
        return {}
    return {
        "scalar": float(np.exp2(rng.uniform(-20, 3))),
        "limit": int(rng.integers(1, n + 1)) if rng.random() < 0.7 else None,
        "causal": bool(rng.random() < 0.5),
        "window": int(rng.integers(1, n + 2)) if rng.random() < 0.4 else 0,
    }


def draw_operands(
    rng: np.random.Generator,
    operation: str,
    shape: tuple[int, int],
    x_type: str = "float32",
    y_type: str = "float32",
    one_row: bool | None = None,
) -> tuple[NDArray, NDArray | None, dict[str, Any]]:
    """Return x, y or None, and `draw_choices`.

    ``one_row``: y is one row for all, by default at random.
    """
    m, n = shape
    what = Operation.__members__[operation]
    x, y = draw_rows(rng, shape, x_type), None
    if what in WITH_Y:
        one = rng.random() < 0.3 if one_row is None else one_row
        y = draw_rows(rng, (1 if one else m, n * (2 if what in ROTATIONS else 1)), y_type)
    return x, y, draw_choices(rng, operation, n)


def fitting(
    config: AcceleratorConfig, operation: str, shape: tuple[int, int], y_type: str = "float32"
) -> tuple[int, int]:
    """Return the shape, or the nearest that a rotation takes."""
    m, n = shape
    if Operation.__members__[operation] not in ROTATIONS:
        return shape
    step = 2 if config.unaligned else max(2, config.word_bytes // np.dtype(y_type).itemsize)
    n = min(max(n // step * step, step), PARTIALS * config.vector_lanes)
    return m, 1 << n.bit_length() - 1 if operation == "ROTATE_HALVES" else n
