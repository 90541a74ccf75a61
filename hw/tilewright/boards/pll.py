"""The chips' clock generators: their settings, and their instances in Verilog."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tilewright.base import TilewrightError

__all__ = ["MAX_ERROR", "PLLS", "EcpPll", "GowinPll", "IcePll", "Pll", "ecp_pll", "gowin_pll", "ice_pll"]

MAX_ERROR = 1e-4
"""Largest relative error of a clock against the one in timing, baud rate and SDRAM calculations: a crystal's."""
_ECP_FIXED = """\
    .PLLRST_ENA("DISABLED"), .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA"), .OUTDIVIDER_MUXB("DIVB"), .OUTDIVIDER_MUXC("DIVC"), .OUTDIVIDER_MUXD("DIVD"),
    .FEEDBK_PATH("CLKOP"),"""
_ECP_PORTS = """\
    .RST(1'b0), .STDBY(1'b0), .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1),
    .PHASELOADREG(1'b1), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0),"""
_GOWIN_FIXED = """\
    .DYN_IDIV_SEL("false"), .DYN_FBDIV_SEL("false"), .DYN_ODIV_SEL("false"), .DYN_DA_EN("false"),
    .DUTYDA_SEL("1000"), .CLKFB_SEL("internal"), .CLKOUT_BYPASS("false"), .CLKOUTP_BYPASS("false"),
    .CLKOUTD_BYPASS("false"), .DEVICE("GW2AR-18C"),"""
_GOWIN_PORTS = """\
    .RESET(1'b0), .RESET_P(1'b0), .CLKFB(1'b0), .FBDSEL(6'd0), .IDSEL(6'd0), .ODSEL(6'd0), .PSDA(4'd0),
    .DUTYDA(4'd0), .FDLY(4'd0),"""


class Pll(Protocol):
    """Settings of a clock generator that makes ``hz``."""

    @property
    def hz(self) -> float: ...

    def instance(self, source_hz: int, degrees: float | None) -> str:
        """Return its instance ``pll``: from ``clk`` it makes ``clock`` and, with degrees, the later ``chip_clock``."""
        ...


@dataclass(frozen=True)
class EcpPll:
    """An EHXPLLL, its output CLKOP as feedback: ``input / divide * multiply``, from ``output_divide`` times that."""

    divide: int
    multiply: int
    output_divide: int
    hz: float

    def phase(self, degrees: float) -> tuple[int, int]:
        """CPHASE and FPHASE of a second output that comes later by so much than the first."""
        eighths = round(degrees * self.output_divide * 8 / 360)
        return self.output_divide // 2 + eighths // 8, eighths % 8

    def instance(self, source_hz: int, degrees: float | None) -> str:
        parameters = [
            f'.CLKI_DIV({self.divide}), .CLKFB_DIV({self.multiply}), .CLKOP_ENABLE("ENABLED"), '
            f".CLKOP_DIV({self.output_divide}), .CLKOP_CPHASE({self.output_divide // 2}), .CLKOP_FPHASE(0)"
        ]
        if degrees is not None:
            coarse, fine = self.phase(degrees)
            parameters += [
                f'.CLKOS_ENABLE("ENABLED"), .CLKOS_DIV({self.output_divide}), .CLKOS_CPHASE({coarse}), '
                f".CLKOS_FPHASE({fine})"
            ]
        attributes = f'FREQUENCY_PIN_CLKI="{source_hz / 1e6:g}", FREQUENCY_PIN_CLKOP="{self.hz / 1e6:g}"'
        second = "" if degrees is None else "chip_clock"
        return "\n".join([
            f'(* {attributes}, ICP_CURRENT="12", LPF_RESISTOR="8", MFG_ENABLE_FILTEROPAMP="1", MFG_GMCREF_SEL="2" *)',
            "EHXPLLL #(",
            _ECP_FIXED,
            "    " + ",\n    ".join(parameters),
            ") pll (",
            _ECP_PORTS,
            f"    .CLKI(clk), .CLKOP(clock), .CLKFB(clock), .CLKOS({second}), .LOCK(locked)",
            ");",
        ])


@dataclass(frozen=True)
class IcePll:
    """An SB_PLL40 with simple feedback: ``input / (divr + 1) * (divf + 1) / 2**divq``. It has one output."""

    divr: int
    divf: int
    divq: int
    filter_range: int
    hz: float

    def instance(self, source_hz: int, degrees: float | None) -> str:
        return (
            f"SB_PLL40_PAD #(.FEEDBACK_PATH(\"SIMPLE\"), .DIVR(4'd{self.divr}), .DIVF(7'd{self.divf}), "
            f".DIVQ(3'd{self.divq}), .FILTER_RANGE(3'd{self.filter_range})) pll (.PACKAGEPIN(clk), "
            ".PLLOUTGLOBAL(clock), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0));"
        )


@dataclass(frozen=True)
class GowinPll:
    """An rPLL of a GW2A: ``input / divide * multiply``, from ``output_divide`` times that."""

    divide: int
    multiply: int
    output_divide: int
    hz: float

    def instance(self, source_hz: int, degrees: float | None) -> str:
        sixteenths = round((degrees or 0) * 16 / 360) % 16
        second = "" if degrees is None else "chip_clock"
        return "\n".join([
            "rPLL #(",
            _GOWIN_FIXED,
            f'    .FCLKIN("{source_hz / 1e6:g}"), .IDIV_SEL({self.divide - 1}), .FBDIV_SEL({self.multiply - 1}), '
            f'.ODIV_SEL({self.output_divide}), .PSDA_SEL("{sixteenths:04b}")',
            ") pll (",
            _GOWIN_PORTS,
            f"    .CLKIN(clk), .CLKOUT(clock), .CLKOUTP({second}), .LOCK(locked)",
            ");",
        ])


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


def gowin_pll(source_hz: int, wanted_hz: int, share: float = MAX_ERROR) -> GowinPll:
    """Return the settings that come closest: phase detector 3 to 500 MHz, oscillator 500 to 1250 MHz.

    The limits, and those of the output, 3.90625 to 625 MHz, are those of `apycula.gowin_pack` for a GW2A-18C.

    Raises
    ------
    TilewrightError
        If no setting is within ``share`` of it.
    """
    found = []
    for divide in range(1, 65):
        if not 3e6 <= source_hz / divide <= 500e6:
            continue
        multiply = min(64, max(1, round(wanted_hz * divide / source_hz)))
        hz = source_hz / divide * multiply
        for output in (2, 4, 8, *range(16, 129, 16)):
            if 500e6 <= hz * output <= 1250e6 and 3.90625e6 <= hz <= 625e6:
                settings = GowinPll(divide, multiply, output, hz)
                found.append((abs(hz - wanted_hz), divide, abs(hz * output - 875e6), settings))
    return _best(found, source_hz, wanted_hz, share)


PLLS: dict[str, Callable[..., Pll]] = {"ecp5": ecp_pll, "ice40": ice_pll, "gowin": gowin_pll}
"""By family: what makes the settings, from the source's frequency and the one that is wanted."""


def _best(found: list, source_hz: int, wanted_hz: int, share: float):
    best = min(found, key=lambda entry: entry[:3], default=None)
    if best is None or best[0] > wanted_hz * share:
        near = f"; the nearest is clock_hz = {best[3].hz:.0f}" if best else ""
        raise TilewrightError(f"clock_hz = {wanted_hz}: no clock generator makes it from {source_hz} Hz{near}")
    return best[3]
