"""Golden models in integers, written from the specification."""

from .dma import Request, failure, read_words, word_count, write_bytes

__all__ = ["Request", "failure", "read_words", "word_count", "write_bytes"]
