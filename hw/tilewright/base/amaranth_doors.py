"""The places where Amaranth's public interface is not enough, each with its reason. Tested with Amaranth 0.5.9."""

from amaranth.hdl import Elaboratable
from amaranth.hdl._dsl import FSM  # the type of `m.FSM() as fsm`, for annotations
from amaranth.hdl._ir import PortDirection  # `rtlil.convert` takes ports with a direction only in this form

__all__ = ["FSM", "PortDirection", "mark_used"]


def mark_used(component: Elaboratable, used: bool = True) -> None:
    """Set whether a component counts as used.

    Amaranth warns of a component that is created and never elaborated. Components are created without being elaborated
    to look at their ports, and because their module exists already.
    """
    component._MustUse__used = used
