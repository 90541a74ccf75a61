"""The engines that load A and B, and who reads next."""

from .load_a import LoadA
from .load_b import LoadB
from .read_arbiter import ReadArbiter, read_arbiter_members
from .record_gearbox import RecordGearbox

__all__ = ["LoadA", "LoadB", "ReadArbiter", "RecordGearbox", "read_arbiter_members"]
