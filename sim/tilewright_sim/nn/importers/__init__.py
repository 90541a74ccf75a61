"""Read models from files."""

from .download import PUBLISHED, fetch, model_path
from .gguf import GgufModel
from .onnx import read_onnx
from .safetensors import SafetensorsModel
from .source import Source, describe_kinds, layer_tensors
from .tflite import read_tflite
from .tokenizer import TextStream, Tokenizer, read_tokenizer

__all__ = [
    "PUBLISHED",
    "GgufModel",
    "SafetensorsModel",
    "Source",
    "TextStream",
    "Tokenizer",
    "describe_kinds",
    "fetch",
    "layer_tensors",
    "model_path",
    "read_onnx",
    "read_tflite",
    "read_tokenizer",
]
