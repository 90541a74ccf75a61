"""Networks on the accelerator."""

from .transformer import MAX_SIZE, MODELS, LlamaConfig, Transformer, number

__all__ = ["MAX_SIZE", "MODELS", "LlamaConfig", "Transformer", "number"]
