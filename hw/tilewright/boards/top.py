"""The outermost module of a bitstream: clock generator, reset, and pins around `BoardSystem`."""

from tilewright.base import Port

from .catalog import Board
from .config import BoardConfig
from .pll import ecp_pll, ice_pll

__all__ = ["SDRAM_CLOCK_DEGREES", "nearest_clock", "top_level"]

SDRAM_CLOCK_DEGREES = 270
"""The SDRAM chip's clock lags the controller's by three quarters of a period, 9.4 ns at 80 MHz: data from either side
then meet setup and hold times at the other. See the calculation in docs/architecture/sdram.md."""
_ECP_FIXED = """\
    .PLLRST_ENA("DISABLED"), .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA"), .OUTDIVIDER_MUXB("DIVB"), .OUTDIVIDER_MUXC("DIVC"), .OUTDIVIDER_MUXD("DIVD"),
    .FEEDBK_PATH("CLKOP"),"""
_ECP_PORTS = """\
    .RST(1'b0), .STDBY(1'b0), .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1),
    .PHASELOADREG(1'b1), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0),"""


def top_level(board: Board, config: BoardConfig, ports: list[Port]) -> str:
    """Return the Verilog of the module ``top``; its ports are those of the board's constraint file."""
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
            "ODDRX1F forward (.SCLK(chip_clock), .RST(1'b0), .D0(1'b1), .D1(1'b0), .Q(sdram_clk));",
            f"genvar n; generate for (n = 0; n < {width}; n = n + 1) begin : pads",
            "  BB pad (.B(sdram_dq[n]), .I(dq_o[n]), .O(dq_i[n]), .T(~dq_oe));",
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
    make = ice_pll if board.device.family == "ice40" else ecp_pll
    return round(make(board.oscillator_hz, wanted_hz, share=1.0).hz)


def _pin(port: Port) -> str:
    width = f"[{len(port.value) - 1}:0] " if len(port.value) > 1 else ""
    return f"output {width}{port.name}"


def _clocks(board: Board, config: BoardConfig, second: bool) -> str:
    source, wanted = board.oscillator_hz, config.clock_hz
    if source == wanted and not second:
        return "assign clock = clk; assign locked = 1'b1;"
    if board.device.family == "ice40":
        ice = ice_pll(source, wanted)
        return (
            f"SB_PLL40_PAD #(.FEEDBACK_PATH(\"SIMPLE\"), .DIVR(4'd{ice.divr}), .DIVF(7'd{ice.divf}), "
            f".DIVQ(3'd{ice.divq}), .FILTER_RANGE(3'd{ice.filter_range})) pll (.PACKAGEPIN(clk), "
            ".PLLOUTGLOBAL(clock), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0));"
        )
    pll = ecp_pll(source, wanted)
    parameters = [
        f'.CLKI_DIV({pll.divide}), .CLKFB_DIV({pll.multiply}), .CLKOP_ENABLE("ENABLED"), '
        f".CLKOP_DIV({pll.output_divide}), .CLKOP_CPHASE({pll.output_divide // 2}), .CLKOP_FPHASE(0)"
    ]
    if second:
        coarse, fine = pll.phase(SDRAM_CLOCK_DEGREES)
        parameters += [
            f'.CLKOS_ENABLE("ENABLED"), .CLKOS_DIV({pll.output_divide}), .CLKOS_CPHASE({coarse}), .CLKOS_FPHASE({fine})'
        ]
    attributes = f'FREQUENCY_PIN_CLKI="{source / 1e6:g}", FREQUENCY_PIN_CLKOP="{pll.hz / 1e6:g}"'
    return "\n".join([
        f'(* {attributes}, ICP_CURRENT="12", LPF_RESISTOR="8", MFG_ENABLE_FILTEROPAMP="1", MFG_GMCREF_SEL="2" *)',
        "EHXPLLL #(",
        _ECP_FIXED,
        "    " + ",\n    ".join(parameters),
        ") pll (",
        _ECP_PORTS,
        f"    .CLKI(clk), .CLKOP(clock), .CLKFB(clock), .CLKOS({'chip_clock' if second else ''}), .LOCK(locked)",
        ");",
    ])
