"""Run a driver in C, compiled into a shared library, on the simulated accelerator."""

import ctypes
from collections.abc import Callable
from typing import Any

from tilewright_sim.verilated import SimulatedDevice

__all__ = ["CPlatform"]

_READ = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
_WRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
_CLEAN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_WAIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NOTHING_THERE = 0xFFFF_FFFF


class _Structure(ctypes.Structure):
    _fields_ = (
        ("context", ctypes.c_void_p),
        ("registers", ctypes.c_void_p),
        ("read", _READ),
        ("write", _WRITE),
        ("clean", _CLEAN),
        ("wait", _WAIT),
    )


class CPlatform:
    """The ``struct tilewright_platform`` of a simulated accelerator.

    Registers are accessed in the simulator, one access at a time, and the C code sees the accelerator's memory at
    `SimulatedDevice.pointer`. It must outlive the driver that uses it.

    Parameters
    ----------
    device : SimulatedDevice
    wait_cycles : int
        Cycles after which a wait for the interrupt returns; 0 to have the driver poll.

    Attributes
    ----------
    pointer : ctypes pointer
        Argument for ``tilewright_init``.
    """

    def __init__(self, device: SimulatedDevice, wait_cycles: int = 10_000):
        self.device = device
        self._error: BaseException | None = None
        wait = _WAIT(self._guard(lambda _: device.wait(wait_cycles) and None)) if wait_cycles else _WAIT()
        self._structure = _Structure(
            read=_READ(self._guard(lambda _, offset: device.read_register(offset), _NOTHING_THERE)),
            write=_WRITE(self._guard(lambda _, offset, value: device.write_register(offset, value))),
            wait=wait,
        )
        self.pointer = ctypes.byref(self._structure)

    def check(self) -> None:
        """Raise what an access to the simulator has raised since the last call: it cannot pass through C."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _guard(self, access: Callable[..., Any], otherwise: Any = None) -> Callable[..., Any]:
        def guarded(*arguments: Any) -> Any:
            try:
                return access(*arguments)
            except BaseException as error:  # Ctrl-C too
                self._error = self._error or error
                return otherwise

        return guarded
