"""Panel and ring in, sums in the accumulators: the feeders around the tile."""

from .accumulators import Accumulators
from .checked_accumulators import CheckedAccumulators
from .complete_sums import CompleteSums
from .execute import Execute
from .panel import Panel
from .ring import Ring

__all__ = ["Accumulators", "CheckedAccumulators", "CompleteSums", "Execute", "Panel", "Ring"]
