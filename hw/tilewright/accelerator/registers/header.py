"""The register map for C, from the one table."""

from collections.abc import Iterable

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    INDEX_BITS,
    REFERENCE_BITS,
    SIZE_BITS,
    STRIDE_BITS,
    AcceleratorConfig,
    Activity,
    ElementType,
    Operation,
    Unit,
)

from .constants import constants
from .descriptors import (
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    FLAGS,
    GEOMETRY,
    VECTOR_DESCRIPTOR,
    VECTOR_DESCRIPTOR_VERSION,
    VECTOR_FLAGS,
    DescriptorField,
)
from .table import ERRORS, REGISTER_ADDRESS_BITS, VARIABLE_BASE, registers_of

__all__ = ["c_header"]


def c_header(config: AcceleratorConfig) -> str:
    """Return the text of ``tilewright.h``: offsets, masks, numbers and the descriptor for C99 and C++11.

    The values of constant registers are those of ``config``.
    """
    lines = [
        "/* Registers and descriptor of the Tilewright accelerator. Generated: do not edit. */",
        "#ifndef TILEWRIGHT_H",
        "#define TILEWRIGHT_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        "/* What this accelerator was generated with. */",
        *_defines([
            ("TILEWRIGHT_ROWS", config.tile.rows, ""),
            ("TILEWRIGHT_COLS", config.tile.cols, ""),
            ("TILEWRIGHT_WORD_BYTES", config.word_bytes, "of the memory bus"),
            ("TILEWRIGHT_ADDR_BITS", config.addr_bits, ""),
            ("TILEWRIGHT_UNALIGNED", int(config.unaligned), "any address and stride is taken"),
            ("TILEWRIGHT_SIZE_MAX", config.size_limit, "largest m and n"),
            ("TILEWRIGHT_STRIDE_MAX", config.stride_limit, ""),
            ("TILEWRIGHT_INDEX_BITS", INDEX_BITS, "of HEAD and TAIL"),
            ("TILEWRIGHT_VECTOR_LANES", config.vector_lanes, "of the vector engine; 0: there is none"),
            ("TILEWRIGHT_VARIABLES", config.variables, "how many there are"),
        ]),
        "",
        "/* What every accelerator has. */",
        *_defines([
            ("TILEWRIGHT_REGISTER_BYTES", 1 << REGISTER_ADDRESS_BITS, "of the address range of the registers"),
            ("TILEWRIGHT_DESCRIPTOR_BYTES", DESCRIPTOR_BYTES, ""),
            ("TILEWRIGHT_DESCRIPTOR_WORDS", DESCRIPTOR_BYTES // 4, "of 32 bits"),
            ("TILEWRIGHT_SIZE_BITS_MAX", SIZE_BITS, "greatest width of m and n; see CAP_BUFFERS.size_bits_less"),
            ("TILEWRIGHT_STRIDE_BITS_MAX", STRIDE_BITS, "of strides; see CAP_BUFFERS.stride_bits_less"),
            ("TILEWRIGHT_VARIABLES_OFFSET", VARIABLE_BASE, "of VARIABLE_0, where there are variables"),
        ]),
        "",
        "/* A size or an address of a descriptor to which the value of a variable is added. */",
        *(
            f"#define TILEWRIGHT_REFER_{kind}(variable, offset) \\\n"
            f"    ((uint{bits}_t)({1 << REFERENCE_BITS - 1}u | (variable)) << {bits - REFERENCE_BITS} | (offset))"
            for kind, bits in (("SIZE", 32), ("ADDRESS", 64))
        ),
    ]
    fixed = constants(config)
    for register in registers_of(config):
        name = f"TILEWRIGHT_{register.name}"
        about = f"{register.about} ({register.access})" if register.about else f"({register.access})"
        lines += ["", f"/* {about} */", *_defines([(name, register.offset, "")], digits=3)]
        if register.name in fixed:
            lines += _defines([(f"{name}_VALUE", fixed[register.name], "")], digits=8)
        for field in register.fields:
            part = f"{name}_{field.name.upper()}"
            lines += _defines([(f"{part}_SHIFT", field.low, field.about)])
            lines += _defines([(f"{part}_MASK", field.mask, "")], digits=8)
    lines += ["", "/* Values of ERROR.code */"]
    lines += _defines((f"TILEWRIGHT_ERROR_{name}", number, about) for name, (number, about) in ERRORS.items())
    lines += ["", "/* Values of ERROR.unit */"]
    lines += _defines((f"TILEWRIGHT_UNIT_{name}", unit.value, "") for name, unit in Unit.__members__.items())
    lines += ["", "/* Values of the fields of ENGINES */"]
    lines += _defines((f"TILEWRIGHT_ACTIVITY_{name}", a.value, "") for name, a in Activity.__members__.items())
    lines += ["", "/* Bits of a descriptor's flags */"]
    flags = ((f"TILEWRIGHT_FLAG_{name}", 1 << bit, about) for name, (bit, about) in (VECTOR_FLAGS | FLAGS).items())
    lines += _defines(sorted(flags, key=lambda flag: flag[1]), digits=4)
    lines += ["", "/* Values of a vector descriptor's operation, and of the types of its operands */"]
    for kind, members in (("OPERATION", Operation.__members__), ("TYPE", ElementType.__members__)):
        lines += _defines((f"TILEWRIGHT_{kind}_{name}", member.value, "") for name, member in members.items())
    lines += ["", "/* X(name) for each register that never changes: its value is name_VALUE. */"]
    lines += _list("TILEWRIGHT_CONSTANT_LIST", (f"TILEWRIGHT_{name}" for name in fixed))
    lines += ["", "/* X(name, meaning) for each value of ERROR.code, X(name) for each value of ERROR.unit */"]
    lines += _list("TILEWRIGHT_ERROR_LIST", (f'{name}, "{about}"' for name, (_, about) in ERRORS.items()))
    lines += _list("TILEWRIGHT_UNIT_LIST", Unit.__members__)
    lines += ["", *_structs(), "", "#endif", ""]
    return "\n".join(lines)


def _defines(rows: Iterable[tuple[str, int, str]], digits: int = 0) -> list[str]:
    """Lines of C; numbers are hexadecimal with that many digits, or decimal."""
    lines = []
    for name, value, about in rows:
        number = f"0x{value:0{digits}X}u" if digits else f"{value}u"
        lines.append(f"#define {name} {number}" + (f" /* {about} */" if about else ""))
    return lines


def _list(name: str, rows: Iterable[str]) -> list[str]:
    """Lines of a macro that applies its argument to each row."""
    lines = [f"#define {name}(X)", *(f"    X({row})" for row in rows)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _structs() -> list[str]:
    check = "TILEWRIGHT_STATIC_ASSERT"
    return [
        "#ifdef __cplusplus",
        f"#define {check}(condition, text) static_assert(condition, text)",
        "#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L",
        f"#define {check}(condition, text) _Static_assert(condition, text)",
        "#else",
        f"#define {check}(condition, text) extern char tilewright_assertion[(condition) ? 1 : -1]",
        "#endif",
        "",
        f"#define TILEWRIGHT_DESCRIPTOR_VERSION {DESCRIPTOR_VERSION}u",
        f"#define TILEWRIGHT_VECTOR_DESCRIPTOR_VERSION {VECTOR_DESCRIPTOR_VERSION}u",
        "",
        "/* A descriptor in memory, at a multiple of its size. The machine must be little-endian. */",
        *_struct("descriptor", DESCRIPTOR),
        "",
        "/* The geometry of a convolution, right before the biases, at a multiple of its size. */",
        *_struct("geometry", GEOMETRY),
        "",
        "/* A descriptor of the vector engine, in the same ring. */",
        *_struct("vector_descriptor", VECTOR_DESCRIPTOR),
        "",
        "/* An entry of the ring: &entries[0].product is what the functions of the driver take. */",
        "union tilewright_entry {",
        "    struct tilewright_descriptor product;",
        "    struct tilewright_vector_descriptor vector;",
        "};",
    ]


def _struct(kind: str, table: tuple[DescriptorField, ...]) -> list[str]:
    members = [f"    {f.c_type} {f.name}; /* {f.about} */" for f in table]
    check = "TILEWRIGHT_STATIC_ASSERT"
    name = f"struct tilewright_{kind}"
    return [
        "#if defined(__GNUC__)",
        f"{name} {{",
        *members,
        "} __attribute__((packed, aligned(4)));",
        "#else",
        "#pragma pack(push, 1)",
        f"{name} {{",
        *members,
        "};",
        "#pragma pack(pop)",
        "#endif",
        "",
        f'{check}(sizeof({name}) == {DESCRIPTOR_BYTES}, "size of a {kind}");',
        *(f'{check}(offsetof({name}, {f.name}) == {f.offset}, "offset of {f.name}");' for f in table),
    ]
