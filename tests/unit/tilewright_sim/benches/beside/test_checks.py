"""The assertions that are bound to the accelerator: legal traffic passes, and each broken rule is reported."""

import subprocess

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright_sim.benches.beside import bound_checks, makefile
from tilewright_sim.verilated import verilator_environment

SMALL = AcceleratorConfig.preset("nano", max_burst=4, outstanding=2)
(CHECKS,) = bound_checks(CORES["accelerator"], SMALL).values()
# Two reads of two words, two writes of one and two words, a register written and read. `F(n)` is 1 in run n.
BENCH = """
`define F(n) (fault == n)
module tb;
  reg clk = 0, rst = 1;
  integer fault = 0, t = 0;
  reg [31:0] m_axi_araddr = 0, m_axi_awaddr = 0, m_axi_rdata = 0, m_axi_wdata = 0;
  reg [7:0] m_axi_arlen = 1, m_axi_awlen = 0;
  reg [2:0] m_axi_arsize = 2, m_axi_awsize = 2;
  reg [1:0] m_axi_arburst = 1, m_axi_awburst = 1, m_axi_rresp = 0, m_axi_bresp = 0;
  reg [3:0] m_axi_arid = 0, m_axi_awid = 0, m_axi_rid = 0, m_axi_bid = 0, m_axi_wstrb = 15, s_axil_wstrb = 15;
  reg m_axi_arvalid = 0, m_axi_arready = 0, m_axi_rvalid = 0, m_axi_rready = 1, m_axi_rlast = 0;
  reg m_axi_awvalid = 0, m_axi_awready = 0, m_axi_wvalid = 0, m_axi_wready = 0, m_axi_wlast = 0;
  reg m_axi_bvalid = 0, m_axi_bready = 1;
  reg [8:0] s_axil_awaddr = 0, s_axil_araddr = 0;
  reg [31:0] s_axil_wdata = 0, s_axil_rdata = 0;
  reg [1:0] s_axil_bresp = 0, s_axil_rresp = 0;
  reg s_axil_awvalid = 0, s_axil_awready = 0, s_axil_wvalid = 0, s_axil_wready = 0, s_axil_bvalid = 0;
  reg s_axil_bready = 1, s_axil_arvalid = 0, s_axil_arready = 0, s_axil_rvalid = 0, s_axil_rready = 0, irq = 0;
  accelerator_checks #(32, 32, 4, 4, 2, 9) checks (.*);
  always #5 clk = !clk;
  initial if (!$value$plusargs("fault=%d", fault)) fault = 0;
  always @(negedge clk) begin
    t <= t + 1;
    rst <= t < 2;
    // AR: an offer waits in cycle 4; three bursts at once are one too many.
    m_axi_arvalid <= t >= 4 && t <= (`F(12) ? 8 : 6) && !(`F(1) && t == 5);
    m_axi_arready <= t >= 5;
    m_axi_araddr <= (`F(2) && t == 5) ? 64 : `F(3) ? 2 : `F(4) ? 4092 : 0;
    m_axi_arlen <= `F(5) ? 4 : 1;
    m_axi_arsize <= `F(6) ? 1 : 2;
    m_axi_arburst <= `F(7) ? 0 : 1;
    m_axi_arid <= `F(8) ? 1 : 0;
    // R
    m_axi_rvalid <= (t >= 10 && t <= 13) || (`F(9) && t == 14);
    m_axi_rlast <= (t == 11 || t == 13) ^ (`F(10) && t == 10);
    // AW and W: the data of the first write come before its address, in time with that of the second.
    m_axi_wvalid <= t >= 4 && t <= 7;
    m_axi_wready <= t >= 5;
    m_axi_wlast <= (t <= 5 || t == 7) ^ (`F(11) && t == 6);
    m_axi_wdata <= {24'd0, 8'(t > 5)};
    m_axi_awvalid <= t == 6 || t == 7;
    m_axi_awready <= 1;
    m_axi_awlen <= (t == 7) ^ `F(13);
    m_axi_bvalid <= t == 9 || t == 10 || (`F(14) && t == 11);
    // The host writes and reads a register; its read is answered while it does not listen yet.
    s_axil_awvalid <= t == 4;
    s_axil_awready <= 1;
    s_axil_wvalid <= t == 5;
    s_axil_wready <= 1;
    s_axil_bvalid <= t == (`F(15) ? 5 : 6);
    s_axil_arvalid <= t == 4;
    s_axil_arready <= 1;
    s_axil_rvalid <= t == 6 || (t == 7 && !`F(16));
    s_axil_rready <= t == 7;
    irq <= `F(17) ? 1'bx : 0;
    if (t == 20) $finish;
  end
endmodule
"""
BROKEN = [
    "withdrawn", "changed", "unaligned", "passes 4 KiB", "more than MAX_BURST", "whole words", "not an INCR",
    "identifier is not 0", "data without a request", "wrong beat", "number of beats", "OUTSTANDING", "number of beats",
    "response without a request", "response without a request", "withdrawn", "X on s_axil or irq",
]  # fmt: skip


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checks")
    text = CHECKS.partition("\nbind ")[0]  # which Icarus Verilog does not support
    (folder / "tb.sv").write_text(text + BENCH)
    command = ["iverilog", "-g2012", "-s", "tb", "-o", "tb.vvp", "tb.sv"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return folder / "tb.vvp"


def reported(simulation, fault):
    done = subprocess.run(["vvp", "-n", simulation, f"+fault={fault}"], capture_output=True, text=True, check=True)
    return [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("ERROR")]


def test_legal_traffic_passes(simulation):
    assert reported(simulation, 0) == []


@pytest.mark.parametrize(("fault", "rule"), list(enumerate(BROKEN, 1)), ids=lambda value: str(value).replace(" ", "_"))
def test_each_broken_rule_is_reported(simulation, fault, rule):
    said = reported(simulation, fault)
    assert said
    assert rule in said[0], said


@pytest.mark.parametrize(
    "sizes",
    [
        {"ADDR_BITS": 18, "DATA_BITS": 32, "MAX_BURST": 1, "OUTSTANDING": 1},
        {"ADDR_BITS": 64, "DATA_BITS": 512, "ID_BITS": 1, "MAX_BURST": 256, "OUTSTANDING": 64},
    ],
)
def test_verilator_takes_them_in_all_sizes(sizes, tmp_path):
    (tmp_path / "checks.sv").write_text(CHECKS.partition("\nbind ")[0])
    command = ["verilator", "--lint-only", "--quiet", "--assert", "--top-module", "accelerator_checks", "checks.sv"]
    done = subprocess.run(
        [*command, *(f"-G{name}={value}" for name, value in sizes.items())],
        cwd=tmp_path, env=verilator_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_they_have_the_sizes_of_the_configuration_and_are_bound_in_the_makefile():
    assert ".ADDR_BITS(32), .DATA_BITS(32), .ID_BITS(4), .MAX_BURST(4), .OUTSTANDING(2), .LITE_BITS(9)" in CHECKS
    text = makefile(CORES["accelerator"], ["accelerator.v"], ["accelerator_checks.sv"])
    assert "VERILOG_SOURCES += $(HERE)accelerator_checks.sv" in text
    assert bound_checks(CORES["tile"], CORES["tile"].config()) == {}
