"""Settings of the chips' clock generators."""

from dataclasses import dataclass

from tilewright.base import TilewrightError

__all__ = ["MAX_ERROR", "EcpPll", "IcePll", "ecp_pll", "ice_pll"]

MAX_ERROR = 1e-4
"""Largest relative error of a clock against the one in timing, baud rate and SDRAM calculations: a crystal's."""


@dataclass(frozen=True)
class EcpPll:
    """An EHXPLLL, its output CLKOP as feedback: ``input / divide * multiply``, from ``output_divide`` times that."""

    divide: int
    multiply: int
    output_divide: int
    hz: float

    def phase(self, degrees: int) -> tuple[int, int]:
        """CPHASE and FPHASE of a second output that comes later by so much than the first."""
        eighths = round(degrees * self.output_divide * 8 / 360)
        return self.output_divide // 2 + eighths // 8, eighths % 8


@dataclass(frozen=True)
class IcePll:
    """An SB_PLL40 with simple feedback: ``input / (divr + 1) * (divf + 1) / 2**divq``."""

    divr: int
    divf: int
    divq: int
    filter_range: int
    hz: float


def ecp_pll(source_hz: int, wanted_hz: int, share: float = MAX_ERROR) -> EcpPll:
    """Return the settings that come closest: phase detector 3.125 to 400 MHz, oscillator 400 to 800 MHz.

    Raises
    ------
    TilewrightError
        If no setting is within ``share`` of it.
    """
    found = []
    for divide in range(1, 129):
        if not 3.125e6 <= source_hz / divide <= 400e6:
            continue
        multiply = min(80, max(1, round(wanted_hz * divide / source_hz)))
        hz = source_hz / divide * multiply
        for output in range(1, 129):
            if 400e6 <= hz * output <= 800e6:
                found.append((
                    abs(hz - wanted_hz),
                    divide,
                    abs(hz * output - 600e6),
                    EcpPll(divide, multiply, output, hz),
                ))
    return _best(found, source_hz, wanted_hz, share)


def ice_pll(source_hz: int, wanted_hz: int, share: float = MAX_ERROR) -> IcePll:
    """Return the settings that come closest: phase detector 10 to 133 MHz, oscillator 533 to 1066 MHz.

    Raises
    ------
    TilewrightError
        If no setting is within ``share`` of it.
    """
    found = []
    for divr in range(16):
        reference = source_hz / (divr + 1)
        if not 10e6 <= reference <= 133e6:
            continue
        limits = (17e6, 26e6, 44e6, 66e6, 101e6)
        filter_range = 1 + sum(reference >= limit for limit in limits)
        for divf in range(128):
            oscillator = reference * (divf + 1)
            if not 533e6 <= oscillator <= 1066e6:
                continue
            for divq in range(1, 7):
                hz = oscillator / (1 << divq)
                found.append((abs(hz - wanted_hz), divr, divf, IcePll(divr, divf, divq, filter_range, hz)))
    return _best(found, source_hz, wanted_hz, share)


def _best(found: list, source_hz: int, wanted_hz: int, share: float):
    best = min(found, key=lambda entry: entry[:3], default=None)
    if best is None or best[0] > wanted_hz * share:
        near = f"; the nearest is clock_hz = {best[3].hz:.0f}" if best else ""
        raise TilewrightError(f"clock_hz = {wanted_hz}: no clock generator makes it from {source_hz} Hz{near}")
    return best[3]
