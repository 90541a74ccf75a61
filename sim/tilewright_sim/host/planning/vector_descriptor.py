"""The descriptor of an operation of the vector engine on arrays in the device's memory."""

import math
from typing import Any

import numpy as np

from tilewright.accelerator.contract import (
    ONE_TYPE,
    PARTIALS,
    ROTATIONS,
    SOFTMAXES,
    WITH_Y,
    AcceleratorConfig,
    ElementType,
    Operation,
    result_shape,
)
from tilewright.accelerator.vector import RecordFormat
from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat

from ..arrays import DeviceArray
from ..descriptor import VectorDescriptor, flag_bits

__all__ = [
    "check_operands",
    "check_records",
    "choices_of",
    "operation_of",
    "result_types",
    "scalars_of",
    "vector_descriptor",
]

_TYPES: dict[str, Any] = {
    "float32": ElementType.FLOAT32,
    "uint16": ElementType.BF16,
    "int32": ElementType.INT32,
    "int8": ElementType.INT8_COLUMNS,
}
_NORMS: tuple[Any, ...] = (Operation.RMS_NORM, Operation.LAYER_NORM)
_LONGEST_WINDOW = (1 << 16) - 1
_LARGEST, _LEAST = (float(size) for size in (np.finfo(np.float32).max, np.finfo(np.float32).smallest_normal))


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
    factor = operation in (Operation.SCALE, Operation.ABS_MAX, *SOFTMAXES)
    defaults = float(factor), 1 / n if norm else 0.0
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
    for name, array in (("x", x), ("c", c), ("y", y)):
        if not isinstance(array, DeviceArray) and not (name == "y" and array is None):
            raise TilewrightError(f"{name} is a {type(array).__name__}: it must be an array in the device's memory")
    what = operation_of(operation)
    check_operands(config, what, x, y)
    m, n = x.shape
    if m > config.size_limit:
        raise TilewrightError(f"x has {m} rows: a descriptor takes up to {config.size_limit}")
    if c.form:
        form = check_records(config, what, n)
        _check_type("c", c, (form.name,))
    else:
        _check_type("c", c, result_types(what))
    wanted = list(result_shape(what, m, n))
    if [c.shape[0], c.k] != wanted:
        raise TilewrightError(f"c is {[c.shape[0], c.k]}: must be {wanted} with x {[m, n]}")
    choices = choices_of(what, n, scalar=scalar, scalar2=scalar2, limit=limit, causal=causal, window=window)
    letters = "x" if y is None else "xy"
    if set(fences) - set(letters):
        raise TilewrightError(f"fences = {fences!r}: must be letters of {letters!r}, the operands of {what.name}")
    flags = ["FENCE_A"] if "x" in fences else []
    flags += ["FENCE_B"] if "y" in fences else []
    flags += ["CAUSAL"] if causal else []
    flags += ["INTERRUPT"] if interrupt else []
    return VectorDescriptor(
        operation=what, flags=flag_bits(*flags), m=m, n=n,
        a_address=x.address, b_address=y.address if y else 0, c_address=c.address,
        a_stride=x.stride, b_stride=y.stride if y and y.shape[0] > 1 else 0, c_stride=c.stride,
        x_type=_TYPES[x.dtype.name], y_type=_TYPES[y.dtype.name] if y else ElementType.FLOAT32,
        c_type=ElementType.RECORDS if c.form else _TYPES[c.dtype.name],
        **choices,
    )  # fmt: skip


def result_types(operation: Any) -> tuple[str, ...]:
    """Return the types that the result of an operation can have besides records, the usual one first."""
    if operation in ONE_TYPE:
        return tuple(name for name, kind in _TYPES.items() if kind is ONE_TYPE[operation])
    return "float32", "uint16"


def choices_of(
    operation: Any,
    n: int,
    *,
    scalar: float | None = None,
    scalar2: float | None = None,
    limit: int | None = None,
    causal: bool = False,
    window: int = 0,
) -> dict[str, Any]:
    """Return fields of a descriptor for rows of n elements: ``k``, ``window``, ``scalar`` and ``scalar2``.

    Raises
    ------
    TilewrightError
        If the operation does not take them.
    """
    factors = scalars_of(operation, n, scalar, scalar2)
    k = 0
    if operation in SOFTMAXES:
        k = min(n if limit is None else _number("limit", limit, 1), n)
        window = _number("window", window, 0, _LONGEST_WINDOW)
        if not factors[0] >= _LEAST:
            raise TilewrightError(f"scalar = {factors[0]:g}: must be positive with {operation.name}, from {_LEAST:g}")
    elif causal or window or limit is not None:
        raise TilewrightError(f"limit, causal and window are of softmaxes: {operation.name} has none of them")
    return {"k": k, "window": window, "scalar": factors[0], "scalar2": factors[1]}


def check_operands(config: AcceleratorConfig, operation: Any, x: Any, y: Any) -> None:
    """Raise `TilewrightError` if matrices have types or shapes that an operation does not take.

    Parameters
    ----------
    config : AcceleratorConfig
    operation : Operation
    x, y : DeviceArray or numpy array
        Matrices; ``y`` is None if there is none.
    """
    if not config.vector_lanes:
        raise TilewrightError("this configuration has no vector engine: set vector_lanes = 4, for example")
    name = operation.name
    _check_type("x", x, ("float32", "uint16", "int32"))
    m, n = x.shape
    if n > config.size_limit:
        raise TilewrightError(f"a row of x has {n} elements: this hardware takes up to {config.size_limit}")
    if operation == Operation.QUANTIZE and not config.unaligned:
        raise TilewrightError("QUANTIZE writes bytes at any address: set unaligned")
    if operation in ROTATIONS:
        _check_rotation(config, operation, n)
    if (operation in WITH_Y) != (y is not None):
        raise TilewrightError(f"{name} needs y" if y is None else f"{name} has no y")
    if y is None:
        return
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


def check_records(config: AcceleratorConfig, operation: Any, n: int) -> BlockFormat:
    """Return the format of results that are records; `TilewrightError` if there is none for rows of n elements."""
    records = RecordFormat.of(config.a)
    if records is None:
        raise TilewrightError(
            f"records: a_format is {config.a.name} here; results can be records of q8_0 and q8_e5m3, the format of A"
        )
    if operation in ONE_TYPE:
        raise TilewrightError(f"records: the results of {operation.name} are {result_types(operation)[0]}")
    longest = records.longest_row(config)
    if n > longest:
        full = records.form.row_bytes(longest)
        raise TilewrightError(
            f"n = {n}: records of {records.form.name} can be rows of {longest} elements at most, 64 * vector_lanes, "
            f"since the {full} bytes of so many are not whole bus words of {config.word_bytes}; set unaligned"
        )
    return records.form


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
    form = getattr(array, "form", None)
    held = form.name if form else array.dtype.name
    if held not in types:
        raise TilewrightError(f"{name} is {held}: must be {' or '.join(types)}")


def _number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return an integer in a range."""
    limits = f"at least {least}" if most is None else f"{least} to {most}"
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not integer or value < least or (most is not None and value > most):
        raise TilewrightError(f"{name} = {value!r}: must be an integer, {limits}")
    return int(value)
