"""Quantized networks from files on an accelerator."""

from .network import Network

__all__ = ["Network"]
