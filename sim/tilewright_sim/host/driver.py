"""The driver of an accelerator: registers, the ring of descriptors, and errors."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    Activity,
)
from tilewright.accelerator.registers import (
    ALL_ENGINES,
    ENGINES,
    FLAGS,
    REGISTERS,
    counter_names,
)
from tilewright.base import TilewrightError

from .allocator import Allocator
from .capabilities import Capabilities, fields_of
from .descriptor import Descriptor, VectorDescriptor
from .device import Device
from .errors import HardwareError, StuckError, hardware_error

__all__ = ["AnyDescriptor", "Driver", "checked_values"]

AnyDescriptor = Descriptor | VectorDescriptor
INDICES = 1 << 16
"""HEAD, TAIL and ERROR_INDEX count modulo this."""
_REGISTERS = {register.name: register for register in REGISTERS}
_INTERRUPT = 1 << FLAGS["INTERRUPT"][0]
_STOP_CYCLES = 1_000_000
SLICE_CYCLES = 1 << 20


class Driver:
    """Identify the hardware, submit descriptors, wait for their completion, and report errors.

    Parameters
    ----------
    device : Device
    allocator : Allocator
        Allocator of the device's memory; the ring is allocated from it.
    ring_log2 : int
        The ring has ``2**ring_log2`` entries. Longer queues are fed in as entries become free.

    Raises
    ------
    TilewrightError
        If there is no accelerator, or its version is not supported.
    """

    def __init__(self, device: Device, allocator: Allocator, ring_log2: int = 8):
        if not 1 <= ring_log2 <= 15:
            raise TilewrightError(f"ring_log2 = {ring_log2}: must be 1 to 15")
        self.device = device
        self.entries = 1 << ring_log2
        self.capabilities = Capabilities.read(self.read)
        self.ring = allocator.allocate(self.entries * DESCRIPTOR_BYTES)
        self._own = self.ring, self.entries
        self._ready = False  # from the beginning of a reset to its end
        self.set_up()

    def read(self, name: str) -> int:
        """Return a register."""
        return self.device.read_register(_REGISTERS[name].offset)

    def write(self, name: str, value: int) -> None:
        """Write a register."""
        self.device.write_register(_REGISTERS[name].offset, value)

    def read_fields(self, name: str) -> dict[str, int]:
        """Return the fields of a register."""
        return fields_of(name, self.read(name))

    def submit(self, descriptors: Sequence[AnyDescriptor], written: bool = False) -> int:
        """Put descriptors into the ring and ring the doorbell; return how many fitted in.

        ``written``: they are in the ring already.
        """
        tail = self.read("TAIL")
        taken = descriptors[: self.entries - (tail - self.read("HEAD")) % INDICES]
        for place, descriptor in enumerate(() if written else taken):
            entry = (tail + place) % self.entries
            self.device.write_memory(self.ring + entry * DESCRIPTOR_BYTES, descriptor.pack())
        if taken:
            self.write("TAIL", (tail + len(taken)) % INDICES)
        return len(taken)

    def run(
        self,
        descriptors: Sequence[AnyDescriptor],
        limit: int,
        progress: Callable[[int], None] | None = None,
        step: int = SLICE_CYCLES,
        interrupted: Callable[[int], None] | None = None,
        written: bool = False,
    ) -> None:
        """Run descriptors to their end.

        Parameters
        ----------
        descriptors : sequence of Descriptor or VectorDescriptor
        limit : int
            Clock cycles without a completed descriptor after which the accelerator counts as stuck.
        progress : callable or None
            Called every ``step`` cycles with the number of completed descriptors.
        step : int
        interrupted : callable or None
            Called at every interrupt, also those of descriptors with the flag INTERRUPT, with the number of completed
            descriptors.
        written : bool
            The descriptors are in the ring already, no more than it has entries.

        Raises
        ------
        HardwareError
            If a descriptor fails, or one of an earlier call has failed; later ones have not run. See `resume` and
            `soft_reset`.
        StuckError
            If the limit is exceeded.
        """
        if self.read("STATUS") & _bits("STATUS", "failed"):
            raise self.failure()
        self.write("IRQ_STATUS", _bits("IRQ_STATUS", "done", "error", "empty"))
        head = self.read("HEAD")
        completed = -((self.read("TAIL") - head) % INDICES)  # after `resume`, earlier descriptors may remain
        marked = any(descriptor.flags & _INTERRUPT for descriptor in descriptors)
        sent = waited = 0
        while True:
            sent += self._feed(descriptors[sent:], marked, written) if sent < len(descriptors) else 0
            raised = self.device.wait(min(step, limit - waited))
            if raised and self._acknowledge() & _bits("IRQ_STATUS", "error"):
                raise self.failure()
            moved = (self.read("HEAD") - head) % INDICES
            head, completed = (head + moved) % INDICES, completed + moved
            if raised and interrupted:
                interrupted(completed)
            if progress:
                progress(max(completed, 0))
            if completed == len(descriptors):
                return
            waited = 0 if moved else waited + step
            if waited >= limit:
                raise self._stuck(limit)

    def _feed(self, descriptors: Sequence[AnyDescriptor], marked: bool, written: bool) -> int:
        """Fill the ring; if descriptors remain, request an interrupt when half of the submitted ones are complete.

        ``marked``: descriptors have the flag INTERRUPT, so that its interrupts are enabled too.
        """
        room = self.entries - (self.read("TAIL") - self.read("HEAD")) % INDICES
        batch = list(descriptors[:room])
        more = len(batch) < len(descriptors)
        if more and batch:
            middle = len(batch) // 2
            batch[middle] = replace(batch[middle], flags=batch[middle].flags | _INTERRUPT)
        causes = [*(["done"] if more or marked else []), *([] if more else ["empty"])]
        self.write("IRQ_ENABLE", _bits("IRQ_STATUS", "error", *causes))
        return self.submit(batch, written)

    def _acknowledge(self) -> int:
        status = self.read("IRQ_STATUS")
        self.write("IRQ_STATUS", status)
        return status

    def failure(self) -> HardwareError:
        """Return the contents of the error registers as an exception to raise."""
        error = self.read_fields("ERROR")
        address = self.read("ERROR_ADDRESS_LO") | self.read("ERROR_ADDRESS_HI") << 32
        return hardware_error(error["code"], error["unit"], self.read("ERROR_INDEX"), address)

    def resume(self) -> None:
        """After a failure, continue with the descriptor after the failed one."""
        self._acknowledge()
        self.write("COMMAND", _bits("COMMAND", "resume"))

    def abort(self) -> None:
        """End the running descriptors: the oldest fails with ABORTED."""
        self.write("COMMAND", _bits("COMMAND", "abort"))
        self._until_stopped()

    def soft_reset(self) -> None:
        """Abort all descriptors, clear the error, and set the hardware up again."""
        self._ready = False
        self.write("COMMAND", _bits("COMMAND", "soft_reset"))
        self._until_stopped()
        self.set_up()

    def set_up(self) -> None:
        """Set the hardware up after a reset: ring, interrupts, enable."""
        ring = self.ring & 0xFFFF_FFFF, self.ring >> 32, self.entries.bit_length() - 1
        self.device.write_registers(_REGISTERS["RING_BASE_LO"].offset, ring)
        self.write("IRQ_ENABLE", _bits("IRQ_STATUS", "error", "empty"))
        self.write("CONTROL", _bits("CONTROL", "enable"))
        self._ready = True

    def select(self, ring: tuple[int, int] | None = None) -> None:
        """Use a ring of this address and so many entries from now on, from its first entry; None for the driver's own.

        Only while nothing is in progress. It takes a soft reset, so counters, variables, counts of flipped bits and
        interrupts are 0 then, and HEAD and TAIL count from there; but if the driver's own ring is in use already,
        nothing is done. The number of entries is a power of two.
        """
        if ring is None and self._ready and self._own == (self.ring, self.entries):
            return
        self.ring, self.entries = ring or self._own
        self.soft_reset()

    def set_variables(self, values: Sequence[int]) -> None:
        """Write variables, from number 0 on; only while no descriptor in the ring or in progress refers to them.

        Raises
        ------
        TilewrightError
            If there are fewer, or a value is not an integer of 32 bits.
        """
        values, count = checked_values(values), self.capabilities.variables
        if len(values) > count:
            raise TilewrightError(f"{len(values)} variables: this hardware has {count}; see `variables`")
        if values:
            self.device.write_registers(_REGISTERS["VARIABLE_0"].offset, values)

    def clear_counters(self) -> None:
        """Set all counters to 0."""
        self.write("COMMAND", _bits("COMMAND", "clear_counters"))

    def raw_counters(self) -> dict[str, int]:
        """Return the current counters, each read in another cycle; only ``cycles`` for the variant `compact`."""
        names = counter_names(vector=self.capabilities.vector_lanes > 0)
        names = ["cycles"] if self.capabilities.compact else names
        values = self.device.read_registers(_REGISTERS["COUNT_CYCLES"].offset, len(names))
        return dict(zip(names, values, strict=True))

    def counters(self) -> dict[str, int]:
        """Return the counters of idle hardware, all of the cycle in which the first was read.

        Only the idle counters advance meanwhile, so they are computed: `cycles` minus the other counters.
        """
        counters = self.raw_counters()
        for engine in [] if self.capabilities.compact else self._engines:
            causes = [f"{engine}_{cause.lower()}" for cause in Activity.__members__]
            counters[f"{engine}_idle"] -= sum(counters[cause] for cause in causes) - counters["cycles"]
        return counters

    def flipped_bits(self) -> tuple[int, int]:
        """Return how often a flipped bit was corrected, and how often two were found in a word, modulo 2**16.

        Both are 0 without `ecc`.
        """
        return (self.read("ECC_CORRECTED"), self.read("ECC_CORRUPT")) if self.capabilities.ecc else (0, 0)

    def engines(self) -> dict[str, str]:
        """Return the current activity of each engine."""
        names = {activity.value: name for name, activity in Activity.__members__.items()}
        activities = self.read_fields("ENGINES")
        return {engine: names.get(activities[engine], "?") for engine in self._engines}

    @property
    def _engines(self) -> tuple[str, ...]:
        return ALL_ENGINES if self.capabilities.vector_lanes else ENGINES

    def _stuck(self, limit: int) -> StuckError:
        engines = ", ".join(f"{engine} {activity}" for engine, activity in self.engines().items())
        status = ", ".join(name for name, value in self.read_fields("STATUS").items() if value) or "nothing"
        counts = ", ".join(f"{name} {value}" for name, value in self.raw_counters().items() if value)
        return StuckError(
            f"no descriptor was completed in {limit:,} cycles; engines: {engines}; status: {status}; "
            f"head {self.read('HEAD')}, tail {self.read('TAIL')}; counters: {counts}"
        )

    def _until_stopped(self) -> None:
        for _ in range(_STOP_CYCLES // 64):
            if not self.read("STATUS") & _bits("STATUS", "stopping"):
                return
            self.device.wait(64)
        raise self._stuck(_STOP_CYCLES)


def _bits(register: str, *names: str) -> int:
    """Return a register's value with ones in these one-bit fields."""
    places = {field.name: field.low for field in _REGISTERS[register].fields}
    return sum(1 << places[name] for name in names)


def checked_values(values: Sequence[int]) -> list[int]:
    """Return the values of variables as integers; `TilewrightError` if one is none, or does not fit into 32 bits."""
    for number, value in enumerate(values):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not 0 <= value < 1 << 32:
            raise TilewrightError(f"variable {number} = {value!r}: must be an integer, 0 to 2**32 - 1")
    return [int(value) for value in values]
