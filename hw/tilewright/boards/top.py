"""The outermost module of a bitstream: clock generator, reset, and pins around `BoardSystem`."""

from tilewright.base import Port

from .catalog import Board
from .config import BoardConfig
from .pll import PLLS

__all__ = ["nearest_clock", "top_level"]

# Of a family: what drives the SDRAM chip's clock pin, and a data pin, with `n` its number.
_CLOCK_PADS = {
    "ecp5": "ODDRX1F forward (.SCLK(chip_clock), .RST(1'b0), .D0(1'b1), .D1(1'b0), .Q(sdram_clk));",
    "gowin": "ODDR forward (.CLK(chip_clock), .TX(1'b0), .D0(1'b1), .D1(1'b0), .Q0(sdram_clk), .Q1());",
}
_DATA_PADS = {
    "ecp5": "BB pad (.B(sdram_dq[n]), .I(dq_o[n]), .O(dq_i[n]), .T(~dq_oe));",
    "gowin": "IOBUF pad (.IO(sdram_dq[n]), .I(dq_o[n]), .O(dq_i[n]), .OEN(~dq_oe));",
}


def top_level(board: Board, config: BoardConfig, ports: list[Port]) -> str:
    """Return the Verilog of the module ``top``; its ports are those of the board's constraint file."""
    family = board.device.family
    sdram = [port for port in ports if port.name.startswith("sdram_")]
    pins = ["input clk", "input rx", "output tx", f"output [{len(board.leds) - 1}:0] led"]
    pins += [f"output {name}" for name, _ in board.tied]
    body = [f"assign {name} = 1'd{value};" for name, value in board.tied]
    inverted = "~" if board.leds_inverted else ""
    body += [f"assign led[{n}] = {inverted}leds[{bit}];" for n, bit in enumerate(board.leds)]
    wires = [".clk(clock)", ".rst(reset)", ".rx(rx)", ".tx(tx)", ".leds(leds)"]
    if sdram:
        pins += ["output sdram_clk", *(_pin(port) for port in sdram if port.name[6:] not in ("dq_o", "dq_i", "dq_oe"))]
        width = next(len(port.value) for port in sdram if port.name == "sdram_dq_o")
        pins += [f"inout [{width - 1}:0] sdram_dq"]
        body += [
            f"wire [{width - 1}:0] dq_o, dq_i;", "wire dq_oe;",
            _CLOCK_PADS[family],
            f"genvar n; generate for (n = 0; n < {width}; n = n + 1) begin : pads",
            f"  {_DATA_PADS[family]}",
            "end endgenerate",
        ]  # fmt: skip
        wires += [f".{port.name}({port.name if 'dq_' not in port.name else port.name[6:]})" for port in sdram]
    return "\n".join([
        f"// {board.title}: clock generator, reset and pins. Made by `tilewright bitstream`.",
        f"module top({', '.join(pins)});",
        "wire clock, chip_clock, locked;",
        f"wire [{max(3, 1)}:0] leds;",
        _clocks(board, config, second=bool(sdram)),
        "// 64 cycles of reset once the clock is stable.",
        "reg [1:0] stable = 0; reg [6:0] pause = 0; reg reset = 1;",
        "always @(posedge clock) begin",
        "  stable <= {stable[0], locked};",
        "  pause <= !stable[1] ? 7'd0 : pause + {6'd0, !pause[6]};",
        "  reset <= !pause[6];",
        "end",
        *body,
        f"board board ({', '.join(wires)});",
        "endmodule",
        "",
    ])


def nearest_clock(board: Board, wanted_hz: int) -> int:
    """Return the frequency closest to ``wanted_hz`` that the board's clock generator makes."""
    return round(PLLS[board.device.family](board.oscillator_hz, wanted_hz, share=1.0).hz)


def _pin(port: Port) -> str:
    width = f"[{len(port.value) - 1}:0] " if len(port.value) > 1 else ""
    return f"output {width}{port.name}"


def _clocks(board: Board, config: BoardConfig, second: bool) -> str:
    source, wanted = board.oscillator_hz, config.clock_hz
    if source == wanted and not second:
        return "assign clock = clk; assign locked = 1'b1;"
    pll = PLLS[board.device.family](source, wanted)
    return pll.instance(source, board.sdram_clock_degrees if second else None)
