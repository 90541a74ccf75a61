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
    """A descriptor, and its index in the ring once it is submitted: a `Product` or a `VectorJob`.

    Parameters
    ----------
    config : AcceleratorConfig
    descriptor : Descriptor or VectorDescriptor
        With the values of variables in place of references to them.
    index : int
    references : dict
        Variables to which fields of the descriptor in memory refer, by the names of the fields.
    variables : tuple of int
        The values of the variables.
    """

    config: AcceleratorConfig
    descriptor: Any
    index: int = -1
    references: dict[str, int] = field(default_factory=dict)
    variables: tuple[int, ...] = ()

    def stored(self, by: int = 0) -> Any:
        """Return the descriptor for the ring, with its references, for matrices so many bytes higher."""
        moved = self.descriptor.moved(by)
        rest = {name: getattr(moved, name) - self.variables[number] for name, number in self.references.items()}
        return replace(moved, **rest).refer(**self.references)

    def flag(self, name: str) -> bool:
        return bool(self.descriptor.flags >> (FLAGS | VECTOR_FLAGS)[name][0] & 1)

    @property
    def flags(self) -> str:
        """The names of its flags."""
        return " ".join(name for name in FLAGS | VECTOR_FLAGS if self.flag(name)) or "none"

    @property
    def refers(self) -> str:
        """The names of the fields that refer to variables."""
        return " ".join(self.references) or "nothing"

    @property
    def about(self) -> str:
        """What is computed, of which sizes."""
        raise NotImplementedError

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of C."""
        raise NotImplementedError

    @property
    def c_rows(self) -> int:
        """Rows of C."""
        return self.descriptor.m

    @property
    def busy_cycles(self) -> int:
        """Number of activation words that enter the tile."""
        raise NotImplementedError

    def bins(self) -> dict[str, str]:
        """Return its bins of functional coverage, by group."""
        raise NotImplementedError

    def result(self, image: bytearray) -> NDArray:
        """Return C, or its bytes, [`c_rows`, any] as it lies in memory, of the operands that are in a memory."""
        raise NotImplementedError

    def result_addresses(self) -> set[int]:
        """Return the addresses of all bytes of C."""
        d = self.descriptor
        rows = (range(d.c_address + row * d.c_stride, d.c_address + row * d.c_stride + self.row_bytes)
                for row in range(self.c_rows))  # fmt: skip
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
    """Return the job with some fields replaced, as they lie in memory, and without references."""
    return replace(job, descriptor=replace(job.descriptor, **fields), index=-1, references={})
