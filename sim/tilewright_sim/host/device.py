"""What the driver asks of an accelerator, wherever it is: in a simulator here, on a board elsewhere."""

from typing import Protocol, runtime_checkable

from numpy.typing import NDArray

__all__ = ["Device"]


@runtime_checkable
class Device(Protocol):
    """Registers, memory and an interrupt. All else is done with these.

    Members
    -------
    memory : range
        Addresses, as the accelerator sees them, that the host may use: ``range(base, base + size)``.
    """

    memory: range

    def read_register(self, offset: int) -> int:
        """Return the register at this offset; raise `TilewrightError` if the access is refused."""

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at this offset; raise `TilewrightError` if the access is refused."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of memory."""

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray) -> None:
        """Put bytes into memory; an array must be contiguous."""

    def wait(self, cycles: int) -> bool:
        """Let the accelerator work for up to so many clock cycles, or until its interrupt; return if it is raised.

        A board waits for a time that is certainly as long.
        """
