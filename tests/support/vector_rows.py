"""Random operands of vector operations: rows of all magnitudes, with infinities, NaN and subnormal numbers."""

import numpy as np

from tilewright.accelerator.contract import PARTIALS, ROTATIONS, SOFTMAXES, WITH_Y, Operation

SPECIAL = np.array(
    [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF,
     0x80000000, 0x00000000, 0x3F800000], np.uint32).view(np.float32)  # fmt: skip
NORMS = ("RMS_NORM", "LAYER_NORM")


def floats(rng, shape):
    """Rows of float32 of [m, n]: some of magnitudes close together, some of all; in a quarter of them odd numbers."""
    m, n = shape
    center = np.where(rng.random((m, 1)) < 0.25, rng.uniform(-140, 128, (m, 1)), rng.uniform(-12, 12, (m, 1)))
    spread = rng.choice([0, 3, 20, 270], (m, 1), p=[0.3, 0.4, 0.2, 0.1])
    exponents = center + spread * rng.uniform(-1, 1, (m, n))
    with np.errstate(over="ignore", under="ignore"):
        values = (rng.standard_normal((m, n)) * np.exp2(np.clip(exponents, -149, 130))).astype(np.float32)
    odd = (rng.random((m, n)) < 0.05) & (rng.random((m, 1)) < 0.25)
    values[odd] = rng.choice(SPECIAL, np.count_nonzero(odd))
    return values


def rows(rng, shape, kind):
    """Rows of a type: float32, uint16 (the bits of bf16) or int32."""
    if kind == "int32":
        return (rng.integers(-(1 << 31), 1 << 31, shape) >> rng.integers(0, 31, shape)).astype(np.int32)
    values = floats(rng, shape)
    return values if kind == "float32" else (values.view(np.uint32) >> 16).astype(np.uint16)


def operands(rng, operation, shape, x_type="float32", y_type="float32", one_row=None):
    """Return x, y or None, and the other arguments of `Runtime.vector`, drawn at random.

    ``one_row``: y is one row for all, by default at random.
    """
    m, n = shape
    what = Operation[operation]
    x, y, choices = rows(rng, shape, x_type), None, {}
    if what in WITH_Y:
        one = rng.random() < 0.3 if one_row is None else one_row
        y = rows(rng, (1 if one else m, n * (2 if what in ROTATIONS else 1)), y_type)
    if operation in ("SCALE", *NORMS):
        choices["scalar"] = float(rng.choice([1.0, 0.125, 1e-5]) if rng.random() < 0.6 else floats(rng, (1, 1))[0, 0])
    if operation == "ABS_MAX":
        choices["scalar"] = 1 / 127
    if what in SOFTMAXES:
        choices["scalar"] = float(np.exp2(rng.uniform(-20, 3)))
        choices["limit"] = int(rng.integers(1, n + 1)) if rng.random() < 0.7 else None
        choices["causal"] = bool(rng.random() < 0.5)
        choices["window"] = int(rng.integers(1, n + 2)) if rng.random() < 0.4 else 0
    return x, y, choices


def fitting(config, operation, shape, y_type="float32"):
    """Return the shape, or the nearest that a rotation takes."""
    m, n = shape
    if Operation[operation] not in ROTATIONS:
        return shape
    step = 2 if config.unaligned else max(2, config.word_bytes // np.dtype(y_type).itemsize)
    n = min(max(n // step * step, step), PARTIALS * config.vector_lanes)
    return m, 1 << n.bit_length() - 1 if operation == "ROTATE_HALVES" else n
