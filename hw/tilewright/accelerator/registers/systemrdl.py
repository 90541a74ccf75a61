"""The register map as SystemRDL 2.0, for tools that make documents, UVM models or headers of it."""

from tilewright.accelerator.contract import AcceleratorConfig

from .constants import constants
from .table import registers_of, reset_value

__all__ = ["system_rdl"]

# How software and hardware reach the fields of a register; constants are not written by hardware.
_ACCESS = {
    "ro": "sw = r; hw = w;",
    "rw": "sw = rw; hw = rw;",
    "w1": "sw = w; hw = r; singlepulse;",
    "w1c": "sw = rw; onwrite = woclr; hw = rw;",
    "wo": "sw = w; hw = r;",
}
_CONSTANT = "sw = r; hw = na;"
# Reserved words of SystemRDL 2.0; a name that is one of them is escaped.
_KEYWORDS = frozenset({
    "abstract", "accesstype", "addressingtype", "addrmap", "alias", "all", "bit", "boolean", "bothedge",
    "compact", "component", "componentwidth", "constraint", "default", "encode", "enum", "external", "false",
    "field", "fullalign", "hw", "inside", "internal", "level", "longint", "mem", "na", "negedge", "nonsticky",
    "number", "onreadtype", "onwritetype", "posedge", "property", "r", "rclr", "ref", "reg", "regalign",
    "regfile", "rset", "ruser", "rw", "rw1", "signal", "string", "struct", "sw", "this", "true", "type",
    "unsigned", "w", "w1", "wclr", "woclr", "woset", "wot", "wr", "wset", "wuser", "wzc", "wzs", "wzt",
})  # fmt: skip


def system_rdl(config: AcceleratorConfig) -> str:
    """Return the text of ``registers.rdl``: an `addrmap` of the registers that the configuration has.

    Offsets are of bytes from the base of the AXI4-Lite port. The values of constant registers are the reset values of
    their fields.
    """
    fixed = constants(config)
    lines = [
        "// Registers of the Tilewright accelerator, SystemRDL 2.0. Generated: do not edit.",
        "addrmap tilewright {",
        '    name = "Tilewright accelerator";',
        "    default regwidth = 32;",
        "    default accesswidth = 32;",
    ]
    for register in registers_of(config):
        access = _CONSTANT if register.name in fixed else _ACCESS[register.access]
        reset = reset_value(register, fixed)
        lines += ["", "    reg {", f"        name = {_string(register.name)};"]
        if register.about:
            lines.append(f"        desc = {_string(register.about)};")
        for field in register.parts:
            about = f" desc = {_string(field.about)};" if field.about else ""
            bits = f"[{field.low + field.bits - 1}:{field.low}]"
            start = f"0x{field.of(reset):X}"
            lines.append(f"        field {{ {access}{about} }} {_name(field.name)}{bits} = {start};")
        lines.append(f"    }} {_name(register.name)} @ 0x{register.offset:03X};")
    return "\n".join([*lines, "};", ""])


def _name(name: str) -> str:
    return f"\\{name}" if name in _KEYWORDS else name


def _string(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
