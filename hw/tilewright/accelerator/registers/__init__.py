"""The one table of registers and descriptor fields, the hardware behind it, and its documentation."""

from .constants import constants
from .counters import ALL_ENGINES, COUNTERS, ENGINES, counter_names, counters_of, engines_of
from .descriptors import (
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    FLAGS,
    GEOMETRY,
    REFERABLE,
    VECTOR_DESCRIPTOR,
    VECTOR_DESCRIPTOR_VERSION,
    VECTOR_FLAGS,
    DescriptorField,
)
from .docs import register_page
from .header import c_header
from .register_file import RegisterFile
from .systemrdl import system_rdl
from .table import (
    ERRORS,
    IDENTIFIER,
    REGISTER_ADDRESS_BITS,
    REGISTER_MAP_VERSION,
    REGISTERS,
    Field,
    Register,
    flag_count,
    registers_of,
    reset_value,
)

__all__ = [
    "ALL_ENGINES",
    "COUNTERS",
    "DESCRIPTOR",
    "DESCRIPTOR_VERSION",
    "ENGINES",
    "ERRORS",
    "FLAGS",
    "GEOMETRY",
    "IDENTIFIER",
    "REFERABLE",
    "REGISTERS",
    "REGISTER_ADDRESS_BITS",
    "REGISTER_MAP_VERSION",
    "VECTOR_DESCRIPTOR",
    "VECTOR_DESCRIPTOR_VERSION",
    "VECTOR_FLAGS",
    "DescriptorField",
    "Field",
    "Register",
    "RegisterFile",
    "c_header",
    "constants",
    "counter_names",
    "counters_of",
    "engines_of",
    "flag_count",
    "register_page",
    "registers_of",
    "reset_value",
    "system_rdl",
]
