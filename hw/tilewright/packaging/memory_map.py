"""The registers of an accelerator as a memory map of IP-XACT."""

from xml.etree import ElementTree

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import (
    REGISTER_ADDRESS_BITS,
    Field,
    Register,
    constants,
    registers_of,
    reset_value,
)

from .xml import element

__all__ = ["memory_map"]

_ACCESS = {"ro": "read-only", "rw": "read-write", "w1": "write-only", "w1c": "read-write", "wo": "write-only"}


def memory_map(config: AcceleratorConfig, name: str) -> ElementTree.Element:
    """The memory map ``name``: one block of the registers that the configuration has."""
    fixed = constants(config)
    return element(
        "memoryMap",
        element("name", name),
        element(
            "addressBlock",
            element("name", "registers"),
            element("baseAddress", "0"),
            element("range", str(1 << REGISTER_ADDRESS_BITS)),
            element("width", "32"),
            element("usage", "register"),
            *(_register(register, fixed) for register in registers_of(config)),
        ),
        element("addressUnitBits", "8"),
    )


def _register(register: Register, fixed: dict[str, int]) -> ElementTree.Element:
    reset = reset_value(register, fixed)
    return element(
        "register",
        element("name", register.name),
        *([element("description", register.about)] if register.about else []),
        element("addressOffset", str(register.offset)),
        element("size", "32"),
        *(_field(field, register, reset, constant=register.name in fixed) for field in register.parts),
    )


def _field(field: Field, register: Register, reset: int, *, constant: bool) -> ElementTree.Element:
    volatile = register.access in ("ro", "rw", "w1c") and not constant
    return element(
        "field",
        element("name", field.name),
        *([element("description", field.about)] if field.about else []),
        element("bitOffset", str(field.low)),
        element("resets", element("reset", element("value", f"'h{field.of(reset):X}"))),
        element("bitWidth", str(field.bits)),
        element("volatile", "true" if volatile else "false"),
        element("access", _ACCESS[register.access]),
        *([element("modifiedWriteValue", "oneToClear")] if register.access == "w1c" else []),
    )
