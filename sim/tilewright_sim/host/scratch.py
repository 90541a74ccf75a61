"""Memory of the device that matrices of different shapes use one after the other."""

from numpy.typing import DTypeLike, NDArray

from .arrays import DeviceArray, DeviceView
from .workspace import Workspace

__all__ = ["Scratch"]


class Scratch:
    """Memory for one matrix at a time, of any shape up to a maximum size.

    Parameters
    ----------
    workspace : Workspace
    rows, columns : int
        The largest shape.
    dtype : int8 or int32
    """

    def __init__(self, workspace: Workspace, rows: int, columns: int, dtype: DTypeLike):
        self._word = workspace.config.word_bytes
        self._array = workspace.empty((rows, columns), dtype)

    def view(self, rows: int, columns: int) -> DeviceView:
        """Return a matrix of this shape, with the smallest possible stride."""
        array = self._array
        stride = -(-columns * array.dtype.itemsize // self._word) * self._word
        if rows * stride > array.shape[0] * array.stride:
            raise ValueError(f"{rows} rows of {columns} are more than the {list(array.shape)} there is room for")
        return DeviceView(array.device, array.address, (rows, columns), array.dtype, stride)

    def put(self, values: NDArray) -> DeviceView:
        """Copy a matrix into the memory and return it."""
        view = self.view(*values.shape)
        DeviceArray.write(view, values)  # in one transfer: the bytes between its rows are unused
        return view
