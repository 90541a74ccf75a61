"""Golden models in integers, written from the specification, and how large products are cut."""

from .dma import Request, failure, read_words, word_count, write_bytes
from .splitting import Part, split_product

__all__ = ["Part", "Request", "failure", "read_words", "split_product", "word_count", "write_bytes"]
