"""The memory that a model takes of a device."""

from tilewright.base import TilewrightError
from tilewright_sim.host import ALIGNMENT, Runtime

__all__ = ["MARGIN", "check_memory", "stored_bytes"]

MARGIN = 1 << 17  # for the ring


def check_memory(chip: Runtime, context: int, needed: int) -> None:
    """Raise `TilewrightError` if a model with this context needs more bytes than the device's memory has."""
    there = len(chip.device.memory)
    if needed > there:
        raise TilewrightError(
            f"the model and {context} tokens of context need {needed:,} bytes on the device, whose memory has "
            f"{there:,}: give it more memory, or use a smaller model or fewer tokens"
        )


def stored_bytes(word_bytes: int, rows: int, row_bytes: int) -> int:
    """Return the maximum number of bytes that a matrix takes of the device's memory."""
    return rows * -(-row_bytes // word_bytes) * word_bytes + ALIGNMENT
