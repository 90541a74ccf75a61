"""Quantized networks from files on an accelerator."""

from .network import Network, NetworkEstimate
from .report import network_figures, network_page, network_summary, network_table
from .session import LayerRun, NetworkRun, Session
from .trace import EVENTS, NetworkTrace

__all__ = [
    "EVENTS",
    "LayerRun",
    "Network",
    "NetworkEstimate",
    "NetworkRun",
    "NetworkTrace",
    "Session",
    "network_figures",
    "network_page",
    "network_summary",
    "network_table",
]
