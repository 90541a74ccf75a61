"""Operations on rows of float32: one lane, and what it computes."""

from .lane import VectorLane
from .lane_op import LaneOp

__all__ = ["LaneOp", "VectorLane"]
