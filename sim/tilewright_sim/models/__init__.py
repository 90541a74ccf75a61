"""Golden models in integers, written from the specification, the rules of the bus, and how large products are cut."""

from .axi_rules import AxiRules
from .convolution import Convolution, ConvolutionLayout, convolve, patches
from .dma import Request, failure, read_words, word_count, write_bytes
from .secded import Secded, StoredWord
from .splitting import Part, split_product

__all__ = [
    "AxiRules",
    "Convolution",
    "ConvolutionLayout",
    "Part",
    "Request",
    "Secded",
    "StoredWord",
    "convolve",
    "failure",
    "patches",
    "read_words",
    "split_product",
    "word_count",
    "write_bytes",
]
