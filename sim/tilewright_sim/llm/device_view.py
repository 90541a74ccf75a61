"""Parts of what is allocated in the device's memory, as matrices."""

from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tilewright.errors import TilewrightError

from ..device import Device
from ..device_array import DeviceArray
from ..runtime import Runtime

__all__ = ["DeviceView", "Scratch"]


class DeviceView(DeviceArray):
    """A matrix that lies in memory which someone else has allocated: `close` does nothing.

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
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.stride = stride

    @classmethod
    def of(cls, array: DeviceArray, rows: slice, columns: slice = slice(None)) -> Self:
        """Return some rows and columns of an array."""
        first, end, _ = rows.indices(array.shape[0])
        left, right, _ = columns.indices(array.shape[1])
        address = array.address + first * array.stride + left * array.dtype.itemsize
        return cls(array.device, address, (end - first, right - left), array.dtype, array.stride)

    def close(self) -> None:
        """Do nothing."""

    def write(self, values: NDArray) -> None:
        """Copy values of the same shape and type here, row by row; what is between rows stays as it is."""
        if values.shape != self.shape or values.dtype.name != self.dtype.name:
            raise TilewrightError(
                f"cannot copy {values.dtype} {list(values.shape)} into {self.dtype} {list(self.shape)}"
            )
        for row, part in enumerate(np.ascontiguousarray(values, dtype=self.dtype).view(np.uint8)):
            self.device.write_memory(self.address + row * self.stride, part)


class Scratch:
    """Memory for a matrix of any shape up to a size, made anew each time.

    Parameters
    ----------
    runtime : Runtime
    rows, columns : int
        The largest shape.
    dtype : int8 or int32
    """

    def __init__(self, runtime: Runtime, rows: int, columns: int, dtype: DTypeLike):
        self._word = runtime.config.word_bytes
        self._array = runtime.empty((rows, columns), dtype)

    def view(self, rows: int, columns: int) -> DeviceView:
        """Return a matrix of this shape, its rows as close as the bus allows."""
        array = self._array
        stride = -(-columns * array.dtype.itemsize // self._word) * self._word
        if rows * stride > array.shape[0] * array.stride:
            raise ValueError(f"{rows} rows of {columns} are more than the {list(array.shape)} there is room for")
        return DeviceView(array.device, array.address, (rows, columns), array.dtype, stride)

    def put(self, values: NDArray) -> DeviceView:
        """Copy a matrix here."""
        view = self.view(*values.shape)
        DeviceArray.write(view, values)  # at once: nothing else is between its rows
        return view
