"""The vector engine: what is between the products of a network, on rows of float32."""

from . import coefficients
from .compute import VectorCompute
from .engine import VectorEngine
from .lanes.lane import VectorLane
from .lanes.lane_op import LaneOp
from .program.instructions import CONDITIONS, REGISTER_ENTRIES, Extent, Kind, Operand
from .program.store import stored_programs
from .results.record_format import RecordFormat

__all__ = [
    "CONDITIONS",
    "REGISTER_ENTRIES",
    "Extent",
    "Kind",
    "LaneOp",
    "Operand",
    "RecordFormat",
    "VectorCompute",
    "VectorEngine",
    "VectorLane",
    "coefficients",
    "stored_programs",
]
