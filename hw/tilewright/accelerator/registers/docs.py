"""The register map for people, from the one table."""

from collections.abc import Iterable

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARTIALS, AcceleratorConfig

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
from .table import ERRORS, Field, registers_of, reset_value

__all__ = ["register_page"]

_ACCESS = {
    "ro": "read only",
    "rw": "read and write",
    "w1": "writing a 1 acts immediately; reads as 0",
    "w1c": "a 1 that is written clears the bit",
    "wo": "write only; reads as 0",
}


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
        *_field_table(DESCRIPTOR),
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
        *_field_table(GEOMETRY),
        "",
        "## The vector descriptor",
        "",
        f"A descriptor of `version` {VECTOR_DESCRIPTOR_VERSION} is for the vector engine; it needs CAP_BUS.vector.",
        "The engine works on m rows of n elements, x, some operations with a row of y for each or for all.",
        "Errors are reported as if x was A and y was B. m and n are at most "
        f"{config.size_limit}; a rotation's n is also at most",
        f"{PARTIALS} for each lane, otherwise SIZE in LOAD_A. FLAGS: also a k, window, CAUSAL or FENCE_B that the",
        "operation does not use.",
        "",
        *_field_table(VECTOR_DESCRIPTOR),
        "",
        "Flags:",
        "",
        *_table(("Bit", "Flag", "Meaning"), [(str(bit), f"`{n}`", about) for n, (bit, about) in VECTOR_FLAGS.items()]),
        "",
        "## Error codes",
        "",
        *_table(("Code", "Name", "Meaning"), [(str(code), f"`{n}`", about) for n, (code, about) in ERRORS.items()]),
        "",
    ]
    return "\n".join(lines)


def _field_table(table: tuple[DescriptorField, ...]) -> list[str]:
    rows = [(str(f.offset), f"`{f.name}`", f.c_type.removesuffix("_t"), f.about) for f in table]
    return _table(("Offset", "Field", "Type", "Meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def _bits(field: Field) -> str:
    return str(field.low) if field.bits == 1 else f"{field.low + field.bits - 1}:{field.low}"
