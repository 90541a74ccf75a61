"""Networks on the accelerator."""

from .transformer import _LARGEST, MODELS, LlamaConfig, Transformer, number

__all__ = ["MODELS", "_LARGEST", "LlamaConfig", "Transformer", "number"]
