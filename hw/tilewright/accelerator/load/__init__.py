"""The engines that load A and B, and who reads next."""

from .load_a import LoadA
from .load_b import LoadB
from .read_arbiter import ReadRouter, router_members

__all__ = ["LoadA", "LoadB", "ReadRouter", "router_members"]
