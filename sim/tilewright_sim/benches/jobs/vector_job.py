"""A vector descriptor in a bench, and its effect on the memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import (
    PARTIALS,
    ROTATIONS,
    TYPE_BYTES,
    WITH_Y,
    ElementType,
    Operation,
    result_shape,
)
from tilewright.accelerator.vector import RecordFormat
from tilewright_sim.host import VectorDescriptor
from tilewright_sim.models import vector

from .job import Job, matrix

__all__ = ["DTYPES", "VectorJob"]

DTYPES = {ElementType.FLOAT32: "float32", ElementType.BF16: "uint16", ElementType.INT32: "int32"}
"""How the golden model takes each type."""
_STORED = DTYPES | {ElementType.INT8_COLUMNS: "int8"}


@dataclass
class VectorJob(Job):
    """An operation of the vector engine."""

    descriptor: VectorDescriptor

    @property
    def about(self) -> str:
        return f"{self.descriptor.operation.name} of {self.descriptor.m}x{self.descriptor.n}"

    @property
    def row_bytes(self) -> int:
        d = self.descriptor
        _, columns = result_shape(d.operation, d.m, d.n)
        return self.config.a.row_bytes(columns) if d.c_type is ElementType.RECORDS else TYPE_BYTES[d.c_type] * columns

    @property
    def c_rows(self) -> int:
        return result_shape(self.descriptor.operation, self.descriptor.m, self.descriptor.n)[0]

    @property
    def busy_cycles(self) -> int:
        return 0

    @property
    def y_columns(self) -> int:
        """Elements of a row of y, 0 if there is none."""
        d = self.descriptor
        return (d.operation in WITH_Y) * d.n * (2 if d.operation in ROTATIONS else 1)

    def operand_addresses(self) -> set[int]:
        """Return the addresses of all bytes of x and y."""
        d = self.descriptor
        x = d.a_address, d.a_stride, d.n * TYPE_BYTES[d.x_type]
        y = d.b_address, d.b_stride, self.y_columns * TYPE_BYTES[d.y_type]
        return {
            first + row * stride + byte for first, stride, size in (x, y) for row in range(d.m) for byte in range(size)
        }

    def bins(self) -> dict[str, str]:
        d = self.descriptor
        register = PARTIALS * self.config.vector_lanes
        return {
            "kind": "vector",
            "operation": d.operation.name,
            "operand and result": f"{d.x_type.name} to {d.c_type.name}",
            "y": f"{d.y_type.name}, {'rows' if d.b_stride else 'one row'}" if self.y_columns else "none",
            "elements": "1" if d.n == 1 else f"{'<' if d.n < register else '=' if d.n == register else '>'} register",
            "vector flags": self.flags,
            "refers": self.refers,
        }

    def result(self, image: bytearray) -> NDArray:
        d = self.descriptor
        x = matrix(image, d.a_address, d.a_stride, d.m, d.n, DTYPES[d.x_type])
        y = None
        if self.y_columns:
            y = matrix(image, d.b_address, d.b_stride, d.m, self.y_columns, DTYPES[d.y_type])
        form = RecordFormat.of(self.config.a) if d.c_type is ElementType.RECORDS else None
        scalars = float(np.float32(d.scalar)), float(np.float32(d.scalar2))
        found = vector.run_stored(
            d.operation.name, x, y, *scalars, limit=d.k or None, causal=self.flag("CAUSAL"), window=d.window,
            stored=form or _STORED[d.c_type],
        )  # fmt: skip
        found = found.reshape(d.m, -1)
        return found.T if d.operation is Operation.QUANTIZE else found
