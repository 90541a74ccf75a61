"""Panel and ring in, sums in the accumulators: the feeders around the tile."""

from .accumulators import Accumulators
from .execute import Execute
from .panel import Panel
from .ring import Ring

__all__ = ["Accumulators", "Execute", "Panel", "Ring"]
