"""The layers of ONNX that the accelerator computes, with onnxruntime's numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import gemm as golden
from tilewright_sim.models import same_padding
from tilewright_sim.nn.graph import Factors, Product, Values, Window

from .batches import Batches
from .onnx_file import OnnxOperator

__all__ = ["PRODUCTS", "Operands"]

_BYTES = (np.dtype(np.int8), np.dtype(np.uint8))


@dataclass(frozen=True, eq=False)
class Operands:
    """Where the operands of a layer are: places of inputs, -1 for what the operator does not have."""

    op: OnnxOperator
    numbers: Mapping[str, int]
    samples: Mapping[str, NDArray]
    constants: Mapping[str, NDArray]

    def number(self, place: int) -> int:
        """Return the tensor of an input, -1 if it is left out."""
        name = self.op.input(place) if place >= 0 else ""
        return self.numbers[name] if name else -1

    def sample(self, place: int) -> NDArray:
        """Return an array of the shape and type of an input."""
        name = self.op.input(place)
        if not name:
            raise self.op.error(f"input {place} is missing")
        return self.samples[name]

    def constant(self, *places: int) -> bool:
        """Whether all these inputs are constants or left out."""
        names = [self.op.input(place) for place in places if place >= 0]
        return all(not name or name in self.constants for name in names)

    def bytes_of(self, place: int) -> NDArray:
        """Return a sample of an input that must be int8 or uint8."""
        found = self.sample(place)
        if found.dtype not in _BYTES or not found.size:
            raise self.op.error(f"input {place} is {found.dtype} {list(found.shape)}: it must be int8 or uint8")
        return found


def _signed(values: NDArray) -> NDArray[np.int8]:
    """Return int8 as it is and uint8 less 128."""
    return values if values.dtype == np.int8 else (values ^ 128).view(np.int8)


def _less_128(value: Any, like: NDArray) -> int:
    """Return a zero point for `_signed` values."""
    return int(value) - (128 if like.dtype == np.uint8 else 0)


def _one(op: OnnxOperator, value: NDArray | None, name: str) -> float:
    """Return the only element, 0 if it is left out."""
    if value is None:
        return 0.0
    if value.size != 1:
        raise op.error(f"its {name} has {value.size} elements: only one for the whole tensor is supported")
    return float(value.reshape(-1)[0])


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """The inputs of an operator: activations, weights, their zero points and scales, bias, and those of the result."""

    w: int
    x_zero: int
    w_zero: int
    x_scale: int = -1
    w_scale: int = -1
    bias: int = -1
    y_scale: int = -1
    y_zero: int = -1


_QLINEAR = {"x_scale": 1, "x_zero": 2, "w": 3, "w_scale": 4, "w_zero": 5}
_CONV = _Layout(**_QLINEAR, y_scale=6, y_zero=7, bias=8)
_MATMUL = _Layout(**_QLINEAR, y_scale=6, y_zero=7)
_GEMM = _Layout(**_QLINEAR, bias=6, y_scale=7, y_zero=8)
_INTEGER = _Layout(w=1, x_zero=2, w_zero=3)


def _factors(
    at: Operands, layout: _Layout, n: int, arrange: Callable[[NDArray], NDArray], y: np.dtype
) -> Callable[[Values], Factors]:
    """Return what computes the factors of a layer; ``arrange`` puts the N of the weights first."""
    op, x_like = at.op, at.sample(0)
    numbers = {name: at.number(place) for name, place in vars(layout).items()}

    def value(values: Values, name: str) -> NDArray | None:
        return values[numbers[name]] if numbers[name] >= 0 else None

    def per_channel(values: Values, name: str, kind: Any) -> NDArray:
        found = value(values, name)
        flat = np.zeros(1, kind) if found is None else found.reshape(-1).astype(kind)
        if flat.size not in (1, n):
            raise op.error(f"its {name} has {flat.size} elements: it must have 1 or {n}")
        return flat

    def compute(values: Values) -> Factors:
        weights = arrange(values[numbers["w"]]).astype(np.int16)
        zeros = per_channel(values, "w_zero", np.int16)
        weights = weights - (zeros.reshape(-1, *([1] * (weights.ndim - 1))) if zeros.size > 1 else zeros[0])
        x_zero = _less_128(_one(op, value(values, "x_zero"), "zero point"), x_like)
        bias = value(values, "bias")
        bias = None if bias is None else np.broadcast_to(bias.reshape(-1), n)
        if numbers["y_scale"] < 0:
            return Factors(weights=weights, x_zero=x_zero, bias=bias)
        x_scale, y_scale = (np.float32(_one(op, value(values, name), "scale")) for name in ("x_scale", "y_scale"))
        with np.errstate(all="ignore"):
            scale = (x_scale * per_channel(values, "w_scale", np.float32) / y_scale).astype(np.float32)
        if not np.all(np.isfinite(scale)) or scale.min() < 0:
            raise op.error("its scales must be finite and positive")
        zero = _less_128(_one(op, value(values, "y_zero"), "zero point"), np.zeros(0, y))
        low, high = (zero + np.rint(np.float32(limit) / y_scale) for limit in op.clamp)
        requant = golden.Requant.from_scale(
            np.broadcast_to(scale, n), zero, int(np.clip(low, -128, 127)), int(np.clip(high, -128, 127))
        )
        return Factors(weights=weights, x_zero=x_zero, bias=bias, requant=requant, scale=scale)

    return compute


def _narrow(at: Operands, constant: bool, factors: Callable[[Values], Factors]) -> bool:
    """Whether weights are constants of 8 bits without their zero point."""
    if not constant:
        return False
    found = factors({at.numbers[name]: array for name, array in at.constants.items()})
    return found.weights.min() >= -128 and found.weights.max() <= 127


def _type(at: Operands, layout: _Layout) -> np.dtype:
    """The type of the result."""
    if layout.y_scale < 0:
        return np.dtype(np.int32)
    if at.number(layout.y_scale) < 0:
        raise at.op.error("its result is float: quantize the output too")
    return at.bytes_of(layout.y_zero).dtype if at.number(layout.y_zero) >= 0 else np.dtype(np.uint8)


def _typed(c: NDArray, dtype: np.dtype) -> NDArray:
    """Return results in the type of the network's."""
    return c.view(np.uint8) ^ 128 if dtype == np.uint8 else c


