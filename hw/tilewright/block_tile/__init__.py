"""The tile with block scales: products of block formats, added up along K."""

from .config import A_FORMATS, BlockTileConfig, OperandFormats, accumulator_shape
from .float32 import Float32Lane
from .ports import block_tile_ports
from .tile import BlockTile, a_word, b_word, block_word, chosen

__all__ = [
    "A_FORMATS",
    "BlockTile",
    "BlockTileConfig",
    "Float32Lane",
    "OperandFormats",
    "a_word",
    "accumulator_shape",
    "b_word",
    "block_tile_ports",
    "block_word",
    "chosen",
]
