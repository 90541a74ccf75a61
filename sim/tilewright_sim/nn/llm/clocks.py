"""Clock frequencies of whole accelerators, measured by place and route."""

from dataclasses import dataclass

from tilewright.accelerator.contract import AcceleratorConfig

__all__ = ["Clock", "clock_of"]

ASSUMED_MHZ = 100.0
_REACHED: dict[str, tuple[float, str]] = {
    "nano": (98.4, "place and route for ECP5-85k, speed 6: `tilewright fmax accelerator --preset nano --seeds 1`"),
    "small": (106.1, "place and route for ECP5-85k, speed 6: `tilewright fmax accelerator --preset small --seeds 1`"),
}
"""MHz by preset, and how it was measured. Other presets have not been measured."""


@dataclass(frozen=True)
class Clock:
    """A clock frequency and where it comes from.

    Parameters
    ----------
    mhz : float
    origin : str
    measured : bool
        Place and route reached it for exactly this configuration.
    """

    mhz: float
    origin: str
    measured: bool

    def __str__(self) -> str:
        return f"{self.mhz:g} MHz ({self.origin})"


def clock_of(config: AcceleratorConfig, mhz: float | None = None) -> Clock:
    """Return the clock for a configuration: ``mhz`` if given, else the measured Fmax, else an assumption."""
    if mhz is not None:
        return Clock(mhz, "as requested", False)
    for preset, (reached, origin) in _REACHED.items():
        if config == AcceleratorConfig.preset(preset):
            return Clock(reached, origin, True)
    return Clock(ASSUMED_MHZ, "assumed: place and route has not been run for this configuration; see --freq", False)
