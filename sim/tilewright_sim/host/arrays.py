"""Arrays in the device's memory, in the layout that the accelerator requires."""

import contextlib
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tilewright.accelerator.contract import PARAMETER_PITCH_BYTES, STRIDE_BITS
from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat
from tilewright_sim.closing import Closing
from tilewright_sim.models import Records
from tilewright_sim.models import gemm as golden

from .allocator import Allocator
from .device import Device

__all__ = [
    "DeviceArray",
    "DeviceRecords",
    "DeviceView",
    "Parameters",
    "bits_of_bf16",
    "check_addend",
    "check_bias",
    "check_dtype",
    "check_matrix",
    "overflows",
]


class _Region(Closing):
    """Memory of the device, allocated at `address` until `close`."""

    allocator: Allocator
    _address: int

    @property
    def address(self) -> int:
        """The first address; raises `TilewrightError` once it is closed."""
        if self._address < 0:
            raise TilewrightError("this array is closed: its memory in the device is free")
        return self._address

    def close(self) -> None:
        """Free the memory; further calls do nothing."""
        if self._address >= 0:
            self.allocator.free(self._address)
            self._address = -1


class DeviceArray(_Region):
    """A matrix in the device's memory, row-major, each row a whole number of bus words apart.

    Use it in a ``with`` statement, or call `close`.

    Parameters
    ----------
    device : Device
    allocator : Allocator
    shape : (int, int)
    dtype : int8, int32, uint8, float32 or uint16
    word_bytes : int
        Bytes of a bus word: rows begin at multiples of this.
    stride_limit : int
        Maximum distance between rows in bytes.

    Attributes
    ----------
    form : BlockFormat or None
        Of `DeviceRecords` and of views of these.
    k : int
        Elements of a row.
    """

    form: BlockFormat | None = None

    def __init__(
        self,
        device: Device,
        allocator: Allocator,
        shape: tuple[int, int],
        dtype: DTypeLike,
        word_bytes: int,
        stride_limit: int = (1 << STRIDE_BITS) - 1,
    ):
        self.device = device
        self.allocator = allocator
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        if len(shape) != 2 or not all(isinstance(size, int | np.integer) and size >= 1 for size in shape):
            raise TilewrightError(f"an array has the shape {list(shape)}: it must be a matrix of one element or more")
        self.k = shape[1]
        self.stride = -(-shape[1] * self.dtype.itemsize // word_bytes) * word_bytes
        if self.stride > stride_limit:
            raise TilewrightError(f"a row of {self.stride:,} bytes is too long: strides are below {stride_limit + 1:,}")
        self._address = allocator.allocate(int(shape[0]) * self.stride)

    def write(self, values: NDArray) -> None:
        """Write values of the same shape and type, of any strides; the bytes between rows become 0."""
        values = np.asarray(values)
        if values.shape != self.shape or values.dtype.name != self.dtype.name:
            raise TilewrightError(
                f"cannot copy {values.dtype} {list(values.shape)} into {self.dtype} {list(self.shape)}"
            )
        rows = np.zeros((self.shape[0], self.stride // self.dtype.itemsize), dtype=self.dtype)
        rows[:, : self.shape[1]] = values
        self.device.write_memory(self.address, rows.view(np.uint8).reshape(-1))

    def numpy(self) -> NDArray:
        """Return a copy of the values."""
        data = self.device.read_memory(self.address, self.shape[0] * self.stride)
        return np.frombuffer(data, dtype=self.dtype).reshape(self.shape[0], -1)[:, : self.shape[1]].copy()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        """Return a copy of the values, for ``numpy.asarray``."""
        if copy is False:
            raise ValueError("the values are in the device's memory: they can only be copied")
        return self.numpy().astype(dtype or self.dtype, copy=False)


class DeviceRecords(DeviceArray):
    """A matrix of a block format in the device's memory, each row a whole number of bus words apart.

    Parameters
    ----------
    device : Device
    allocator : Allocator
    records : Records
    word_bytes : int
    stride_limit : int
        As in `DeviceArray`.
    """

    def __init__(self, device: Device, allocator: Allocator, records: Records, word_bytes: int, stride_limit: int):
        super().__init__(device, allocator, records.rows.shape, np.uint8, word_bytes, stride_limit)
        self.form, self.k = records.form, records.k
        self.write(records.rows)


class Parameters(_Region):
    """Biases in the device's memory, with multipliers and shifts if there is a `Requant`.

    Parameters
    ----------
    device : Device
    allocator : Allocator
    n : int
        Columns of C.
    bias : int32 array of shape [n], or None for zeros
    requant : Requant or None
    geometry : bytes
        That of a convolution, in front of the biases; `address` is that of the biases.
    """

    def __init__(
        self,
        device: Device,
        allocator: Allocator,
        n: int,
        bias: ArrayLike | None = None,
        requant: golden.Requant | None = None,
        geometry: bytes = b"",
    ):
        if not isinstance(n, int | np.integer) or n < 1:
            raise TilewrightError(f"n = {n!r}: it must be the number of columns of C, at least 1")
        if requant is not None and not isinstance(requant, golden.Requant):
            raise TilewrightError(f"requant is a {type(requant).__name__}: it must be a Requant, or None")
        self.allocator = allocator
        self.n = int(n)
        self.requant = requant
        values = np.zeros((3, -(-4 * n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES // 4), dtype="<i4")
        if bias is not None:
            values[0, :n] = check_bias(bias, n)
        if requant is not None:
            values[1, :n], values[2, :n] = requant.channels(n)
        self._front = len(geometry)
        self._address = allocator.allocate(self._front + values.nbytes)
        data = np.concatenate([np.frombuffer(geometry, np.uint8), values.view(np.uint8).reshape(-1)])
        device.write_memory(self._address, data)

    @property
    def address(self) -> int:
        """The address of the biases; raises `TilewrightError` once it is closed."""
        return super().address + self._front


def bits_of_bf16(values: NDArray) -> NDArray:
    """Return an array of bfloat16 as its bits, uint16; any other as it is."""
    return values.view(np.uint16) if values.dtype.name == "bfloat16" else values


def check_dtype(dtype: DTypeLike, names: Sequence[str]) -> np.dtype:
    """Return a type that has one of these names."""
    kind = None
    with contextlib.suppress(TypeError, ValueError):
        kind = np.dtype(dtype)
    if kind is None or kind.name not in names:
        raise TilewrightError(f"an array of {dtype}: it must be {' or '.join(names)}")
    return kind


def check_bias(bias: ArrayLike, n: int) -> NDArray[np.int32]:
    """Return a bias for ``n`` columns as int32."""
    values = None
    with contextlib.suppress(ValueError, TypeError):
        values = np.asarray(bias)
    if values is None or values.dtype.kind not in "iu" or values.shape != (n,):
        what = "not an array" if values is None else f"{values.dtype} {list(values.shape)}"
        raise TilewrightError(f"bias is {what}: it must be int32 [{n}], one for each column of C")
    if values.min() < -(1 << 31) or values.max() >= 1 << 31:
        raise TilewrightError("bias has values beyond int32")
    return values.astype(np.int32)


def check_matrix(values: ArrayLike, name: str) -> NDArray[np.int8]:
    """Return a matrix of integers as int8, if all fit."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError):
        raise TilewrightError(f"{name} is not an array: it must be int8 with two dimensions") from None
    if array.ndim != 2 or not array.size:
        raise TilewrightError(f"{name} has the shape {list(array.shape)}: it must be a matrix of one element or more")
    if array.dtype == np.int8:
        return array
    if array.dtype.kind not in "iu":
        raise TilewrightError(f"{name} is {array.dtype}: it must be int8")
    if array.min() < -128 or array.max() > 127:
        raise TilewrightError(f"{name} is {array.dtype} with values from {array.min()} to {array.max()}, beyond int8")
    return array.astype(np.int8)


class DeviceView(DeviceArray):
    """A matrix in memory that it does not own: `close` does nothing.

    Parameters
    ----------
    device : Device
    address : int
    shape : (int, int)
    dtype : int8 or int32
    stride : int
        Bytes between rows.
    """

    def __init__(self, device: Device, address: int, shape: tuple[int, int], dtype: DTypeLike, stride: int):
        self.device = device
        self._address = address
        self.shape = shape
        self.k = shape[1]
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.stride = stride

    @classmethod
    def of(cls, array: DeviceArray, rows: slice, columns: slice = slice(None)) -> Self:
        """Return some rows and columns of an array; of records, columns from the first of a record."""
        first, end, _ = rows.indices(array.shape[0])
        left, right, _ = columns.indices(array.k)
        size, before = right - left, left * array.dtype.itemsize
        if array.form:
            if left % array.form.record:
                raise ValueError(f"column {left} of {array.form.name} is within a record of {array.form.record}")
            size, before = array.form.row_bytes(right - left), array.form.row_bytes(left)
        address = array.address + first * array.stride + before
        view = cls(array.device, address, (end - first, size), array.dtype, array.stride)
        view.form, view.k = array.form, right - left
        return view

    def close(self) -> None:
        """Do nothing."""

    def write(self, values: NDArray) -> None:
        """Write values of the same shape and type, row by row; the bytes between rows are not changed."""
        if values.shape != self.shape or values.dtype.name != self.dtype.name:
            raise TilewrightError(
                f"cannot copy {values.dtype} {list(values.shape)} into {self.dtype} {list(self.shape)}"
            )
        for row, part in enumerate(np.ascontiguousarray(values, dtype=self.dtype).view(np.uint8)):
            self.device.write_memory(self.address + row * self.stride, part)


def check_addend(values: ArrayLike | None, shape: tuple[int, int], more: bool) -> NDArray[np.int32] | None:
    """Return what is added to a result of a shape, or raise; nothing may be if there is ``more`` to add."""
    if values is None:
        return None
    if more:
        raise TilewrightError("accumulate cannot be combined with bias or requant")
    array = np.asarray(values)
    if array.dtype != np.int32 or array.shape != shape:
        raise TilewrightError(f"accumulate is {array.dtype} {list(array.shape)}: it must be int32 {list(shape)}")
    return array


def overflows(a: NDArray, b: NDArray, bias: NDArray | None = None, addend: NDArray | None = None) -> int:
    """Return the number of elements of ``a @ b.T + bias + addend``, with int8 a and b, that do not fit into int32."""
    extra = sum(int(np.abs(values, dtype=np.float64).max()) for values in (bias, addend) if values is not None)
    if a.shape[1] * 128 * 128 + extra < 1 << 31:
        return 0
    sums = a.astype(np.float64) @ b.astype(np.float64).T  # exact up to 2**53
    for values in (bias, addend):
        if values is not None:
            sums += values
    return int(np.count_nonzero((sums < -(1 << 31)) | (sums >= 1 << 31)))
