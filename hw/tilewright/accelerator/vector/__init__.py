"""The vector engine: what is between the products of a network, on rows of float32."""

from . import coefficients
from .engine import VectorEngine
from .lane import VectorLane
from .lane_op import LaneOp

__all__ = ["LaneOp", "VectorEngine", "VectorLane", "coefficients"]
