"""Descriptors that are in the device's memory once and run many times, with other values of variables."""

from collections.abc import Callable, Sequence
from typing import Self

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, REFERENCE_BITS, AcceleratorConfig
from tilewright.base import TilewrightError

from .descriptor import Descriptor, VectorDescriptor
from .results import RunResult
from .workspace import Workspace

__all__ = ["Program", "variables_of"]

_MOST = 1 << 15  # entries of a ring


class Program:
    """A ring of its own in the device's memory, made by `Runner.program`. A context manager.

    Parameters
    ----------
    workspace : Workspace
    descriptors : sequence of Descriptor or VectorDescriptor
        In the order in which they run; 1 to 32,768.
    run, close : callable
        What `Runner` does with it.

    Attributes
    ----------
    address : int
        Of the ring.
    entries : int
        Of the ring: a power of two.
    variables : int
        To so many variables descriptors refer, at least: one more than the greatest number.
    is_open : bool

    Raises
    ------
    TilewrightError
        If there is no room, or a descriptor refers to a variable that the hardware has not.
    ValueError
        If a value of a descriptor does not fit its field.
    """

    def __init__(
        self,
        workspace: Workspace,
        descriptors: Sequence[Descriptor | VectorDescriptor],
        run: Callable[..., RunResult],
        close: Callable[["Program"], None],
    ):
        if not 0 < len(descriptors) <= _MOST:
            raise TilewrightError(f"{len(descriptors):,} descriptors: a program has 1 to {_MOST:,}")
        packed = b"".join(one.pack() for one in descriptors)
        self.variables = max(variables_of(workspace.config, one) for one in descriptors)
        available = workspace.config.variables
        if self.variables > available:
            raise TilewrightError(
                f"the program refers to variable {self.variables - 1}: this hardware has {available}; set "
                f"variables = {self.variables}"
            )
        self.descriptors = tuple(descriptors)
        self.entries = 1 << max(len(descriptors) - 1, 1).bit_length()
        self._run, self._close = run, close
        self.address = workspace.allocator.allocate(self.entries * DESCRIPTOR_BYTES)
        self.is_open = True
        try:
            workspace.device.write_memory(self.address, packed)
        except BaseException:
            workspace.allocator.free(self.address)
            raise

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
        return self._run(self, variables, progress)

    def close(self) -> None:
        """Free its memory. It cannot run any more.

        A soft reset returns the hardware to the driver's own ring: counters, and counts of flipped bits, are 0 then.

        Raises
        ------
        TilewrightError
            If a run is in progress: from a progress callback.
        """
        self._close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def variables_of(config: AcceleratorConfig, descriptor: Descriptor | VectorDescriptor) -> int:
    """Return one more than the greatest number of a variable to which a descriptor refers, or 0.

    Where addresses have more bits than one beside a variable's number, nothing refers to a variable.
    """
    if config.addr_bits > 64 - REFERENCE_BITS:
        return 0
    return 1 + max(descriptor.references().values(), default=-1)
