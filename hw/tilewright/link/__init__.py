"""The serial link between host and board: frames, protocol, UART."""

from .host_link import HostLink
from .protocol import (
    BAUD,
    CRC_BYTES,
    INFORMATION_WORDS,
    MAGIC,
    MAX_BYTES,
    READ_WINDOW,
    SPACE_LOW,
    SYNCHRONIZE,
    WRITE,
    WRITE_WINDOW,
    Space,
    Status,
    design_identity,
)

__all__ = [
    "BAUD",
    "CRC_BYTES",
    "INFORMATION_WORDS",
    "MAGIC",
    "MAX_BYTES",
    "READ_WINDOW",
    "SPACE_LOW",
    "SYNCHRONIZE",
    "WRITE",
    "WRITE_WINDOW",
    "HostLink",
    "Space",
    "Status",
    "design_identity",
]
