"""Generated Verilog is what other tools expect: clean in each linter, deterministic, each module once."""

import re
import subprocess
import sys
from pathlib import Path

import pyslang
import pytest
from rtl.tile.test_tile import describe, shape

from tilewright.cores import CORES
from tilewright.tools import run_yosys
from tilewright.verilog import generate
from tilewright_sim.testbench.runner import simulator_environment

TILE = CORES["tile"]
CASES = [
    (shape(1, 1, 1), "generic"),
    (shape(1, 1, 1, "lut", 2, 2), "ecp5"),
    (shape(2, 3, 1, "dsp", 2, 16), "ecp5"),
    (shape(2, 3, 1, "lut", 16, 2), "generic"),
    (shape(3, 2, 3, "lut", 7, 9), "ecp5"),
    (shape(4, 9, 2, "infer", 3, 5), "ice40"),
    (shape(6, 4, 3, "dsp", 16, 16), "ice40"),
    (shape(5, 8, 5, "dsp", 12, 10), "xc7"),
    (shape(4, 17, 4, "infer", 16, 16), "generic"),
    (shape(8, 8, 8, "dsp"), "ecp5"),
    (shape(4, 4, 4, "lut"), "ecp5"),
    (shape(8, 8, 1), "xc7"),
    (shape(16, 16, 16), "generic"),
    (shape(12, 5, 2, "lut", 4, 4), "xc7"),
]


@pytest.mark.parametrize(("config", "family"), CASES, ids=describe)
def test_verilog_is_clean_and_well_formed(config, family, tmp_path):
    files = generate(TILE, config, tmp_path, family)
    sources = [path.name for path in files if path.suffix == ".v"]
    assert sources == (["tile.v", "ecp5_models.v"] if family == "ecp5" else ["tile.v"])
    text = (tmp_path / "tile.v").read_text(encoding="utf-8")

    assert complaints(["verilator", "--lint-only", "-Wall", "--top-module", "tile", *sources], tmp_path) == ""
    # The waiver has the name that old versions know; of what it covers, the tile needs but one.
    (tmp_path / "strict.v").write_text(text.replace("lint_off WIDTH *", "lint_off WIDTHEXPAND *"), encoding="utf-8")
    strict = ["strict.v", *sources[1:]]
    assert complaints(["verilator", "--lint-only", "-Wall", "--top-module", "tile", *strict], tmp_path) == ""
    icarus = ["iverilog", "-g2005", "-Wall", "-s", "tile", "-o", "tile.vvp", *sources]
    assert slang(sources, "tile", tmp_path) == {}
    # A model's timescale and a design's lack of one are no defect of either.
    assert complaints(icarus, tmp_path) == ""
    primitives = ["read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v"] if family == "ecp5" else []
    run_yosys(["read_verilog tile.v", *primitives, "hierarchy -check -top tile", "proc", "check -assert"], tmp_path)

    bodies = modules(text)
    assert "tile" in bodies
    assert [name for name in bodies if name != "tile" and not name.startswith("tile_")] == []
    assert len(set(bodies.values())) == len(bodies), "two modules are the same"
    assert [port for port in re.findall(r"^ *(?:input|output)\b.*?(\w+);", text, flags=re.M) if "__" in port] == []


@pytest.mark.parametrize(("config", "family"), [CASES[2], CASES[4], CASES[5], CASES[12]], ids=describe)
def test_same_configuration_gives_the_same_bytes(config, family, tmp_path):
    script = (
        "import sys; from pathlib import Path; from tilewright.tile import TileConfig; "
        "from tilewright.cores import CORES; from tilewright.verilog import generate; "
        "generate(CORES['tile'], TileConfig.from_json(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])"
    )
    for seed in ("1", "2"):  # other orders of sets
        subprocess.run(
            [sys.executable, "-c", script, config.to_json(), str(tmp_path / seed), family],
            env=simulator_environment("icarus") | {"PYTHONHASHSEED": seed},
            check=True,
        )
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in "12")
    assert first == second


WAIVED = {
    # Yosys writes every vector without a sign, and says in each expression what is signed: the bits are the same.
    "SignConversion",
    # A signed sum or a bitwise OR of operands of other widths: Verilog extends the narrower as intended.
    "ArithOpMismatch",
    "BitwiseOpMismatch",
    # A part is chosen by a shift to the right and the lowest bits of it.
    "WidthTruncate",
    # `if (a) if (b) x <= y; else x <= z;` binds as Yosys means it.
    "DanglingElse",
    # Outputs of primitives that are of no use: the last carry, upper bits of a product.
    "UnconnectedOutputPort",
}
"""What pyslang says of Verilog that Yosys wrote, and why that is right."""


def slang(sources: list[str], top: str, folder: Path) -> dict[str, str]:
    """What pyslang, with all warnings, says besides what is waived: an example for each kind."""
    driver = pyslang.driver.Driver()
    driver.addStandardArgs()
    files = " ".join(str(folder / name) for name in sources)
    assert driver.parseCommandLine(f"slang -Weverything --timescale 1ns/1ps --top {top} {files}")
    assert driver.processOptions()
    assert driver.parseAllSources()
    said = {}
    for diagnostic in driver.createCompilation().getAllDiagnostics():
        kind = str(diagnostic.code).removeprefix("DiagCode(").removesuffix(")")
        line = driver.sourceManager.getLineNumber(diagnostic.location)
        if kind not in WAIVED:
            said[kind] = f"line {line}: {driver.diagEngine.formatMessage(diagnostic)}"
    return said


def complaints(command: list[str], folder: Path) -> str:
    """What a linter says; its failure to say why it failed is a complaint too."""
    environment = simulator_environment("verilator" if command[0] == "verilator" else "icarus")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = "\n".join(line for line in done.stderr.splitlines() if line.strip())
    return said or (f"exit status {done.returncode}" if done.returncode else "")


def modules(text: str) -> dict[str, str]:
    """The body of each module, without its name."""
    found = re.findall(r"^module (\w+)(.*?)^endmodule", text, flags=re.M | re.S)
    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    return dict(found)
