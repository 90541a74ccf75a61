"""Multiply numpy matrices on an accelerator, in a simulator or on a board."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.accelerator.registers import FLAGS
from tilewright.base import TilewrightError
from tilewright_sim.models import Convolution, ConvolutionLayout, Records
from tilewright_sim.models import convolution as images
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .allocator import Allocator
from .arrays import check_addend, check_bias, check_matrix, overflows
from .block_product import block_operand, plan_block_product
from .convolution import check_image, plan_convolution
from .descriptor import Descriptor, VectorDescriptor
from .device import Device
from .driver import AnyDescriptor, Capabilities, Driver
from .product_plan import plan_product
from .results import GemmResult, RunResult, VectorResult
from .vector_operation import Result, plan_vector, vector_cycles
from .workspace import Workspace

__all__ = ["Runtime"]

Progress = Callable[[int, int], None]
"""Called with the number of completed descriptors and of cycles so far."""
_LIMIT_FACTOR, _LIMIT_CYCLES = 8, 200_000


class Runtime(Workspace):
    """Runs products on a `Device`: a `Workspace` that also runs descriptors.

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

    def __init__(self, device: Device, config: AcceleratorConfig, bus: Bus = Bus(), ring_log2: int = 8):  # noqa: B008  # frozen
        # Nothing is allocated at address 0, so that a forgotten address is never that of an array.
        super().__init__(device, config, Allocator(range(device.memory.start + 4096, device.memory.stop)))
        self.bus = bus
        self._limits: dict[tuple[int, ...], int] = {}
        self._turn = threading.RLock()
        self._running = False
        self.driver = Driver(device, self.allocator, ring_log2)
        wanted = Capabilities.of(config)
        if self.driver.capabilities != wanted:
            raise TilewrightError(f"the hardware is {self.driver.capabilities}, the configuration is {wanted}")

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
        if self.config.scaled:
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
        left, right = block_operand(a, (self.config.a,), "A"), block_operand(b, self.config.b_all, "B")
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
            ``float32``, ``bf16``, or ``records`` of the format of A: q8_0 or q8_e5m3. ARGMAX makes int32 [M] otherwise.
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

    def submit(
        self, descriptors: Iterable[AnyDescriptor] | AnyDescriptor, progress: Progress | None = None
    ) -> RunResult:
        """Run one or several descriptors in order, and wait for their completion.

        Products and vector operations may be mixed; the utilisation counts products only.

        Raises
        ------
        HardwareError
            If a descriptor fails, or the hardware is stuck. The hardware is then reset; later descriptors have not run.
        """
        descriptors = list(descriptors) if isinstance(descriptors, Iterable) else [descriptors]
        for descriptor in descriptors:
            if not isinstance(descriptor, Descriptor | VectorDescriptor):
                raise TilewrightError(f"a {type(descriptor).__name__} is not a Descriptor: see `descriptor`")
        if not descriptors:
            raise TilewrightError("no descriptors to run")
        with self._turn:  # no other thread runs anything
            if self._running:
                raise TilewrightError("a run is in progress: a progress callback cannot start another")
            self._running = True
            try:
                return self._submit(descriptors, progress)
            finally:
                self._running = False

    def _submit(self, descriptors: Sequence[AnyDescriptor], progress: Progress | None) -> RunResult:
        limit = max(self._limit(descriptor) for descriptor in descriptors)
        self.driver.clear_counters()
        self._begin()
        start = time.perf_counter()
        interrupts: list[tuple[int, int]] = []

        def interrupted(done: int) -> None:
            interrupts.append((done, self._interrupt_cycle()))

        try:
            if progress:
                told = progress
                self.driver.run(
                    descriptors, limit, lambda done: told(done, self._cycles_so_far()), 1 << 16, interrupted
                )
            else:
                self.driver.run(descriptors, limit, interrupted=interrupted)
        except BaseException:  # also Ctrl-C and errors of a callback: the next run needs idle hardware
            with suppress(TilewrightError):  # another thread has closed the device
                self.driver.soft_reset()
            raise
        seconds = time.perf_counter() - start
        cycles, counters = self._end()
        macs = sum(one.m * one.n * one.k for one in descriptors if isinstance(one, Descriptor))
        busy = macs / self._capacity(cycles)
        return RunResult(cycles, counters, busy, len(descriptors), seconds, interrupts=interrupts)

    def _begin(self) -> None:
        """Called before the doorbell."""

    def _end(self) -> tuple[int, dict[str, int]]:
        """Return the cycles of the run, and the counters."""
        counters = self.driver.counters()
        return counters["cycles"], counters

    def _cycles_so_far(self) -> int:
        return self.driver.read("COUNT_CYCLES")

    def _interrupt_cycle(self) -> int:
        """Return the cycle of the last interrupt, as precisely as the device can tell."""
        return self._cycles_so_far()

    def _capacity(self, cycles: int) -> int:
        return self.config.tile.rows * self.config.tile.cols * max(cycles, 1)

    def _limit(self, descriptor: AnyDescriptor) -> int:
        """Return the cycles after which this descriptor must be complete, cached by shape."""
        if isinstance(descriptor, VectorDescriptor):
            return _LIMIT_FACTOR * vector_cycles(self.config, descriptor, self.bus) + _LIMIT_CYCLES
        shape = (descriptor.m, descriptor.n, descriptor.k, descriptor.flags, descriptor.b_format)
        if shape not in self._limits:
            self._limits[shape] = self._estimated_limit(descriptor)
        return self._limits[shape]

    def _estimated_limit(self, descriptor: Descriptor) -> int:
        flags = {name: bool(descriptor.flags >> bit & 1) for name, (bit, _) in FLAGS.items()}
        try:
            gemm = Gemm(
                m=descriptor.m, n=descriptor.n, k=descriptor.k, b_format=descriptor.b_format,
                requant=flags["REQUANT"], bias=flags["BIAS"], accumulate=flags["ACCUMULATE"],
            )  # fmt: skip
            cycles = estimate(self.config, [gemm], self.bus).cycles
        except TilewrightError:  # the hardware will report the error
            cycles = 0
        return _LIMIT_FACTOR * cycles + _LIMIT_CYCLES
