"""The vector engine: what is between the products of a network, on rows of float32."""

from . import coefficients
from .compute import VectorCompute
from .engine import VectorEngine
from .instructions import CONDITIONS, REGISTER_ENTRIES, Extent, Kind, Operand
from .lane import VectorLane
from .lane_op import LaneOp
from .program_store import stored_programs
from .record_format import RecordFormat

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
