"""The descriptor of an operation of the vector engine on arrays in the device's memory."""

import math
from typing import Any

import numpy as np

from tilewright.accelerator.contract import PARTIALS, ROTATIONS, WITH_Y, AcceleratorConfig, ElementType, Operation
from tilewright.base import TilewrightError

from .arrays import DeviceArray
from .descriptor import VectorDescriptor, flag_bits

__all__ = ["check_vector_lanes", "operation_of", "scalars_of", "vector_descriptor"]

_TYPES: dict[str, Any] = {
    "float32": ElementType.FLOAT32,
    "uint16": ElementType.BF16,
    "int32": ElementType.INT32,
}
_NORMS: tuple[Any, ...] = (Operation.RMS_NORM, Operation.LAYER_NORM)
_LONGEST_WINDOW = (1 << 16) - 1
_LARGEST = float(np.finfo(np.float32).max)


def check_vector_lanes(config: AcceleratorConfig) -> None:
    """Raise `TilewrightError` if the configuration has no vector engine."""
    if not config.vector_lanes:
        raise TilewrightError("this configuration has no vector engine: set vector_lanes = 4, for example")


def operation_of(name: str | Operation) -> Any:
    """Return an operation by its name, or as it is."""
    if isinstance(name, Operation):
        return name
    if not isinstance(name, str) or name not in Operation.__members__:
        raise TilewrightError(f"operation = {name!r}: must be one of {', '.join(Operation.__members__)}")
    return Operation.__members__[name]


def scalars_of(operation: Any, n: int, scalar: float | None, scalar2: float | None) -> tuple[float, float]:
    """Return the scalars of an operation on rows of n elements, with their defaults."""
    norm = operation in _NORMS
    defaults = float(operation in (Operation.SCALE, Operation.SOFTMAX)), 1 / n if norm else 0.0
    found = []
    for name, value, default in zip(("scalar", "scalar2"), (scalar, scalar2), defaults, strict=True):
        try:
            number = default if value is None else float(value)
        except (TypeError, ValueError):
            raise TilewrightError(f"{name} = {value!r}: must be a number") from None
        if math.isfinite(number) and abs(number) > _LARGEST:
            raise TilewrightError(f"{name} = {number:g}: must be a float32, up to {_LARGEST:g}")
        found.append(number)
    return found[0], found[1]


def vector_descriptor(
    config: AcceleratorConfig,
    operation: str | Operation,
    x: DeviceArray,
    c: DeviceArray,
    y: DeviceArray | None,
    *,
    scalar: float | None,
    scalar2: float | None,
    limit: int | None,
    causal: bool,
    window: int,
    fences: str,
    interrupt: bool,
) -> VectorDescriptor:
    """Return the descriptor; see `Workspace.vector_descriptor`."""
    check_vector_lanes(config)
    what = operation_of(operation)
    _check_arrays(config, what, x, c, y)
    m, n = x.shape
    k = 0
    if what == Operation.SOFTMAX:
        k = min(n if limit is None else _number("limit", limit, 1), n)
        window = _number("window", window, 0, _LONGEST_WINDOW)
    elif causal or window or limit is not None:
        raise TilewrightError(f"limit, causal and window are of SOFTMAX: {what.name} has none of them")
    letters = "x" if y is None else "xy"
    if set(fences) - set(letters):
        raise TilewrightError(f"fences = {fences!r}: must be letters of {letters!r}, the operands of {what.name}")
    flags = [f"FENCE_{'ab'['xy'.index(letter)].upper()}" for letter in fences]
    flags += ["CAUSAL"] if causal else []
    flags += ["INTERRUPT"] if interrupt else []
    factors = scalars_of(what, n, scalar, scalar2)
    return VectorDescriptor(
        operation=what, flags=flag_bits(*flags), m=m, n=n, k=k, window=window, scalar=factors[0], scalar2=factors[1],
        a_address=x.address, b_address=y.address if y else 0, c_address=c.address,
        a_stride=x.stride, b_stride=y.stride if y and y.shape[0] > 1 else 0, c_stride=c.stride,
        x_type=_TYPES[x.dtype.name], y_type=_TYPES[y.dtype.name] if y else ElementType.FLOAT32,
        c_type=_TYPES[c.dtype.name],
    )  # fmt: skip


def _check_arrays(config: AcceleratorConfig, operation: Any, x: DeviceArray, c: DeviceArray, y: DeviceArray | None):
    """Raise `TilewrightError` if types or shapes are none that the operation takes."""
    name = operation.name
    _check_type("x", x, ("float32", "uint16", "int32"))
    m, n = x.shape
    if max(m, n) > config.size_limit:
        raise TilewrightError(f"x is {[m, n]}: this hardware takes up to {config.size_limit} rows and columns")
    if operation in ROTATIONS:
        _check_rotation(config, operation, n)
    if (operation in WITH_Y) != (y is not None):
        raise TilewrightError(f"{name} needs y" if y is None else f"{name} has no y")
    if y is not None:
        _check_type("y", y, ("float32", "uint16"))
        columns = 2 * n if operation in ROTATIONS else n
        if tuple(y.shape) not in ((m, columns), (1, columns)):
            raise TilewrightError(f"y is {list(y.shape)}: must be {[m, columns]} or {[1, columns]} with x {[m, n]}")
        sines = n * y.dtype.itemsize
        if operation in ROTATIONS and sines % config.word_bytes and not config.unaligned:
            raise TilewrightError(
                f"n = {n}: the sines begin at byte {sines} of a row of y, {y.dtype}: must be a multiple of "
                f"{config.word_bytes}, a bus word"
            )
    index = operation == Operation.ARGMAX
    _check_type("c", c, ("int32",) if index else ("float32", "uint16"))
    wanted = [m, 1 if index else n]
    if list(c.shape) != wanted:
        raise TilewrightError(f"c is {list(c.shape)}: must be {wanted} with x {[m, n]}")


def _check_rotation(config: AcceleratorConfig, operation: Any, n: int) -> None:
    longest = PARTIALS * config.vector_lanes
    halves = operation == Operation.ROTATE_HALVES
    if n > longest:
        raise TilewrightError(f"n = {n}: a rotated row must be at most 64 * vector_lanes = {longest} elements")
    if n % 2:
        raise TilewrightError(f"n = {n}: a rotated row must be pairs; the nearest is {n + 1}")
    if halves and n & (n - 1):
        raise TilewrightError(
            f"n = {n}: a power of 2 with ROTATE_HALVES; the nearest below is {1 << n.bit_length() - 1}"
        )


def _check_type(name: str, array: Any, types: tuple[str, ...]) -> None:
    held = array.form.name if getattr(array, "form", None) else getattr(getattr(array, "dtype", None), "name", None)
    if not isinstance(array, DeviceArray) or held not in types:
        raise TilewrightError(f"{name} is {held or type(array).__name__}: must be {' or '.join(types)} in the device")


def _number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return an integer in a range."""
    limits = f"at least {least}" if most is None else f"{least} to {most}"
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < least or (most is not None and value > most):
        raise TilewrightError(f"{name} = {value!r}: must be an integer, {limits}")
    return int(value)
