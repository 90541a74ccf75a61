"""The ports of the primitives that a target may instantiate, for Yosys to check and simplify what surrounds them."""

from collections.abc import Mapping
from dataclasses import dataclass

from tilewright.base import Family

__all__ = ["PRIMITIVES", "Primitive"]


@dataclass(frozen=True)
class Primitive:
    """A black box: those of a primitive's ports and parameters that Tilewright uses.

    Parameters
    ----------
    name : str
        Its name in the vendor's library.
    inputs, outputs : dict of int
        Bits of each port, by name.
    parameters : tuple of str
        Names of the parameters that may be set.
    """

    name: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    parameters: tuple[str, ...] = ()

    def rtlil(self) -> str:
        """Return its declaration."""
        directions = {"input": self.inputs, "output": self.outputs}
        ports = [(direction, *port) for direction, ports in directions.items() for port in ports.items()]
        lines = [
            "attribute \\blackbox 1",
            f"module \\{self.name}",
            *(f"  parameter \\{parameter}" for parameter in self.parameters),
            *(
                f"  wire width {bits} {direction} {number} \\{name}"
                for number, (direction, name, bits) in enumerate(ports, start=1)
            ),
            "end",
        ]
        return "\n".join(lines) + "\n"


def _bits(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, 1)


def _numbered(**counts: int) -> dict[str, int]:
    """Vectors whose bits are ports of their own, as in the ECP5's library: ``A0``, ``A1`` …"""
    return {f"{name}{number}": 1 for name, count in counts.items() for number in range(count)}


PRIMITIVES: dict[Family, tuple[Primitive, ...]] = {
    "ecp5": (
        Primitive(
            "CCU2C",
            _bits("CIN", "A0", "B0", "C0", "D0", "A1", "B1", "C1", "D1"),
            _bits("S0", "S1", "COUT"),
            ("INIT0", "INIT1", "INJECT1_0", "INJECT1_1"),
        ),
        Primitive(
            "MULT18X18D",
            _bits("CLK0", "CE0", "CE1", "RST0", "SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB") | _numbered(A=18, B=18),
            _numbered(P=36),
            (
                *(f"REG_INPUT{side}_{what}" for side in "AB" for what in ("CLK", "CE", "RST")),
                "REG_PIPELINE_CLK",
                *(f"REG_OUTPUT_{what}" for what in ("CLK", "CE", "RST")),
                "GSR",
                "RESETMODE",
            ),
        ),
        Primitive(
            "PDPW16KD",
            _bits("CLKW", "CEW", "CLKR", "CER", "OCER", "RST") | _numbered(DI=36, ADW=9, BE=4, CSW=3, ADR=14, CSR=3),
            _numbered(DO=36),
            ("DATA_WIDTH_W", "DATA_WIDTH_R", "REGMODE", "GSR"),
        ),
    ),
    "ice40": (
        Primitive(
            "SB_MAC16",
            {"A": 16, "B": 16, "C": 16, "D": 16}
            | _bits("CLK", "CE", "CI", "ACCUMCI", "SIGNEXTIN", "ADDSUBTOP", "ADDSUBBOT")
            | _bits("AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT")
            | _bits("OLOADTOP", "OLOADBOT", "OHOLDTOP", "OHOLDBOT"),
            {"O": 32} | _bits("CO", "ACCUMCO", "SIGNEXTOUT"),
            (
                *(f"{port}_REG" for port in "ABCD"),
                *("A_SIGNED", "B_SIGNED", "MODE_8x8", "NEG_TRIGGER", "TOP_8x8_MULT_REG", "BOT_8x8_MULT_REG"),
                *("PIPELINE_16x16_MULT_REG1", "PIPELINE_16x16_MULT_REG2"),
                *(
                    f"{half}{what}"
                    for half in ("TOP", "BOT")
                    for what in ("OUTPUT_SELECT", "ADDSUB_LOWERINPUT", "ADDSUB_UPPERINPUT", "ADDSUB_CARRYSELECT")
                ),
            ),
        ),
        Primitive(
            "SB_SPRAM256KA",
            {"ADDRESS": 14, "DATAIN": 16, "MASKWREN": 4}
            | _bits("WREN", "CHIPSELECT", "CLOCK", "STANDBY", "SLEEP", "POWEROFF"),
            {"DATAOUT": 16},
        ),
    ),
}
"""By target; the others instantiate none."""
