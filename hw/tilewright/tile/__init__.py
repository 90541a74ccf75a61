"""The matrix-multiply tile: columns of processing elements."""

from .config import TileConfig, tile_of
from .ports import tile_ports
from .tile import MatmulTile

__all__ = ["MatmulTile", "TileConfig", "tile_of", "tile_ports"]
