"""A descriptor of the accelerator in a bench, and its effect on the memory."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import FLAGS, VECTOR_FLAGS

__all__ = ["Job", "matrix", "spoiled"]


@dataclass
class Job:
    """A descriptor, and its index in the ring once it is submitted: a `Product` or a `VectorJob`."""

    config: AcceleratorConfig
    descriptor: Any
    index: int = field(default=-1)

    def flag(self, name: str) -> bool:
        return bool(self.descriptor.flags >> (FLAGS | VECTOR_FLAGS)[name][0] & 1)

    @property
    def flags(self) -> str:
        """The names of its flags."""
        return " ".join(name for name in FLAGS | VECTOR_FLAGS if self.flag(name)) or "none"

    @property
    def about(self) -> str:
        """What is computed, of which sizes."""
        raise NotImplementedError

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of C."""
        raise NotImplementedError

    @property
    def busy_cycles(self) -> int:
        """Number of activation words that enter the tile."""
        raise NotImplementedError

    def bins(self) -> dict[str, str]:
        """Return its bins of functional coverage, by group."""
        raise NotImplementedError

    def result(self, image: bytearray) -> NDArray:
        """Return C, or its bytes, [m, any] as it lies in memory, of the operands that are in a memory."""
        raise NotImplementedError

    def result_addresses(self) -> set[int]:
        """Return the addresses of all bytes of C."""
        d = self.descriptor
        rows = (range(d.c_address + row * d.c_stride, d.c_address + row * d.c_stride + self.row_bytes)
                for row in range(d.m))  # fmt: skip
        return {address for row in rows for address in row}

    def apply(self, image: bytearray) -> None:
        """Apply the effect of the descriptor to the contents of a memory."""
        d = self.descriptor
        for row, values in enumerate(self.result(image)):
            start = d.c_address + row * d.c_stride
            image[start : start + values.nbytes] = values.tobytes()


def matrix(image: bytearray, address: int, stride: int, rows: int, columns: int, dtype) -> NDArray:
    """Return a matrix in the contents of a memory."""
    size = columns * np.dtype(dtype).itemsize
    parts = [bytes(image[address + row * stride :][:size]) for row in range(rows)]
    return np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<")).reshape(rows, columns)


def spoiled(job: Job, **fields) -> Job:
    """Return the job with some fields replaced by invalid values."""
    return replace(job, descriptor=replace(job.descriptor, **fields), index=-1)
