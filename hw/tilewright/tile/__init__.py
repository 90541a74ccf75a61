"""The matrix-multiply tile: columns of processing elements."""

from .column import ColumnBlock
from .config import TileConfig, tile_of
from .feeder import TileFeeder
from .ports import tile_ports
from .tile import MatmulTile, place_columns

__all__ = ["ColumnBlock", "MatmulTile", "TileConfig", "TileFeeder", "place_columns", "tile_of", "tile_ports"]
