"""Pauses and latencies on the testbench's side of each channel."""

from dataclasses import dataclass

__all__ = ["PERIOD_NS", "Timing"]

PERIOD_NS = 10
"""Period of the clock in every cocotb bench."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Pauses and latencies of a memory, and of the other ports of a design.

    Parameters
    ----------
    stall : float
        Probability that a channel of the memory pauses in a cycle.
    port_stall : float
        The same for the other ports: streams, or the host's registers.
    latency : int
        Cycles from a read address to its first data.
    answer : int
        Cycles from the last written data to the response.
    uneven : bool
        Latencies are random, from 0 up to ``latency`` and ``answer``.
    """

    stall: float = 0.0
    port_stall: float = 0.0
    latency: int = 0
    answer: int = 0
    uneven: bool = False
