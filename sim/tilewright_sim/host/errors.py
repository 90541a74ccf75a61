"""The exceptions for descriptors that fail."""

from tilewright.accelerator.contract import Unit
from tilewright.accelerator.registers import ERRORS
from tilewright.base import TilewrightError

__all__ = [
    "AbortedError",
    "BusError",
    "CorruptError",
    "DescriptorError",
    "HardwareError",
    "StuckError",
    "hardware_error",
]


class HardwareError(TilewrightError):
    """A descriptor failed.

    Parameters
    ----------
    code : str
        A name in the table of errors.
    unit : str
        The unit that failed: a name of `Unit`.
    index : int
        Number of the descriptor, in the count of TAIL.
    address : int
        Address of the burst that failed, or of the descriptor.
    """

    def __init__(self, code: str, unit: str, index: int, address: int):
        self.code, self.unit, self.index, self.address = code, unit, index, address
        about = ERRORS[code][1] if code in ERRORS else "unknown error"
        super().__init__(f"descriptor {index} failed: {about} ({code} in {unit}, address {address:#x})")


class DescriptorError(HardwareError):
    """The descriptor is invalid."""


class BusError(HardwareError):
    """The memory responded with an error."""


class AbortedError(HardwareError):
    """The host aborted."""


class CorruptError(HardwareError):
    """A stored word had two flipped bits; ``address`` is its row in the memory of ``unit``."""


class StuckError(TilewrightError):
    """The accelerator did not finish within the limit; the message has the state of every engine."""


_KINDS = {"SLVERR": BusError, "DECERR": BusError, "ABORTED": AbortedError, "CORRUPT": CorruptError}


def hardware_error(code: int, unit: int, index: int, address: int) -> HardwareError:
    """Return the exception for the contents of the registers ERROR, ERROR_INDEX and ERROR_ADDRESS."""
    name = next((name for name, (number, _) in ERRORS.items() if number == code), f"code {code}")
    where = next((name for name, member in Unit.__members__.items() if member.value == unit), f"unit {unit}")
    return _KINDS.get(name, DescriptorError)(name, where, index, address)
