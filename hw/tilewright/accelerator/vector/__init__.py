"""The vector engine: what is between the products of a network, on rows of float32."""

from . import coefficients
from .engine import VectorEngine
from .lane import VectorLane
from .lane_op import LaneOp
from .record_format import RecordFormat

__all__ = ["LaneOp", "RecordFormat", "VectorEngine", "VectorLane", "coefficients"]
