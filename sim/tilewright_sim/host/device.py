"""The interface between the driver and an accelerator, which may be in a simulator or on a board."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from numpy.typing import NDArray

__all__ = ["Device"]


@runtime_checkable
class Device(Protocol):
    """Access to an accelerator: registers, memory and the interrupt.

    Members
    -------
    memory : range
        Addresses of the accelerator's memory that the host may use: ``range(base, base + size)``.
    """

    memory: range

    def read_register(self, offset: int) -> int:
        """Return the register at this offset; raise `TilewrightError` if the access is refused."""

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at this offset; raise `TilewrightError` if the access is refused."""

    def read_registers(self, offset: int, count: int) -> list[int]:
        """Return so many registers, one after the other from this offset on; see `read_register`."""

    def write_registers(self, offset: int, values: Sequence[int]) -> None:
        """Write registers, one after the other from this offset on; see `write_register`."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of memory."""

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray) -> None:
        """Write bytes to memory; an array must be contiguous."""

    def wait(self, cycles: int) -> bool:
        """Wait for the interrupt, for up to ``cycles`` clock cycles; return whether it is raised.

        A board may wait longer, but not shorter.
        """
