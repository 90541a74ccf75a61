"""The bins of functional coverage: those that can be reached, and the others with the reason."""

from collections.abc import Iterable, Iterator, Mapping

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, Operation
from tilewright.accelerator.registers import REFERABLE, VECTOR_FLAGS
from tilewright.formats import FORMATS

__all__ = ["REACHABLE", "UNREACHABLE", "split"]

FENCES = ("FENCE_A", "FENCE_B", "FENCE_C", "INTERRUPT")
_ALONE = tuple(name for name, form in FORMATS.items() if form.blocks > 1)
"""Formats of the block tile, which the accelerator does not have."""
RESULTS = ("plain", "BIAS", "REQUANT", "ACCUMULATE")
UNITS = ("LOAD_A", "LOAD_B", "PARAMETERS", "STORE_C")
TYPES = [one.name for one in ElementType]
_GROUPS: dict[str, tuple[str, ...]] = {
    "M": ("1", "< cols", "= cols", "> cols", "= acc_rows", "> acc_rows"),
    "N": ("1", "< cols", "= cols", "> cols"),
    "K": ("1", "< rows", "= rows", "> rows", "= k_limit"),
    "A": ("rows overlap", "rows adjoin", "rows apart"),
    "B is": tuple(name for name in FORMATS if name not in _ALONE),
    "C": ("rows adjoin", "rows apart"),
    "kind": ("product", "convolution", "vector"),
    "operation": tuple(one.name for one in Operation),
    "operand and result": (*(f"{x} to {c}" for x in TYPES[:3] for c in TYPES),),
    "y": ("none", *(f"{kind}, {rows}" for kind in TYPES[:2] for rows in ("rows", "one row"))),
    "elements": ("1", "< register", "= register", "> register"),
    "vector flag": ("none", *VECTOR_FLAGS),
    "refers": ("nothing", *REFERABLE),
    "result": RESULTS,
    "result and flag": tuple(f"{result} {flag}" for result in RESULTS for flag in ("none", *FENCES)),
    "trial": ("bus", "descriptor", "abort", "soft reset", "hard reset", "slow", "doorbells"),
    "ring": tuple(f"{1 << log2} descriptors" for log2 in (0, 1, 3)),
    "timing": ("prompt", "late", "late_acks", "stalled", "uneven"),
    "error": (
        "VERSION DESCRIPTOR", "FLAGS DESCRIPTOR",
        *(f"{code} {unit}" for code in ("SIZE", "WRAPPED", "ALIGNMENT") for unit in UNITS),
        *(f"{code} {unit}" for code in ("SLVERR", "DECERR") for unit in ("DESCRIPTOR", "LOAD_C", "VECTOR", *UNITS)),
    ),
}  # fmt: skip
LEAST = {"rows": 4, "cols": 4}
"""Of fields that an accelerator limits further."""
UNREACHABLE = {
    "rows, cols: less than 4": (
        "such a configuration is refused: a bus word has at least 4 elements, and an accumulator takes 4 cycles to add"
    ),
    "K: > k_limit": "such a descriptor fails with SIZE: bins `error: SIZE LOAD_A`",
    "result: ACCUMULATE with BIAS or REQUANT": "such a descriptor fails with FLAGS",
    "C: rows overlap": "two results in the same bytes have no order, so the golden model defines none",
    "activation_bits, weight_bits: other than 8": (
        "such a configuration is refused: elements of fewer bits are those of block formats"
    ),
    f"a_format, b_formats: {', '.join(_ALONE)}": "a record must be one block in the accelerator",
}
"""What has no bin, and why."""


def _fields() -> Iterator[str]:
    """Each choice of a field, and each power of two within its limits."""
    for row in AcceleratorConfig.field_table():
        if row.name in ("activation_bits", "weight_bits"):
            continue
        if row.choices:
            yield from (f"{row.name}: {str(choice).lower()}" for choice in row.choices if choice not in _ALONE)
        else:
            yield from [f"{row.name}: 0"] if row.limits.start == 0 else []
            low, high = max(LEAST.get(row.name, 1), row.limits.start), row.limits.stop - 1
            yield from (f"{row.name}: from {1 << bit}" for bit in range(low.bit_length() - 1, high.bit_length()))


REACHABLE = (*(f"{group}: {value}" for group, values in _GROUPS.items() for value in values), *_fields())


def split(bins: Mapping[str, int]) -> Iterable[str]:
    """Return the names of the bins of this file that counts of a campaign have met."""
    for name in bins:
        group, _, value = name.partition(": ")
        if group == "flags":
            words = value.split()
            result = next((kind for kind in ("REQUANT", "BIAS", "ACCUMULATE") if kind in words), "plain")
            flags = [word for word in words if word in FENCES] or ["none"]
            yield f"result: {result}"
            yield from (f"result and flag: {result} {flag}" for flag in flags)
        elif group == "vector flags":
            yield from (f"vector flag: {flag}" for flag in value.split())
        elif group == "refers":
            yield from (f"refers: {field}" for field in value.split())
        elif value in ("True", "False"):
            yield f"{group}: {value.lower()}"
        else:
            yield name
