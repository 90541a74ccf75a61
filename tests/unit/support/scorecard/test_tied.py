"""What no simulation of a generated Verilog file can reach: conditions with one value, and undefined alternatives."""

import pytest
from support.scorecard.rows.tied import TIED, UNDEFINED_DEFAULT, UNDEFINED_PART, Verilog

from tilewright_sim.verify.rtl_coverage import CoveragePoint

TEXT = """\
module top(clk, free);
  memory always_read (
    .clk(clk),
    .read(1'h1),
    .write(free)
  );
  memory never_stalled (
    .clk(clk),
    .read(1'h1),
    .write(1'h1)
  );
endmodule

module memory(clk, read, write);
  input wire clk;
  input wire read;
  input wire write;
  assign _0_ = ~ read;
  assign _1_ = _0_ | write;
  assign \\a.ready  = write | read;
  assign _2_ = & { write, _0_ };
  always @(posedge clk)
    if (read) q <= a;
  always @(posedge clk)
    if (write) q <= a;
  always @(posedge clk)
    if (\\a.ready ) q <= a;
  assign _3_ = _2_ ? a : b;
  assign _4_ = write ? 2'h1 : 2'hx;
  assign _5_ = _6_(2'hx, b, s);
  assign _7_ = _8_(2'h0, b, s);
  function [1:0] _6_;
    casez (s)
      default:
        _6_ = a;
  endfunction
  function [1:0] _8_;
    casez (s)
      default:
        _8_ = a;
  endfunction
endmodule
"""


@pytest.mark.parametrize(
    ("kind", "text", "detail", "why"),
    [
        ("branch", "    if (read) q <= a;", "else", TIED),
        ("branch", "    if (read) q <= a;", "if", ""),
        ("branch", "    if (write) q <= a;", "else", ""),  # one instance can go without
        ("branch", "    if (\\a.ready ) q <= a;", "else", TIED),
        ("branch", "  assign _3_ = _2_ ? a : b;", "cond_then", TIED),
        ("branch", "  assign _3_ = _2_ ? a : b;", "cond_else", ""),
        ("branch", "  assign _4_ = write ? 2'h1 : 2'hx;", "cond_else", UNDEFINED_PART),
        ("branch", "  assign _4_ = write ? 2'h1 : 2'hx;", "cond_then", ""),
        ("toggle", "  input wire read;", "read:0->1", TIED),
        ("toggle", "  input wire write;", "write:0->1", ""),
    ],
)
def test_a_point_cannot_be_reached_only_if_the_verilog_says_so(kind, text, detail, why):
    line = TEXT.splitlines().index(text) + 1
    assert Verilog(TEXT).unreachable(CoveragePoint("memory", kind, line, detail)) == why


def test_a_default_is_needed_unless_its_value_is_undefined():
    first, second = (number for number, line in enumerate(TEXT.splitlines(), 1) if line.strip() == "default:")
    assert Verilog(TEXT).unreachable(CoveragePoint("memory", "line", first, "case")) == UNDEFINED_DEFAULT
    assert Verilog(TEXT).unreachable(CoveragePoint("memory", "line", second, "case")) == ""
