"""Operations on rows of float32: one lane, what it computes, and the constants of functions made of that."""

from . import coefficients
from .lane import VectorLane
from .lane_op import LaneOp

__all__ = ["LaneOp", "VectorLane", "coefficients"]
