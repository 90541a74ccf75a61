"""The matrix-multiply tile: columns of processing elements."""

from .config import TileConfig, tile_of
from .feeder import activation_word, weight_word
from .ports import tile_ports
from .tile import MatmulTile

__all__ = ["MatmulTile", "TileConfig", "activation_word", "tile_of", "tile_ports", "weight_word"]
