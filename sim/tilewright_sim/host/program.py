"""Descriptors that are in the device's memory once and run many times, with other values of variables."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

from tilewright.accelerator.contract import DESCRIPTOR_BYTES
from tilewright.base import TilewrightError

from .descriptor import Descriptor, VectorDescriptor
from .results import RunResult
from .workspace import Workspace

__all__ = ["Program"]

_MOST = 1 << 15  # entries of a ring
_Run = Callable[["Program", Sequence[int], Callable[[int, int], None] | None], RunResult]


class Program:
    """A ring of its own in the device's memory, made by `Runner.program`. A context manager.

    Parameters
    ----------
    workspace : Workspace
    descriptors : sequence of Descriptor or VectorDescriptor
        In the order in which they run; 1 to 32,768.
    run : callable
        Runs the program: `Runner`.
    leave : callable
        Called with the address of the ring when it is to be used no more.

    Attributes
    ----------
    address : int
        Of the ring.
    entries : int
        Of the ring: a power of two.

    Raises
    ------
    TilewrightError
        If there is no room, or a descriptor refers to a variable that the hardware has not.
    """

    def __init__(
        self,
        workspace: Workspace,
        descriptors: Sequence[Descriptor | VectorDescriptor],
        run: _Run,
        leave: Callable[[int], None],
    ):
        if not 0 < len(descriptors) <= _MOST:
            raise TilewrightError(f"{len(descriptors):,} descriptors: a program has 1 to {_MOST:,}")
        self.variables = 1 + max((max(one.references().values(), default=-1) for one in descriptors), default=-1)
        available = workspace.config.variables
        if self.variables > available:
            raise TilewrightError(
                f"the program refers to variable {self.variables - 1}: this hardware has {available}; set "
                f"variables = {self.variables}"
            )
        self.descriptors = tuple(descriptors)
        self.entries = 1 << max(len(descriptors) - 1, 1).bit_length()
        self._allocator, self._run, self._leave = workspace.allocator, run, leave
        self.address = self._allocator.allocate(self.entries * DESCRIPTOR_BYTES)
        self._open = True
        workspace.device.write_memory(self.address, b"".join(one.pack() for one in descriptors))

    def run(self, variables: Sequence[int] = (), progress: Callable[[int, int], None] | None = None) -> RunResult:
        """Set the variables, ring the doorbell once, and wait until all is complete.

        Parameters
        ----------
        variables : sequence of int
            Values of the variables from number 0 on, 32 bits each; at least those to which descriptors refer.
        progress : callable, optional
            See `Runner.submit`.

        Raises
        ------
        TilewrightError
            If variables are missing or too large, or the program is closed.
        HardwareError
            If a descriptor fails, or the hardware is stuck. The hardware is then reset; later descriptors have not run.
        """
        if not self._open:
            raise TilewrightError("the program is closed")
        if len(variables) < self.variables:
            raise TilewrightError(f"{len(variables)} variables: the program refers to {self.variables}")
        return self._run(self, variables, progress)

    def close(self) -> None:
        """Free its memory. It cannot run any more."""
        if self._open:
            with suppress(TilewrightError):  # the device is closed
                self._leave(self.address)
            self._allocator.free(self.address)
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
