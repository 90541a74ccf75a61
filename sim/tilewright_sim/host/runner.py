"""Runs descriptors on a device: submissions, and programs that are in its memory."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import FLAGS
from tilewright.base import TilewrightError
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .allocator import Allocator
from .capabilities import Capabilities
from .descriptor import Descriptor, VectorDescriptor
from .device import Device
from .driver import SLICE_CYCLES, AnyDescriptor, Driver, checked_values
from .planning.vector_operation import vector_cycles
from .program import Program, variables_of
from .results import RunResult
from .workspace import Workspace

__all__ = ["Progress", "Runner"]

Progress = Callable[[int, int], None]
"""Called with the number of completed descriptors and of cycles so far."""
PROGRESS_CYCLES = 1 << 16  # from one call of it to the next
_LIMIT_FACTOR, _LIMIT_CYCLES = 8, 200_000


class Runner(Workspace):
    """A `Workspace` that also runs descriptors; see `Runtime` for its parameters, and for threads."""

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

    def submit(
        self,
        descriptors: Iterable[AnyDescriptor] | AnyDescriptor,
        progress: Progress | None = None,
        *,
        variables: Sequence[int] = (),
    ) -> RunResult:
        """Run one or several descriptors in order, and wait for their completion.

        Products and vector operations may be mixed; the utilisation counts products only.

        Parameters
        ----------
        descriptors : Descriptor, VectorDescriptor, or iterable of them
        progress : callable, optional
        variables : sequence of int
            Values of variables from number 0 on, to which descriptors refer: see `Descriptor.refer`.

        Raises
        ------
        HardwareError
            If a descriptor fails, or the hardware is stuck. The hardware is then reset; later descriptors have not run.
        """
        chosen, values = _checked(descriptors), checked_values(variables)
        refers = max(variables_of(self.config, one) for one in chosen)
        if len(values) < refers <= self.config.variables:
            raise TilewrightError(f"{len(values)} variables: the descriptors refer to {refers}")
        with self._alone():
            self.driver.select()
            self.driver.set_variables(values)
            return self._submit(chosen, progress, values)

    def program(self, descriptors: Iterable[AnyDescriptor]) -> Program:
        """Copy descriptors into the device's memory, where they can run many times: see `Program.run`."""
        return Program(self, _checked(descriptors), self._run_program, self._close_program)

    def _run_program(self, program: Program, variables: Sequence[int], progress: Progress | None) -> RunResult:
        values = checked_values(variables)
        if len(values) < program.variables:
            raise TilewrightError(f"{len(values)} variables: the program refers to {program.variables}")
        with self._alone():
            if not program.is_open:
                raise TilewrightError("the program is closed")
            self.driver.select((program.address, program.entries))
            self.driver.set_variables(values)
            return self._submit(program.descriptors, progress, values, written=True)

    def _close_program(self, program: Program) -> None:
        with self._turn:
            if self._running:
                raise TilewrightError("a run is in progress: close the program when it has ended")
            if not program.is_open:
                return
            program.is_open = False
            if self.driver.ring == program.address:
                with suppress(TilewrightError):  # the device is closed
                    self.driver.select()
            self.allocator.free(program.address)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread runs anything."""
        with self._turn:
            if self._running:
                raise TilewrightError("a run is in progress: a progress callback cannot start another")
            self._running = True
            try:
                yield
            finally:
                self._running = False

    def _submit(
        self,
        descriptors: Sequence[AnyDescriptor],
        progress: Progress | None,
        variables: Sequence[int],
        written: bool = False,
    ) -> RunResult:
        """Run descriptors; ``written``: they are in the ring."""
        resolved = [descriptor.resolve(variables) for descriptor in descriptors]
        limit = max(self._limit(descriptor) for descriptor in resolved)
        self.driver.clear_counters()
        self._begin()
        start = time.perf_counter()
        interrupts: list[tuple[int, int]] = []

        def interrupted(done: int) -> None:
            interrupts.append((done, self._interrupt_cycle()))

        def told(done: int) -> None:
            if progress:
                progress(done, self._cycles_so_far())

        try:
            step = PROGRESS_CYCLES if progress else SLICE_CYCLES
            self.driver.run(descriptors, limit, told if progress else None, step, interrupted, written)
        except BaseException:  # also Ctrl-C and errors of a callback: the next run needs idle hardware
            with suppress(TilewrightError):  # another thread has closed the device
                self.driver.soft_reset()
            raise
        seconds = time.perf_counter() - start
        cycles, counters = self._end()
        macs = sum(one.m * one.n * one.k for one in resolved if isinstance(one, Descriptor))
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
        if variables_of(self.config, descriptor):  # that there are not: the hardware will report the error
            return _LIMIT_CYCLES
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


def _checked(descriptors: Iterable[AnyDescriptor] | AnyDescriptor) -> list[AnyDescriptor]:
    """Return descriptors as a list, which must not be empty."""
    chosen = list(descriptors) if isinstance(descriptors, Iterable) else [descriptors]
    for descriptor in chosen:
        if not isinstance(descriptor, Descriptor | VectorDescriptor):
            raise TilewrightError(f"a {type(descriptor).__name__} is not a Descriptor: see `descriptor`")
    if not chosen:
        raise TilewrightError("no descriptors to run")
    return chosen
