"""A product's descriptor in a bench, and its effect on the memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARAMETER_PITCH_BYTES
from tilewright.accelerator.registers import GEOMETRY
from tilewright.formats import BlockFormat
from tilewright_sim.host import Descriptor
from tilewright_sim.models import Convolution, ConvolutionLayout, block_gemm, blocks, convolution
from tilewright_sim.models import gemm as golden

from .job import Job, matrix

__all__ = ["Product"]


@dataclass
class Product(Job):
    """A product, or a convolution."""

    descriptor: Descriptor

    @property
    def about(self) -> str:
        return f"{self.descriptor.m}x{self.descriptor.n}x{self.descriptor.k}"

    @property
    def element_bytes(self) -> int:
        return 1 if self.flag("REQUANT") else 4

    @property
    def row_bytes(self) -> int:
        return self.descriptor.n * self.element_bytes

    @property
    def forms(self) -> tuple[BlockFormat, BlockFormat]:
        """The formats of A and B."""
        return self.config.operands(self.descriptor.b_format)

    @property
    def pitch(self) -> int:
        """Bytes from the biases to the multipliers, and from the multipliers to the shifts."""
        return -(-4 * self.descriptor.n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES

    @property
    def busy_cycles(self) -> int:
        d = self.descriptor
        return d.m * -(-d.n // self.config.tile.cols) * -(-d.k // self.config.tile.rows)

    def bins(self) -> dict[str, str]:
        d, config = self.descriptor, self.config
        a, b = self.forms
        row = a.row_bytes(d.k)
        return {
            "M": _against(d.m, {"acc_rows": config.acc_rows, "cols": config.tile.cols}),
            "N": _against(d.n, {"cols": config.tile.cols}),
            "K": _against(d.k, {"k_limit": config.k_limit, "rows": config.tile.rows}),
            "A": "rows overlap" if d.a_stride < row else "rows adjoin" if d.a_stride == row else "rows apart",
            "B is": b.name,
            "C": "rows adjoin" if d.c_stride == self.row_bytes else "rows apart",
            "kind": "convolution" if self.flag("CONVOLUTION") else "product",
            "flags": self.flags,
            "refers": self.refers,
        }

    def geometry(self, image: bytearray) -> Convolution | None:
        """Return the geometry that is in a memory, of a convolution."""
        if not self.flag("CONVOLUTION"):
            return None
        data = image[self.descriptor.parameter_address - DESCRIPTOR_BYTES :]
        values: dict[str, Any] = {
            f.name: int.from_bytes(data[f.offset : f.offset + f.bits // 8], "little", signed=f.signed)
            for f in GEOMETRY
            if f.name != "block_height" and not f.name.startswith("reserved")
        }
        return Convolution(**values | {"depthwise": bool(values["depthwise"])})

    def result(self, image: bytearray) -> np.ndarray:
        floats = self.config.makes_floats(self.descriptor.b_format)
        return self._block_product(image) if floats else self._product(image)

    def _product(self, image: bytearray) -> np.ndarray:
        d = self.descriptor
        b = matrix(image, d.b_address, d.b_stride, d.n, d.k, np.int8)
        bias = requant = addend = None
        if self.flag("REQUANT") or self.flag("BIAS"):
            bias, multiplier, shift = (
                matrix(image, d.parameter_address + part * self.pitch, 0, 1, d.n, np.int32)[0] for part in range(3)
            )
        if self.flag("REQUANT"):
            requant = golden.Requant(
                multiplier=multiplier, shift=shift, zero_point=d.zero_point, minimum=d.minimum, maximum=d.maximum,
                rounding="double" if self.flag("DOUBLE_ROUNDING") else "single",
            )  # fmt: skip
        if self.flag("ACCUMULATE"):
            addend = matrix(image, d.c_address, d.c_stride, d.m, d.n, np.int32)
        geometry = self.geometry(image)
        if geometry is None:
            a = matrix(image, d.a_address, d.a_stride, d.m, d.k, np.int8)
        else:
            pixels = matrix(
                image, d.a_address, d.a_stride, geometry.height, geometry.width * geometry.channels, np.int8
            )
            pixels = pixels.reshape(geometry.height, geometry.width, geometry.channels)
            a = convolution.products(ConvolutionLayout(self.config, geometry), pixels, b)
            b = np.eye(d.n, dtype=np.int64)
        return golden.gemm(a, b, bias, requant, addend).astype("<i1" if self.element_bytes == 1 else "<i4")

    def _block_product(self, image: bytearray) -> np.ndarray:
        d = self.descriptor
        places = ((d.a_address, d.a_stride, d.m), (d.b_address, d.b_stride, d.n))
        a, b = (
            blocks.unpack(matrix(image, *place, form.row_bytes(d.k), np.uint8), form)
            for place, form in zip(places, self.forms, strict=True)
        )
        return block_gemm.block_gemm(a, b).astype("<f4")


def _against(value: int, limits: dict[str, int]) -> str:
    """Return a size compared with those of the hardware, which are given from largest to smallest."""
    for name, limit in limits.items():
        if value >= limit:
            return f"{'=' if value == limit else '>'} {name}"
    return "1" if value == 1 else f"< {name}"
