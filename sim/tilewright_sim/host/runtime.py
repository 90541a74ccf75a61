"""Multiply numpy matrices on an accelerator, whatever device it is."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import FLAGS
from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .allocator import Allocator
from .arrays import check_bias, check_matrix
from .descriptor import Descriptor
from .device import Device
from .driver import Capabilities, Driver
from .product_plan import plan_product
from .workspace import Workspace

__all__ = ["GemmResult", "RunResult", "Runtime"]

Progress = Callable[[int, int], None]
"""Is told how many descriptors are complete, and how many cycles have passed."""
_LIMIT_FACTOR, _LIMIT_CYCLES = 8, 200_000


@dataclass(frozen=True)
class RunResult:
    """What a run of descriptors took.

    Parameters
    ----------
    cycles : int
        From the doorbell to the interrupt.
    counters : dict
        The counters, by name as in `tilewright.accelerator.registers.table.COUNTERS`: where these cycles went.
    utilisation : float
        Share of all multipliers' cycles in which they worked on an element of A and one of B.
    descriptors : int
    seconds : float
        Wall-clock time from submission to completion.
    """

    cycles: int
    counters: dict[str, int]
    utilisation: float
    descriptors: int
    seconds: float


@dataclass(frozen=True)
class GemmResult(RunResult):
    """The same of one product, and ``c``, int32 or int8 of shape [M, N]."""

    c: NDArray


class Runtime(Workspace):
    """Runs products on a `Device`: arrays in its memory, descriptors, results with their cost.

    Several threads may use it: `gemm` and `submit` wait until the run of another thread has ended. From a progress
    callback arrays can be read and written, but no other run can be started.

    Parameters
    ----------
    device : Device
    config : AcceleratorConfig
        What the hardware was generated from; refused if the hardware says otherwise.
    bus : Bus
        What its memory is capable of: from this follow the limits after which the hardware must be stuck.
    ring_log2 : int
        See `Driver`.
    """

    def __init__(self, device: Device, config: AcceleratorConfig, bus: Bus = Bus(), ring_log2: int = 8):  # noqa: B008  # frozen
        # Address 0 stays free: a forgotten address then fails to be that of an array.
        super().__init__(device, config, Allocator(range(device.memory.start + 4096, device.memory.stop)))
        self.bus = bus
        self._limits: dict[tuple[int, ...], int] = {}
        self._turn = threading.RLock()
        self._running = False
        self.driver = Driver(device, self.allocator, ring_log2)
        wanted = Capabilities.of(config)
        if self.driver.capabilities != wanted:
            raise TilewrightError(f"the hardware is {self.driver.capabilities}, not as configured: {wanted}")

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
        """Return ``a @ b.T`` with all that goes with it.

        **Sums are int32 and wrap modulo 2**32**, before an int8 result is made of them. With K up to 131,071 and no
        bias they cannot; beyond that, ``overflow="raise"`` refuses a product one of whose sums does not fit.

        K beyond `AcceleratorConfig.k_limit` is cut into parts that are accumulated in the device's memory as int32;
        with `requant` the last step is then the golden model's, on the host. M and N may be anything.

        Parameters
        ----------
        a : int8 array of shape [M, K]
        b : int8 array of shape [N, K]
            Any strides. Other integers are taken if all values fit.
        bias : int32 array of shape [N], optional
        requant : Requant, optional
            For an int8 result.
        accumulate : int32 array of shape [M, N], optional
            Added to the result; not together with `bias` or `requant`.
        overflow : str
            ``wrap``, or ``raise``: a `TilewrightError` before anything runs.
        progress : callable, optional

        Raises
        ------
        TilewrightError
            If arguments do not fit, or the hardware fails; it is reset then.
        """
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
        old = _addend(accumulate, (m, n), bias is not None or requant is not None)
        if overflow == "raise" and (count := overflows(a, b, bias, old)):
            raise TilewrightError(f"{count:,} of {m * n:,} sums do not fit into int32: split K, or make values smaller")
        with self._turn, ExitStack() as stack:
            plan = plan_product(self, stack, a, b, bias, None if on_host else requant, old)
            run = self.submit(plan.descriptors, progress)
            c = np.empty((m, n), dtype=np.int8 if requant and not on_host else np.int32)
            plan.collect(c)
        if requant is not None and on_host:
            c = replace(requant, rounding=self.config.rounding).apply(c).astype(np.int8)
        busy = m * n * k / self._capacity(run.cycles)
        return GemmResult(run.cycles, run.counters, busy, run.descriptors, run.seconds, c)

    def submit(self, descriptors: Iterable[Descriptor] | Descriptor, progress: Progress | None = None) -> RunResult:
        """Run descriptors, or one, in order to their end.

        Raises
        ------
        HardwareError
            If one fails, or the hardware is stuck. It is reset then, and none of the rest has run.
        """
        descriptors = list(descriptors) if isinstance(descriptors, Iterable) else [descriptors]
        for descriptor in descriptors:
            if not isinstance(descriptor, Descriptor):
                raise TilewrightError(f"a {type(descriptor).__name__} is not a Descriptor: see `descriptor`")
        if not descriptors:
            raise TilewrightError("no descriptors to run")
        with self._turn:  # no other thread runs anything
            if self._running:
                raise TilewrightError("a run is under way: a progress callback cannot start another")
            self._running = True
            try:
                return self._submit(descriptors, progress)
            finally:
                self._running = False

    def _submit(self, descriptors: Sequence[Descriptor], progress: Progress | None) -> RunResult:
        limit = max(self._limit(descriptor) for descriptor in descriptors)
        self.driver.clear_counters()
        self._begin()
        start = time.perf_counter()
        try:
            if progress:
                told = progress
                self.driver.run(descriptors, limit, lambda done: told(done, self._cycles_so_far()), step=1 << 16)
            else:
                self.driver.run(descriptors, limit)
        except BaseException:  # also Ctrl-C, and what a callback raises: the next run finds all idle
            with suppress(TilewrightError):  # another thread has closed the device
                self.driver.soft_reset()
            raise
        seconds = time.perf_counter() - start
        cycles, counters = self._end()
        macs = sum(one.m * one.n * one.k for one in descriptors)
        return RunResult(cycles, counters, macs / self._capacity(cycles), len(descriptors), seconds)

    def _begin(self) -> None:
        """Called before the doorbell."""

    def _end(self) -> tuple[int, dict[str, int]]:
        """The cycles of the run, and the counters."""
        counters = self.driver.counters()
        return counters["cycles"], counters

    def _cycles_so_far(self) -> int:
        return self.driver.read("COUNT_CYCLES")

    def _capacity(self, cycles: int) -> int:
        return self.config.rows * self.config.cols * max(cycles, 1)

    def _limit(self, descriptor: Descriptor) -> int:
        """Cycles after which this descriptor must be complete. Networks repeat a few shapes, so these are kept."""
        shape = (descriptor.m, descriptor.n, descriptor.k, descriptor.flags)
        if shape not in self._limits:
            self._limits[shape] = self._estimated_limit(descriptor)
        return self._limits[shape]

    def _estimated_limit(self, descriptor: Descriptor) -> int:
        flags = {name: bool(descriptor.flags >> bit & 1) for name, (bit, _) in FLAGS.items()}
        try:
            gemm = Gemm(
                m=descriptor.m, n=descriptor.n, k=descriptor.k,
                requant=flags["REQUANT"], bias=flags["BIAS"], accumulate=flags["ACCUMULATE"],
            )  # fmt: skip
            cycles = estimate(self.config, [gemm], self.bus).cycles
        except TilewrightError:  # the hardware will refuse it
            cycles = 0
        return _LIMIT_FACTOR * cycles + _LIMIT_CYCLES


def overflows(a: NDArray, b: NDArray, bias: NDArray | None = None, addend: NDArray | None = None) -> int:
    """Return how many sums of ``a @ b.T``, int8 by int8, with what is added do not fit into int32."""
    extra = sum(int(np.abs(values, dtype=np.float64).max()) for values in (bias, addend) if values is not None)
    if a.shape[1] * 128 * 128 + extra < 1 << 31:
        return 0
    sums = a.astype(np.float64) @ b.astype(np.float64).T  # exact up to 2**53
    for values in (bias, addend):
        if values is not None:
            sums += values
    return int(np.count_nonzero((sums < -(1 << 31)) | (sums >= 1 << 31)))


def _addend(values: ArrayLike | None, shape: tuple[int, int], more: bool) -> NDArray[np.int32] | None:
    if values is None:
        return None
    if more:
        raise TilewrightError("accumulate goes with neither bias nor requant")
    array = np.asarray(values)
    if array.dtype != np.int32 or array.shape != shape:
        raise TilewrightError(f"accumulate is {array.dtype} {list(array.shape)}: it must be int32 {list(shape)}")
    return array
