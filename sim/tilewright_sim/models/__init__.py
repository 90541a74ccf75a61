"""Golden models in integers, written from the specification, the rules of the bus, and how large products are cut."""

from .axi_rules import AxiRules
from .dma import Request, failure, read_words, word_count, write_bytes
from .geometry import Convolution, ConvolutionLayout, same_padding
from .operands import check_int8
from .records import Records
from .splitting import Part, split_product

__all__ = [
    "AxiRules",
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
