"""Golden models, simulators, the host runtime, networks and the command line of Tilewright."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilewright_sim.host import Simulator
    from tilewright_sim.models.gemm import Requant

__all__ = ["Requant", "Simulator"]


def __getattr__(name: str) -> Any:
    """Import a name on first use: most commands do not need the runtime."""
    if name == "Simulator":
        from tilewright_sim.host import Simulator

        return Simulator
    if name == "Requant":
        from tilewright_sim.models.gemm import Requant

        return Requant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
