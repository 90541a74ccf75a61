"""The one table of registers and descriptor fields, the hardware behind it, and its documentation."""

from .docs import c_header, register_page
from .register_file import RegisterFile
from .table import (
    COUNTERS,
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    ENGINES,
    ERRORS,
    FLAGS,
    IDENTIFIER,
    REGISTER_ADDRESS_BITS,
    REGISTER_MAP_VERSION,
    REGISTERS,
)

__all__ = [
    "COUNTERS",
    "DESCRIPTOR",
    "DESCRIPTOR_VERSION",
    "ENGINES",
    "ERRORS",
    "FLAGS",
    "IDENTIFIER",
    "REGISTERS",
    "REGISTER_ADDRESS_BITS",
    "REGISTER_MAP_VERSION",
    "RegisterFile",
    "c_header",
    "register_page",
]
