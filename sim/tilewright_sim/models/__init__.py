"""Golden models, written from the specification, the rules of the bus, and how large products are cut."""

from typing import TYPE_CHECKING, Any

from .axi_rules import AxiRules
from .dma import Request, failure, read_words, word_count, write_bytes
from .geometry import Convolution, ConvolutionLayout, same_padding
from .operands import check_int8
from .sdram_figures import ChipFigures
from .splitting import Part, split_product

if TYPE_CHECKING:
    from .records import Records

__all__ = [
    "AxiRules",
    "ChipFigures",
    "Convolution",
    "ConvolutionLayout",
    "Part",
    "Records",
    "Request",
    "check_int8",
    "failure",
    "read_words",
    "same_padding",
    "split_product",
    "word_count",
    "write_bytes",
]


def __getattr__(name: str) -> Any:
    """Return what needs numpy when it is asked for: cycles are estimated without it."""
    if name == "Records":
        from .records import Records

        return Records
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
