"""The core works with a macro in a wrapper, and LibreLane reads its configuration: what `on_an_asic.md` says."""

import subprocess
import sys
import venv

import pytest
from docs.test_examples import blocks

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import write_files
from tilewright_sim.cli import main

PAGE = "docs/howto/on_an_asic.md"
MACRO = "sky130_sram_1kbyte_1rw1r_32x256_8"
# As OpenRAM's model: ports are sampled at the rising edge, a row appears at the falling edge, and is gone at the next.
MODEL = f"""
module {MACRO}(clk0, csb0, web0, wmask0, addr0, din0, dout0, clk1, csb1, addr1, dout1);
  input clk0, csb0, web0, clk1, csb1;
  input [3:0] wmask0;
  input [7:0] addr0, addr1;
  input [31:0] din0;
  output [31:0] dout0;
  output reg [31:0] dout1;
  reg [31:0] mem [0:255];
  reg csb0_reg, csb1_reg;
  reg [7:0] addr0_reg, addr1_reg;
  reg [31:0] din0_reg;
  assign dout0 = 32'bx;
  always @(posedge clk0) begin
    csb0_reg = csb0; addr0_reg = addr0; din0_reg = din0;
    csb1_reg = csb1; addr1_reg = addr1;
    #0 if (csb0_reg === 1'b0 && csb1_reg === 1'b0 && addr0_reg === addr1_reg) mem[addr0_reg] = 32'bx;
  end
  always @(posedge clk1) #0 dout1 <= 32'bx;
  always @(negedge clk0) begin
    if (!csb1_reg) dout1 <= mem[addr1_reg];
    if (!csb0_reg) mem[addr0_reg] <= din0_reg;
  end
endmodule
"""


@pytest.fixture
def wrapper():
    """The wrapper that the page shows."""
    [block] = [block for block in blocks(PAGE) if block.language == "verilog"]
    return block


def run(*words):
    with pytest.raises(SystemExit) as ended:
        main.run(main.cli, list(map(str, words)))
    assert not ended.value.code


@pytest.mark.long
def test_the_regression_passes_with_a_macro_of_openram(wrapper, tmp_path):
    config = AcceleratorConfig.preset("nano")
    run("generate", "accelerator", "--preset", "nano", "--memories", "macro", "--testbench", "-o", tmp_path)
    place = tmp_path / "memories" / wrapper.why
    assert f"ram_{config.ring_words}x{config.data_bits}" in place.name
    assert place.exists()
    place.write_text(wrapper.text + MODEL, encoding="utf-8")
    made = subprocess.run(
        ["make", "-C", tmp_path, "SIM=icarus", f"PYTHON={sys.executable}", "TILEWRIGHT_EFFORT=quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    assert "FAIL=0" in made.stdout
    assert "PASS=0" not in made.stdout


# Reads a configuration as LibreLane does, apart from the PDK, which it would have to fetch.
READ = """\
import json, sys
from pathlib import Path

from librelane.common import GenericDict
from librelane.config.flow import flow_common_variables
from librelane.config.preprocessor import preprocess_dict
from librelane.flows import Flow

flow = Flow.factory.get(json.loads(Path(sys.argv[1]).read_text())["meta"]["flow"])
variables = {variable.name: variable for variable in [*flow.config_vars, *flow_common_variables]}
for step in flow.Steps:
    variables |= {variable.name: variable for variable in step.get_all_config_variables()}
given = json.loads(Path(sys.argv[1]).read_text())
del given["meta"]
values = preprocess_dict(given, str(Path(sys.argv[1]).parent), pdk="sky130A", pdkpath=".", scl="sky130_fd_sc_hd")
for name in given:
    warnings = []
    variables[name].compile(GenericDict(dict(values)), warnings)
    assert warnings == [], warnings
print(*given)
"""


@pytest.mark.long
def test_librelane_reads_its_configuration(wrapper, tmp_path):
    macros = tmp_path / "macros"
    write_files(macros, {f"{MACRO}.{ending}": "" for ending in ("lef", "gds", "lib")} | {wrapper.why: wrapper.text})
    run("generate", "accelerator", "--preset", "nano", "--asic", "--macros", macros, "-o", tmp_path / "build")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "librelane>=3,<4"], check=True)
    config = tmp_path / "build" / "librelane" / "config.json"
    read = subprocess.run([python, "-c", READ, config], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert {"DESIGN_NAME", "VERILOG_FILES", "MACROS", "PNR_SDC_FILE"} <= set(read.stdout.split())
    config.write_text(config.read_text(encoding="utf-8").replace("accelerator.v", "other.v"), encoding="utf-8")
    assert subprocess.run([python, "-c", READ, config], capture_output=True, check=False).returncode != 0
