"""Verilog of the DMA engines is clean in each linter, and its ECP5 memory does what the inferred one does."""

import subprocess

import pytest
from rtl.tile.test_lint import slang

from tilewright.base.component import Target, _flat_ports
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright.storage import BlockMemory
from tilewright.tools import run_yosys
from tilewright.verilog.writer import ECP5_MODELS, _write_verilog, generate
from tilewright_sim.verilated import verilator_environment

WIDEST = {"data_bits": 512, "addr_bits": 64, "outstanding": 64, "max_burst": 256}
LEAST = {"data_bits": 32, "outstanding": 1, "max_burst": 1}
NARROW = {"length_bits": 4, "rows_bits": 1, "stride_bits": 4, "counter_bits": 8}
CASES = [
    ({}, "generic"),
    ({}, "ecp5"),
    ({"unaligned": True}, "ecp5"),
    (LEAST, "generic"),
    (LEAST | {"unaligned": True}, "ecp5"),
    (LEAST | NARROW | {"data_bits": 512}, "ecp5"),
    ({"data_bits": 128, "addr_bits": 40, "outstanding": 2, "max_burst": 256, "unaligned": True}, "ice40"),
    ({"data_bits": 256, "outstanding": 3, "max_burst": 2}, "xc7"),
    (NARROW | {"data_bits": 32, "outstanding": 64, "max_burst": 1}, "generic"),
    ({"addr_bits": 64, "stride_bits": 64, "outstanding": 5, "max_burst": 8, "length_bits": 32}, "ecp5"),
]
LONG = [
    (WIDEST, "generic"),
    (WIDEST | {"unaligned": True}, "ecp5"),
]


@pytest.mark.parametrize("core", ["dma-reader", "dma-writer"])
@pytest.mark.parametrize(
    ("fields", "family"), [*CASES, *(pytest.param(*case, marks=pytest.mark.long) for case in LONG)]
)
def test_verilog_is_clean(core, fields, family, tmp_path):
    top = CORES[core].module
    files = generate(CORES[core], DmaConfig(**fields), tmp_path, family)
    sources = [file.name for file in files if file.suffix == ".v"]
    lint = ["verilator", "--lint-only", "--quiet", "-Wall", "--top-module", top, *sources]
    for command in (lint, ["iverilog", "-g2005", "-Wall", "-s", top, "-o", "out.vvp", *sources]):
        done = subprocess.run(
            command, cwd=tmp_path, env=verilator_environment(), capture_output=True, text=True, check=False
        )
        said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- ")]
        assert (said, done.returncode) == ([], 0)
    assert slang(sources, top, tmp_path) == {}
    primitives = ["read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v"] if family == "ecp5" else []
    run_yosys([f"read_verilog {top}.v", *primitives, f"hierarchy -check -top {top}", "proc", "check -assert"], tmp_path)


BENCH = """\
module bench;
  reg clk = 0;
  reg write, fetch, take;
  reg [{row_top}:0] write_row, read_row;
  reg [{top}:0] data;
  wire [{top}:0] q_generic, q_ecp5;
  generic generic_memory (.clk(clk), .write(write), .write_row(write_row), .data(data), .fetch(fetch),
    .read_row(read_row), .take(take), .q(q_generic));
  ecp5 ecp5_memory (.clk(clk), .write(write), .write_row(write_row), .data(data), .fetch(fetch),
    .read_row(read_row), .take(take), .q(q_ecp5));
  integer n, wrong = 0;
  initial begin
    for (n = 0; n < 2000; n = n + 1) begin
      write = n < 32 || $random;
      write_row = n < 32 ? n : $random;
      data = {{$random, $random, $random}};
      fetch = n >= 32 && $random;
      read_row = $random;
      if (read_row == write_row) read_row = read_row + 1;
      take = $random;
      #1 clk = 1;
      #1 clk = 0;
      if (n > 50 && q_generic !== q_ecp5) wrong = wrong + 1;
    end
    if (wrong == 0 && q_ecp5 !== {{{width}{{1'bx}}}}) $display("same");
    $finish;
  end
endmodule
"""


@pytest.mark.parametrize(("bits", "rows"), [(1, 32), (36, 32), (66, 32), (72, 32), (66, 8)])
def test_blocks_of_an_ecp5_read_as_the_inferred_memory(bits, rows, tmp_path):
    for family in ("generic", "ecp5"):
        memory = BlockMemory(bits, rows, shallow=rows < 32)
        text = _write_verilog(Target(family, family).convert(memory, _flat_ports(memory)), family, family)
        (tmp_path / f"{family}.v").write_text(text, encoding="utf-8")
    (tmp_path / "bench.v").write_text(
        BENCH.format(top=bits - 1, width=bits, row_top=(rows - 1).bit_length() - 1), encoding="utf-8"
    )
    assert "PDPW16KD" in text  # of the ECP5, the last one
    command = ["iverilog", "-g2005", "-s", "bench", "-o", "out.vvp", "bench.v", "generic.v", "ecp5.v", str(ECP5_MODELS)]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert "same" in subprocess.run(["vvp", "out.vvp"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