def _convolution(layout: _Layout) -> Callable[[Operands], Product]:
    def build(at: Operands) -> Product:
        op, x, w = at.op, at.bytes_of(0), at.bytes_of(layout.w)
        flat = x.ndim == 3  # of one dimension: an image of one row
        groups = int(op.attributes.get("group", 1))
        if x.ndim not in (3, 4) or w.ndim != x.ndim:
            raise op.error(f"its input is {list(x.shape)}: only images of one or two dimensions are supported")
        if groups < 1 or x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
            raise op.error(f"weights {list(w.shape)} in {groups} groups do not fit images {list(x.shape)}")
        images, channels, n = x.shape[0], x.shape[1], w.shape[0]
        height, width = (1, x.shape[2]) if flat else x.shape[2:]
        down, across = (1, w.shape[2]) if flat else w.shape[2:]
        window = _window(op, (height, width), (down, across), groups, flat)
        size = window.output(height, width)
        if min(size) < 1:
            raise op.error(f"the kernel {list(window.kernel)} is larger than the image [{height}, {width}]")
        constant = at.constant(*vars(layout).values())

        def arrange(weights: NDArray) -> NDArray:
            return weights.reshape(n, -1, down, across).transpose(0, 2, 3, 1)

        def result(c: NDArray) -> NDArray:
            moved = _typed(c.reshape(images, *size, n).transpose(0, 3, 1, 2), dtype)
            return moved.reshape(images, n, size[1]) if flat else moved

        dtype = _type(at, layout)
        factors = _factors(at, layout, n, arrange, dtype)
        source = at.number(0)
        return Product(
            kind="convolution", x=source, y=at.numbers[op.outputs[0]], constant=constant, factors=factors,
            shape=(images * size[0] * size[1], n, down * across * w.shape[1]), window=window, channels_first=True,
            image=(images, height, width, channels), requant=dtype != np.int32, narrow=_narrow(at, constant, factors),
            activations=lambda values: (
                _signed(values[source]).reshape(images, channels, height, width).transpose(0, 2, 3, 1)
            ),
            result=result,
        )  # fmt: skip

    return build


