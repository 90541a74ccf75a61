"""Clock frequency of a design on ECP5, from place and route."""

from collections.abc import Iterator

from tilewright.base import Config
from tilewright.cores import Core
from tilewright.flows import ReportTarget
from tilewright.tools import NEXTPNR

from .place_route import place_and_route

__all__ = ["measure_fmax"]


def measure_fmax(core: Core, config: Config, seeds: list[int], goal_mhz: int = 250) -> Iterator[float]:
    """Yield the highest clock frequency in MHz for each placement seed, on ECP5-85k, speed grade 6.

    See `place_and_route`, which says more about each placement.
    """
    NEXTPNR["ecp5"].find()
    for placement in place_and_route(core, config, ReportTarget.parse("ecp5"), seeds, goal_mhz):
        yield placement.mhz
