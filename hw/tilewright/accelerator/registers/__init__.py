"""The one table of registers and descriptor fields, the hardware behind it, and its documentation."""

from .constants import constants
from .docs import c_header, register_page
from .register_file import RegisterFile
from .systemrdl import system_rdl
from .table import (
    COUNTERS,
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    ENGINES,
    ERRORS,
    FLAGS,
    GEOMETRY,
    IDENTIFIER,
    REGISTER_ADDRESS_BITS,
    REGISTER_MAP_VERSION,
    REGISTERS,
    DescriptorField,
    Field,
    Register,
    flag_count,
    registers_of,
    reset_value,
)

__all__ = [
    "COUNTERS",
    "DESCRIPTOR",
    "DESCRIPTOR_VERSION",
    "ENGINES",
    "ERRORS",
    "FLAGS",
    "GEOMETRY",
    "IDENTIFIER",
    "REGISTERS",
    "REGISTER_ADDRESS_BITS",
    "REGISTER_MAP_VERSION",
    "DescriptorField",
    "Field",
    "Register",
    "RegisterFile",
    "c_header",
    "constants",
    "flag_count",
    "register_page",
    "registers_of",
    "reset_value",
    "system_rdl",
]
