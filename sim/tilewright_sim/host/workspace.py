"""Matrices and parameters in the device's memory, and descriptors of products of these."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.base import TilewrightError
from tilewright_sim.models import Records, split_product
from tilewright_sim.models import gemm as golden

from .allocator import Allocator
from .arrays import DeviceArray, DeviceRecords, DeviceView, Parameters, bits_of_bf16, check_dtype
from .descriptor import Descriptor, VectorDescriptor, flag_bits
from .device import Device
from .planning.vector_descriptor import vector_descriptor

__all__ = ["Workspace"]


class Workspace:
    """Creates arrays in a device's memory, and descriptors; it runs nothing.

    Parameters
    ----------
    device : Device
    config : AcceleratorConfig
        Configuration of the hardware: the layout of arrays and the limits of a descriptor depend on it.
    allocator : Allocator
        Allocator of the device's memory.
    """

    def __init__(self, device: Device, config: AcceleratorConfig, allocator: Allocator):
        self.device = device
        self.config = config
        self.allocator = allocator

    def array(self, values: ArrayLike, dtype: DTypeLike | None = None) -> DeviceArray:
        """Copy a matrix into the device's memory; see `empty` for its types. bfloat16 becomes its bits, uint16."""
        try:
            matrix = bits_of_bf16(np.asarray(values, dtype=dtype))
        except (TypeError, ValueError):
            raise TilewrightError("this is not an array of numbers: it must be int8 or int32 [rows, columns]") from None
        array = self.empty(matrix.shape, matrix.dtype)
        array.write(matrix)
        return array

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.int32) -> DeviceArray:
        """Allocate an int8 or int32 matrix in the device's memory; its values are undefined.

        With block formats or `vector_lanes` in the configuration it may be float32, too; with `vector_lanes` also
        uint16, the bits of bf16.
        """
        vector = self.config.vector_lanes > 0
        more = [*(["float32"] if self.config.scaled or vector else []), *(["uint16"] if vector else [])]
        kind = check_dtype(dtype, ("int8", "int32", *more))
        stride_limit = self.config.stride_limit
        return DeviceArray(self.device, self.allocator, shape, kind, self.config.word_bytes, stride_limit)  # type: ignore[arg-type]  # checked there

    def records(self, records: Records) -> DeviceRecords:
        """Copy a matrix of a block format into the device's memory."""
        return DeviceRecords(self.device, self.allocator, records, self.config.word_bytes, self.config.stride_limit)

    def parameters(
        self, n: int, bias: ArrayLike | None = None, requant: golden.Requant | None = None, geometry: bytes = b""
    ) -> Parameters:
        """Write biases, multipliers and shifts for ``n`` columns, and a geometry, into the device's memory."""
        return Parameters(self.device, self.allocator, n, bias, requant, geometry)

    def descriptor(
        self,
        a: DeviceArray,
        b: DeviceArray,
        c: DeviceArray,
        parameters: Parameters | None = None,
        *,
        accumulate: bool = False,
        fences: str = "",
        interrupt: bool = False,
    ) -> Descriptor:
        """Return the descriptor of one product.

        Parameters
        ----------
        a, b, c : DeviceArray
            int8 [m, k], int8 [n, k], and int32 or int8 [m, n]. With block formats, `DeviceRecords` for those, and
            float32 [m, n]; the former, too, if int8 is among several `b_formats`.
        parameters : Parameters, optional
            The bias, and the multipliers and shifts of an int8 result.
        accumulate : bool
            Add to the int32 that is in ``c``.
        fences : str
            Any of the letters "abc": wait for all earlier descriptors before this operand is read.
        interrupt : bool
            Raise the interrupt on completion.
        """
        b_format = self.b_format(a, b)
        (m, k), (n, k_of_b) = (a.shape[0], a.k), (b.shape[0], b.k)
        if k_of_b != k or c.shape != (m, n):
            raise TilewrightError(f"A {[m, k]}, B {[n, k_of_b]}, C {list(c.shape)}: not [m,k], [n,k], [m,n]")
        requant = parameters.requant if parameters else None
        if self.config.makes_floats(b_format):
            if c.dtype != np.float32:
                raise TilewrightError(f"C is {c.dtype}: must be float32 with these formats")
            if parameters or accumulate:
                raise TilewrightError("C is float32 with these formats: nothing is requantized or added")
        elif c.dtype not in (np.int8, np.int32) or (c.dtype == np.int8) != (requant is not None):
            raise TilewrightError(f"C is {c.dtype}: must be int8 if the parameters have a Requant, else int32")
        if parameters and parameters.n != n:
            raise TilewrightError(f"the parameters are for {parameters.n} columns, C has {n}")
        if parameters and accumulate:
            raise TilewrightError("accumulating on C cannot be combined with bias or requantization")
        flags, limits = self.choices(requant, parameters is not None, fences)
        flags += ["ACCUMULATE"] if accumulate else []
        flags += ["INTERRUPT"] if interrupt else []
        return Descriptor(
            flags=flag_bits(*flags),
            b_format=b_format,
            m=m, n=n, k=k,
            a_address=a.address, b_address=b.address, c_address=c.address,
            parameter_address=parameters.address if parameters else 0,
            a_stride=a.stride, b_stride=b.stride, c_stride=c.stride,
            **limits,
        )  # fmt: skip

    def vector_descriptor(
        self,
        operation: str | Operation,
        x: DeviceArray,
        c: DeviceArray,
        y: DeviceArray | None = None,
        *,
        scalar: float | None = None,
        scalar2: float | None = None,
        limit: int | None = None,
        causal: bool = False,
        window: int = 0,
        fences: str = "",
        interrupt: bool = False,
    ) -> VectorDescriptor:
        """Return the descriptor of one operation of the vector engine.

        Parameters
        ----------
        operation : str or Operation
        x : DeviceArray
            float32, uint16 or int32 [m, n].
        c : DeviceArray
            float32 or uint16 [m, n]; int32 [m, 1] of ARGMAX, float32 [m, 1] of ABS_MAX, int8 [n, m] of QUANTIZE. uint16
            are the bits of bf16, here and for ``y``.
        y : DeviceArray, optional
            float32 or uint16 [m, n], or [1, n]: one row for all. A rotation's has 2 * n columns.
        scalar : float, optional
            The factor of SCALE, ABS_MAX and softmaxes, 1 by default; epsilon of the norms, 0 by default.
        scalar2 : float, optional
            1 / n of the norms, which is the default.
        limit : int, optional
            Softmaxes: elements of row 0 that count; n by default.
        causal : bool
            Softmaxes: in each row one element more counts than in the row before.
        window : int
            Softmaxes: of these, only as many as this count, the last ones; 0 for all.
        fences : str
            Any of the letters "xy": wait for all earlier descriptors before this operand is read.
        interrupt : bool
            Raise the interrupt on completion.
        """
        return vector_descriptor(
            self.config, operation, x, c, y, scalar=scalar, scalar2=scalar2, limit=limit, causal=causal, window=window,
            fences=fences, interrupt=interrupt,
        )  # fmt: skip

    def b_format(self, a: DeviceArray, b: DeviceArray) -> int:
        """Return the number of the format of B with which A and B have the formats of these arrays."""
        pairs = [self.config.operands(number) for number in range(len(self.config.b_formats))]
        held = [array.form.name if array.form else array.dtype.name for array in (a, b)]
        for place, name in enumerate("AB"):
            names = dict.fromkeys(pair[place].name for pair in pairs)
            if held[place] not in names:
                raise TilewrightError(f"{name} is {held[place]}: must be {' or '.join(names)}")
        found = (number for number, pair in enumerate(pairs) if held == [form.name for form in pair])
        number = next(found, None)
        if number is None:
            raise TilewrightError(f"A is {held[0]} and B {held[1]}: int8 goes with int8 alone")
        return number

    def choices(self, requant: golden.Requant | None, biased: bool, fences: str) -> tuple[list[str], dict[str, int]]:
        """Return what a descriptor says of its epilogue and its fences: the names of flags, and fields by name.

        ``biased``: it has parameters; without ``requant`` only their biases count.
        """
        if requant and requant.rounding not in self.config.roundings:
            available = " and ".join(self.config.roundings)
            raise TilewrightError(f"rounding = {requant.rounding!r}: this hardware has only {available}")
        if set(fences) - set("abc"):
            raise TilewrightError(f"fences = {fences!r}: must be letters a, b and c")
        flags = [f"FENCE_{letter.upper()}" for letter in fences]
        flags += ["REQUANT"] if requant else ["BIAS"] if biased else []
        flags += ["DOUBLE_ROUNDING"] if requant and requant.rounding == "double" else []
        return flags, {name: getattr(requant, name) for name in ("zero_point", "minimum", "maximum")} if requant else {}

    def descriptors(self, a: DeviceArray, b: DeviceArray, c: DeviceArray) -> Iterator[Descriptor]:
        """Yield the descriptors of an int32 product of any size, in the order in which they must run.

        Of block formats the product is float32, and K at most `AcceleratorConfig.k_limit`.
        """
        floats = self.config.makes_floats(self.b_format(a, b))
        for part in split_product(self.config, a.shape[0], b.shape[0], b.k):
            depth = slice(None) if floats else part.depth
            yield self.descriptor(
                DeviceView.of(a, part.rows, depth),
                DeviceView.of(b, part.columns, depth),
                DeviceView.of(c, part.rows, part.columns),
                accumulate=part.accumulates,
                fences="c" if part.accumulates else "",
            )
