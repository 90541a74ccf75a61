"""Multiply numpy matrices on an accelerator, in a simulator or on a board."""

from contextlib import ExitStack
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tilewright.accelerator.contract import Operation
from tilewright.base import TilewrightError
from tilewright_sim.models import Convolution, ConvolutionLayout, Records
from tilewright_sim.models import convolution as images
from tilewright_sim.models import gemm as golden

from .arrays import check_addend, check_bias, check_matrix, overflows
from .planning.block_product import block_operand, plan_block_product
from .planning.convolution import check_image, plan_convolution
from .planning.product_plan import plan_product
from .planning.vector_operation import Result, plan_vector
from .results import GemmResult, VectorResult
from .runner import Progress, Runner

__all__ = ["Runtime"]


class Runtime(Runner):
    """Runs products, convolutions and vector operations of numpy matrices on a `Device`.

    Several threads may use it: `gemm` and `submit` wait until the run of another thread has ended. A progress callback
    may read and write arrays, but cannot start another run.

    Parameters
    ----------
    device : Device
    config : AcceleratorConfig
        The configuration of the hardware; rejected if the hardware reports another one.
    bus : Bus
        Timing of the device's memory, from which it computes after how many cycles the hardware counts as stuck.
    ring_log2 : int
        See `Driver`.
    """

    def gemm(
        self,
        a: ArrayLike,
        b: ArrayLike,
        *,
        bias: ArrayLike | None = None,
        requant: golden.Requant | None = None,
        accumulate: ArrayLike | None = None,
        overflow: Literal["wrap", "raise"] = "wrap",
        progress: Progress | None = None,
    ) -> GemmResult:
        """Return ``a @ b.T``, with bias, accumulation and requantization as given.

        **Sums are int32 and wrap modulo 2**32**, before requantization. With K up to 131,071 and no bias they cannot
        wrap; for other products, ``overflow="raise"`` rejects a product if one of its sums does not fit.

        K above `AcceleratorConfig.k_limit` is cut into parts that are accumulated in the device's memory as int32; the
        host then does the requantization, with the golden model. M and N may have any size.

        Parameters
        ----------
        a : int8 array of shape [M, K]
        b : int8 array of shape [N, K]
            Of any strides. Other integer types are accepted if all values fit.
        bias : int32 array of shape [N], optional
        requant : Requant, optional
            For an int8 result; its rounding must be one that the hardware has.
        accumulate : int32 array of shape [M, N], optional
            Added to the result; not together with `bias` or `requant`.
        overflow : str
            ``wrap``, or ``raise`` for a `TilewrightError` before anything runs.
        progress : callable, optional

        Raises
        ------
        TilewrightError
            If arguments do not fit together, or the hardware fails; the hardware is then reset.
        """
        if not self.config.integers:
            raise TilewrightError(f"A is {self.config.a.name} and B {self.config.b.name} here: use `block_gemm`")
        a, b = check_matrix(a, "A"), check_matrix(b, "B")
        if a.shape[1] != b.shape[1]:
            raise TilewrightError(f"A is {list(a.shape)} and B {list(b.shape)}: they must be [M, K] and [N, K]")
        (m, k), n = a.shape, len(b)
        if bias is not None:
            bias = check_bias(bias, n)
        if requant is not None:
            if not isinstance(requant, golden.Requant):
                raise TilewrightError(f"requant is a {type(requant).__name__}: it must be a Requant")
            requant.channels(n)
        if overflow not in ("wrap", "raise"):
            raise TilewrightError(f"overflow = {overflow!r}: must be 'wrap' or 'raise'")
        on_host = requant is not None and k > self.config.k_limit
        old = check_addend(accumulate, (m, n), bias is not None or requant is not None)
        if overflow == "raise" and (count := overflows(a, b, bias, old)):
            raise TilewrightError(f"{count:,} of {m * n:,} sums do not fit into int32: split K, or make values smaller")
        with self._turn, ExitStack() as stack:
            plan = plan_product(self, stack, a, b, bias, None if on_host else requant, old)
            run = self.submit(plan.descriptors, progress)
            c = np.empty((m, n), dtype=np.int8 if requant and not on_host else np.int32)
            plan.collect(c)
        if requant is not None and on_host:
            c = requant.apply(c).astype(np.int8)
        busy = m * n * k / self._capacity(run.cycles)
        return GemmResult(run.cycles, run.counters, busy, run.descriptors, run.seconds, c)

    def block_gemm(
        self, a: ArrayLike | Records, b: ArrayLike | Records, *, progress: Progress | None = None
    ) -> GemmResult:
        """Return ``a @ b.T`` as float32, in the block formats of the hardware, as `models.block_gemm` defines it.

        Parameters
        ----------
        a : Records or float array of shape [M, K]
        b : Records or float array of shape [N, K]
            Floats are quantized to the format of A, or the first of B; records must be of a format that the hardware
            has. int8 arrays where that is the format.
        progress : callable, optional

        Raises
        ------
        TilewrightError
            If the configuration has no block formats, K is above `AcceleratorConfig.k_limit`, a value cannot be held,
            or the hardware fails.
        """
        if not self.config.scaled:
            raise TilewrightError("this configuration multiplies int8: use `gemm`, or set a_format and b_formats")
        config = self.config
        forms = [form for number, form in enumerate(config.b_all) if config.makes_floats(number)]
        left, right = block_operand(a, (config.a,), "A"), block_operand(b, forms, "B")
        with self._turn, ExitStack() as stack:
            plan = plan_block_product(self, stack, left, right)
            run = self.submit(plan.descriptors, progress)
            c = np.empty((left.shape[0], right.shape[0]), dtype=np.float32)
            plan.collect(c)
        return GemmResult(run.cycles, run.counters, run.utilisation, run.descriptors, run.seconds, c)

    def convolution(
        self,
        image: ArrayLike,
        weights: ArrayLike,
        geometry: Convolution,
        *,
        bias: ArrayLike | None = None,
        requant: golden.Requant | None = None,
        progress: Progress | None = None,
    ) -> GemmResult:
        """Return a convolution of one image, as `tilewright_sim.models.convolution.convolve` defines it.

        Parameters
        ----------
        image : int8 array of shape [height, width, channels]
        weights : int8 array of shape [N, kernel_height, kernel_width, channels], or for depthwise
            [channels, kernel_height, kernel_width]
        geometry : Convolution
        bias : int32 array of shape [N], optional
        requant : Requant, optional
            For an int8 result.
        progress : callable, optional

        Returns
        -------
        GemmResult
            With ``c`` of shape [out_height, out_width, N]. Its utilisation counts products with elements of the image
            and of padding, and one for each weight of a depthwise kernel.

        Raises
        ------
        TilewrightError
            If arguments do not fit together, a patch does not fit into half of the panel, or the hardware fails.
        """
        image, weights = check_image(image, weights, geometry)
        n = len(weights)
        bias = None if bias is None else check_bias(bias, n)
        with self._turn, ExitStack() as stack:
            pixels = stack.enter_context(self.array(image.reshape(geometry.height, -1)))
            b = stack.enter_context(self.array(images.columns(ConvolutionLayout(self.config, geometry), weights)))
            shape = (geometry.out_height * geometry.out_width, n)
            c = stack.enter_context(self.empty(shape, np.int8 if requant else np.int32))
            descriptors = plan_convolution(self, stack, pixels, b, c, geometry, bias, requant)
            run = self.submit(descriptors, progress)
            result = c.numpy().reshape(geometry.out_height, geometry.out_width, n)
        macs = shape[0] * weights.size
        return GemmResult(
            run.cycles, run.counters, macs / self._capacity(run.cycles), run.descriptors, run.seconds, result
        )

    def vector(
        self,
        operation: str | Operation,
        x: ArrayLike,
        y: ArrayLike | None = None,
        *,
        scalar: float | None = None,
        scalar2: float | None = None,
        limit: int | None = None,
        causal: bool = False,
        window: int = 0,
        result: Result = "float32",
        progress: Progress | None = None,
    ) -> VectorResult:
        """Return what an operation of the vector engine makes of the rows of ``x``, as `models.vector.run` defines it.

        M may have any size; N is at most `AcceleratorConfig.size_limit`, and 64 for each lane in a rotation.

        Parameters
        ----------
        operation : str or Operation
        x : array of shape [M, N]
            float32, int32, or bf16: of the type bfloat16, or its bits in uint16.
        y : array of shape [M, N], [1, N] or [N], optional
            float32 or bf16. One row stands for all. A rotation's has 2 * N columns.
        scalar, scalar2, limit, causal, window
            See `Workspace.vector_descriptor`.
        result : str
            ``float32``, ``bf16``, or ``records`` of the format of A: q8_0 or q8_e5m3. By itself ARGMAX makes
            int32 [M], QUANTIZE int8 [M, N], and ABS_MAX float32 [M, 1].
        progress : callable, optional

        Raises
        ------
        TilewrightError
            If arguments do not fit together, or the hardware fails; the hardware is then reset.
        """
        choices: dict[str, Any] = {"scalar": scalar, "scalar2": scalar2, "limit": limit, "causal": causal}
        with self._turn, ExitStack() as stack:
            plan = plan_vector(self, stack, operation, x, y, result, window=window, **choices)
            run = self.submit(plan.descriptors, progress)
            c = plan.collect()
        return VectorResult(run.cycles, run.counters, run.utilisation, run.descriptors, run.seconds, c)
