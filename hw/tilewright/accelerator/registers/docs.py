"""The register map for people and for C, from the one table."""

from collections.abc import Iterable

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    INDEX_BITS,
    SIZE_BITS,
    STRIDE_BITS,
    AcceleratorConfig,
    Activity,
    Unit,
)

from .constants import constants
from .table import (
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    ERRORS,
    FLAGS,
    GEOMETRY,
    REGISTER_ADDRESS_BITS,
    DescriptorField,
    Field,
    registers_of,
    reset_value,
)

__all__ = ["c_header", "register_page"]

_ACCESS = {
    "ro": "read only",
    "rw": "read and write",
    "w1": "writing a 1 acts immediately; reads as 0",
    "w1c": "a 1 that is written clears the bit",
    "wo": "write only; reads as 0",
}


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
        ]),
        "",
        "/* What every accelerator has. */",
        *_defines([
            ("TILEWRIGHT_REGISTER_BYTES", 1 << REGISTER_ADDRESS_BITS, "of the address range of the registers"),
            ("TILEWRIGHT_DESCRIPTOR_BYTES", DESCRIPTOR_BYTES, ""),
            ("TILEWRIGHT_DESCRIPTOR_WORDS", DESCRIPTOR_BYTES // 4, "of 32 bits"),
            ("TILEWRIGHT_SIZE_BITS_MAX", SIZE_BITS, "greatest width of m and n; see CAP_BUFFERS.size_bits_less"),
            ("TILEWRIGHT_STRIDE_BITS_MAX", STRIDE_BITS, "of strides; see CAP_BUFFERS.stride_bits_less"),
        ]),
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
    flags = ((f"TILEWRIGHT_FLAG_{name}", 1 << bit, about) for name, (bit, about) in FLAGS.items())
    lines += _defines(flags, digits=4)
    lines += ["", "/* X(name) for each register that never changes: its value is name_VALUE. */"]
    lines += _list("TILEWRIGHT_CONSTANT_LIST", (f"TILEWRIGHT_{name}" for name in fixed))
    lines += ["", "/* X(name, meaning) for each value of ERROR.code, X(name) for each value of ERROR.unit */"]
    lines += _list("TILEWRIGHT_ERROR_LIST", (f'{name}, "{about}"' for name, (_, about) in ERRORS.items()))
    lines += _list("TILEWRIGHT_UNIT_LIST", Unit.__members__)
    lines += ["", *_structs(), "", "#endif", ""]
    return "\n".join(lines)


def register_page(config: AcceleratorConfig) -> str:
    """Return the text of ``registers.md``: every register with its fields, and the descriptor."""
    fixed = constants(config)
    lines = [
        "# Registers",
        "",
        "32 bits each, at byte offsets from the base of the AXI4-Lite port. Generated from one table, like the C",
        "header and the driver.",
        "",
        "Answered with SLVERR, without any effect: an access to an offset that is not listed, a write to a read-only",
        "register, a write without all four byte strobes, a write to DESCRIPTOR_n that is not allowed (see below). The",
        "host has to look at the response of each write to DESCRIPTOR_n: a word that was refused is not kept.",
        "The two least bits of an address are ignored. Bits that are in no field read as 0.",
        "",
        *_table(
            ("Offset", "Name", "Access", "Reset", "Meaning"),
            [
                (
                    f"0x{r.offset:03X}",
                    f"`{r.name}`",
                    r.access,
                    f"0x{reset_value(r, fixed):08X}",
                    r.about or ", ".join(field.name for field in r.fields),
                )
                for r in registers_of(config)
            ],
        ),
        "",
        *(f"* `{access}`: {about}." for access, about in _ACCESS.items()),
    ]
    for register in (register for register in registers_of(config) if register.fields):
        rows = [(_bits(f), f"`{f.name}`", f.about) for f in register.fields]
        lines += ["", f"## {register.name}", "", *_table(("Bits", "Field", "Meaning"), rows)]
    lines += [
        "",
        "## Errors, abort, resume",
        "",
        "A descriptor that is bad, or one of whose transfers fails, lets the descriptors before it complete. Then all",
        "transfers end, STATUS.failed and IRQ_STATUS.error become 1, and HEAD, which is read as ERROR_INDEX too, is",
        "its number. Nothing of the descriptors after it has been stored. COMMAND.resume counts it as complete; those",
        "after it are fetched anew. COMMAND.abort does the same to the oldest descriptor that is not complete, at",
        "once; it has no effect if there is none, or while STATUS.stopping or failed is 1. COMMAND.soft_reset works",
        "at any time; it is done when STATUS.stopping is 0 again, and until then nothing should be written.",
        "",
        "DESCRIPTOR_0 to 15 take one descriptor at a time, when none is in progress and the ring is empty: while",
        "STATUS.direct_ready is 1. Write DESCRIPTOR_0 first, then the others, DESCRIPTOR_15 last, which submits it.",
        "If direct_ready becomes 0 in between, since TAIL was written, all further words are answered with SLVERR, and",
        "nothing is submitted: begin again with DESCRIPTOR_0. Such a descriptor needs no CONTROL.enable. It counts in",
        "HEAD and TAIL, and its entry of the ring is skipped: read TAIL before the next write to it.",
        "",
        "## Counters",
        "",
        *(
            [
                "`COUNT_CYCLES` counts the cycles in which STATUS.busy is 1, and in the same cycles each engine's",
                "activity is counted, so for each engine the five counts add up to it, whenever STATUS.busy is 0. They",
                "wrap at 2**32. COMMAND.clear_counters sets all to 0 at once.",
            ]
            if config.has_counters
            else [
                "`COUNT_CYCLES` counts the cycles in which STATUS.busy is 1, and wraps at 2**32. There are no other",
                "counters in the variant `compact`. COMMAND.clear_counters sets it to 0.",
            ]
        ),
        "",
        "## The descriptor",
        "",
        f"{DESCRIPTOR_BYTES} bytes, little-endian, at a multiple of {DESCRIPTOR_BYTES}. `version` is "
        f"{DESCRIPTOR_VERSION}. m and n are at most",
        f"{config.size_limit}, k at most {config.k_limit}, strides at most {config.stride_limit}, addresses of "
        f"{config.addr_bits} bits.",
        "Addresses and strides take any value."
        if config.unaligned
        else f"Addresses and strides are multiples of {config.word_bytes}.",
        "",
        *_table(
            ("Offset", "Field", "Type", "Meaning"),
            [(str(f.offset), f"`{f.name}`", _c_type(f.bits, f.signed).removesuffix("_t"), f.about) for f in DESCRIPTOR],
        ),
        "",
        "Flags:",
        "",
        *_table(("Bit", "Flag", "Meaning"), [(str(bit), f"`{n}`", about) for n, (bit, about) in FLAGS.items()]),
        "",
        "## The geometry of a convolution",
        "",
        f"{DESCRIPTOR_BYTES} bytes at `parameter_address` - {DESCRIPTOR_BYTES}, which is a multiple of "
        f"{DESCRIPTOR_BYTES} then; whether there are",
        "parameters or not. Needs CAP_BUS.convolution.",
        "",
        "Row y of the image begins at `a_address + y * a_stride`; the elements of a pixel, and the pixels of a row,",
        "adjoin. m is `out_height * out_width`. A patch is divided into runs: rows of the kernel, of `kernel_width *",
        "channels` elements; or, with `dilation_x` over 1 or `depthwise`, the elements of the kernel, of `channels`",
        f"elements or, depthwise, of {config.tile.cols}. In B each run is filled up with zeros to a multiple of",
        f"{config.tile.rows} elements; k is the sum of all.",
        "",
        "SIZE in LOAD_A: a field that must be at least 1 is 0; m or k is not that of the geometry; `block_height *",
        f"out_width` is over {config.acc_rows}; rows of the image for so many output rows do not fit into",
        f"half of the panel, {config.half_words} words, or none of them is in the image; or there are more columns",
        "than channels, depthwise.",
        "",
        *_table(
            ("Offset", "Field", "Type", "Meaning"),
            [(str(f.offset), f"`{f.name}`", _c_type(f.bits, f.signed).removesuffix("_t"), f.about) for f in GEOMETRY],
        ),
        "",
        "## Error codes",
        "",
        *_table(("Code", "Name", "Meaning"), [(str(code), f"`{n}`", about) for n, (code, about) in ERRORS.items()]),
        "",
    ]
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
        "",
        "/* A descriptor in memory, at a multiple of its size. The machine must be little-endian. */",
        *_struct("descriptor", DESCRIPTOR),
        "",
        "/* The geometry of a convolution, right before the biases, at a multiple of its size. */",
        *_struct("geometry", GEOMETRY),
    ]


def _struct(kind: str, table: tuple[DescriptorField, ...]) -> list[str]:
    members = [f"    {_c_type(f.bits, f.signed)} {f.name}; /* {f.about} */" for f in table]
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


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def _bits(field: Field) -> str:
    return str(field.low) if field.bits == 1 else f"{field.low + field.bits - 1}:{field.low}"


def _c_type(bits: int, signed: bool) -> str:
    return f"{'' if signed else 'u'}int{bits}_t"