def _window(op: OnnxOperator, size: tuple[int, int], kernel: tuple[int, int], groups: int, flat: bool) -> Window:
    """Return the window of the attributes of a convolution."""
    rank = 1 if flat else 2
    stride = [int(value) for value in op.attributes.get("strides", [1] * rank)]
    dilation = [int(value) for value in op.attributes.get("dilations", [1] * rank)]
    pads = [int(value) for value in op.attributes.get("pads", [0] * 2 * rank)]
    auto = op.attributes.get("auto_pad", b"NOTSET").decode()
    if [len(stride), len(dilation), len(pads)] != [rank, rank, 2 * rank] or min(stride + dilation) < 1 or min(pads) < 0:
        raise op.error("its strides, dilations or pads do not fit the image, or are below 1")
    if max(*stride, *dilation, *pads, *kernel) >= 1 << 20:
        raise op.error(f"its strides, dilations, pads and kernel must be below {1 << 20:,}")
    padding = [(pads[axis], pads[axis + rank]) for axis in range(rank)]
    if flat:
        stride, dilation, padding = [1, *stride], [1, *dilation], [(0, 0), *padding]
    if auto.startswith("SAME"):
        padding = []
        for pixels, taps, step, apart in zip(size, kernel, stride, dilation, strict=True):
            less, more = same_padding(pixels, taps, step, apart)
            padding.append((less, more) if auto == "SAME_UPPER" else (more, less))
    elif auto == "VALID":
        padding = [(0, 0), (0, 0)]
    return Window(
        kernel=kernel, stride=(stride[0], stride[1]), dilation=(dilation[0], dilation[1]),
        padding=(padding[0], padding[1]), groups=groups,
    )  # fmt: skip


def _matmul(layout: _Layout) -> Callable[[Operands], Product]:
    def build(at: Operands) -> Product:
        op, a, b = at.op, at.bytes_of(0), at.bytes_of(layout.w)
        swap_a, swap_b = bool(op.attributes.get("transA", 0)), bool(op.attributes.get("transB", 0))
        if op.attributes.get("alpha", 1.0) != 1.0 or op.attributes.get("beta", 1.0) != 1.0:
            raise op.error("alpha and beta must be 1")
        batches = Batches.of(a.shape, b.shape, swap_a, swap_b, op.error)
        lead, m, n, k = batches.lead, batches.m, batches.n, batches.k
        dtype, first = _type(at, layout), at.number(0)
        dense = b.ndim == 2 and not swap_a
        rows = batches.count * m if dense else m

        def activations(values: Values) -> NDArray[np.int8]:
            x = _signed(values[first])
            return x.reshape(rows, k) if dense else batches.matrices(x, swap_a, m)

        def arrange(weights: NDArray) -> NDArray:
            if dense:
                return weights if swap_b else weights.T
            return batches.matrices(weights, not swap_b, n)

        if not dense and layout.w_zero >= 0 and at.number(layout.w_zero) >= 0 and at.sample(layout.w_zero).size != 1:
            raise op.error("weights of a batch must have one zero point")
        constant = at.constant(*vars(layout).values())
        factors = _factors(at, layout, n, arrange, dtype)
        return Product(
            kind="dense" if dense else "batch", x=first, y=at.numbers[op.outputs[0]], shape=(rows, n, k),
            batch=1 if dense else batches.count, constant=constant, factors=factors, activations=activations,
            requant=dtype != np.int32, narrow=_narrow(at, constant, factors),
            result=lambda c: _typed(c, dtype).reshape(*lead, m, n),
        )  # fmt: skip

    return build


PRODUCTS: dict[str, Callable[[Operands], Product]] = {
    "Conv": _convolution(_CONV),
    "ConvInteger": _convolution(_INTEGER),
    "Gemm": _matmul(_GEMM),
    "MatMul": _matmul(_MATMUL),
    "MatMulInteger": _matmul(_INTEGER),
    "QLinearConv": _convolution(_CONV),
    "QLinearMatMul": _matmul(_MATMUL),
    "com.microsoft.QGemm": _matmul(_GEMM),
}
