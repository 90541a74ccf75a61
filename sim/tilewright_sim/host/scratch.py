"""Parts of what is allocated in the device's memory, as matrices."""

from numpy.typing import DTypeLike, NDArray

from .arrays import DeviceArray, DeviceView
from .workspace import Workspace

__all__ = ["Scratch"]


class Scratch:
    """Memory for a matrix of any shape up to a size, made anew each time.

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
