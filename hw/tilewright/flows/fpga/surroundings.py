"""What is around a core on the chip: nothing, registers at its ports, or a board's top level."""

from dataclasses import dataclass
from typing import Any

from tilewright.base import Family
from tilewright.boards import Board, BoardConfig, top_level
from tilewright.cores import BOARD, Core

__all__ = ["Surroundings", "alone", "on_board", "out_of_context"]

# Out of context an ECP5 needs no pins. nextpnr has no such mode for the others: all ports share two pins there.
_OPTIONS = {
    "ecp5": ("--out-of-context", "--lpf-allow-unconstrained"),
    "ice40": ("--pcf-allow-unconstrained",),
    "gatemate": ("--vopt", "allow-unconstrained"),
}
# Where these three pins must have a place.
_PINS = {"gowin": 'IO_LOC "clk" 4;\nIO_LOC "serial" 70;\nIO_LOC "folded" 69;\n'}
# Eight cells of an iCE40 share a clock enable and a reset: fewer flip-flops with one of their own get a LUT instead.
_ON_BOARD = {"ice40": "-dffe_min_ce_use 5"}
_INSTANCE = "design_under_test"


@dataclass(frozen=True)
class Surroundings:
    """A top module around a core, and how the tools treat it.

    Parameters
    ----------
    top : str
        The module that is synthesized.
    instance : str
        The core's instance in it; empty where the core itself is the top.
    verilog : str
        The text of the top, empty where the core itself is it.
    synthesis : str
        Further options of Yosys's command.
    options : tuple of str
        Further options of nextpnr.
    pins : str
        The text of the board's file of pins and clocks, if there is one.
    """

    top: str
    instance: str = ""
    verilog: str = ""
    synthesis: str = ""
    options: tuple[str, ...] = ()
    pins: str = ""


def alone(core: Core) -> Surroundings:
    """Return nothing: the core is synthesized as it is, and cannot be placed."""
    return Surroundings(core.module)


def out_of_context(core: Core, ports: list[dict[str, Any]], family: Family) -> Surroundings:
    """Return registers at each port of a core; its ports as in ``config.json``."""
    wrap = _registered if family == "ecp5" else _chained
    text = wrap(core.module, [port for port in ports if port["name"] != "clk"])
    return Surroundings("registered", _INSTANCE, text, options=_OPTIONS.get(family, ()), pins=_PINS.get(family, ""))


def on_board(board: Board, config: BoardConfig) -> Surroundings:
    """Return the clock generator, reset and pins of a board, around its system.

    Raises
    ------
    TilewrightError
        If the board has no such clock.
    """
    text = top_level(board, config, BOARD.ports_of(config))
    pins = board.constraints.read_text(encoding="utf-8")
    return Surroundings("top", BOARD.module, text, _ON_BOARD.get(board.device.family, ""), pins=pins)


def _registered(module: str, ports: list[dict]) -> str:
    """Verilog of a module ``registered`` that puts a register at every port of ``module``."""
    declarations, registers, connections = ["input clk"], [], [".clk(clk)"]
    for port in ports:
        name, width = port["name"], f"[{port['bits'] - 1}:0]"
        declarations.append(f"{port['direction']} {width} {name}")
        registers.append(f"reg {width} {name}_q;")
        if port["direction"] == "input":
            registers.append(f"always @(posedge clk) {name}_q <= {name};")
            connections.append(f".{name}({name}_q)")
        else:
            registers.append(f"wire {width} {name}_d;")
            registers.append(f"always @(posedge clk) {name}_q <= {name}_d;")
            registers.append(f"assign {name} = {name}_q;")
            connections.append(f".{name}({name}_d)")
    return "\n".join([
        f"module registered({', '.join(declarations)});",
        *registers,
        f"{module} {_INSTANCE}({', '.join(connections)});",
        "endmodule",
        "",
    ])


def _chained(module: str, ports: list[dict]) -> str:
    """The same between two pins: inputs are a shift register, outputs are captured and folded into one bit."""
    inputs = [port for port in ports if port["direction"] == "input"]
    outputs = [port for port in ports if port["direction"] == "output"]
    bits_in, bits_out = (max(sum(port["bits"] for port in side), 1) for side in (inputs, outputs))
    connections, first = [".clk(clk)"], {"input": 0, "output": 0}
    for port in ports:
        side = "chain" if port["direction"] == "input" else "results"
        low = first[port["direction"]]
        first[port["direction"]] += port["bits"]
        connections.append(f".{port['name']}({side}[{low + port['bits'] - 1}:{low}])")
    return "\n".join([
        "module registered(input clk, input serial, output reg folded);",
        f"reg [{bits_in - 1}:0] chain;",
        f"wire [{bits_out - 1}:0] results;",
        f"reg [{bits_out - 1}:0] captured, fold;",
        "always @(posedge clk) chain <= {chain, serial};" if bits_in > 1 else "always @(posedge clk) chain <= serial;",
        "always @(posedge clk) captured <= results;",
        # A chain again, so that folding is never the slowest.
        "always @(posedge clk) fold <= captured ^ (fold << 1);",
        f"always @(posedge clk) folded <= fold[{bits_out - 1}];",
        f"{module} {_INSTANCE}({', '.join(connections)});",
        "endmodule",
        "",
    ])
