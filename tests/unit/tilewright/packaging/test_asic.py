"""Flows for ASICs get every file of a core and every macro, by the names that they have."""

import json
import subprocess
import tkinter
from pathlib import Path

import pytest

from tilewright.base import write_files
from tilewright.cores import CORES
from tilewright.errors import TilewrightError
from tilewright.packaging import Macros, asic_files
from tilewright.tools import run_yosys
from tilewright.verilog import MANIFEST, generate

CORE = CORES["accelerator"]
MACRO = "sram_32x256"
WRAPPER = """\
module accelerator_ram_256x32(clk, write, write_row, write_data, read, read_row, read_data);
  input wire clk, write, read;
  input wire [7:0] write_row, read_row;
  input wire [31:0] write_data;
  output wire [31:0] read_data;
  sram_32x256 macro (
    .clk0(clk), .csb0(~write), .addr0(write_row), .din0(write_data),
    .clk1(clk), .csb1(~read), .addr1(read_row), .dout1(read_data)
  );
endmodule
"""
BLACK_BOX = """\
(* blackbox *) module sram_32x256(
  input clk0, input csb0, input [7:0] addr0, input [31:0] din0,
  input clk1, input csb1, input [7:0] addr1, output [31:0] dout1);
endmodule
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A folder with the core, and the list of its memories."""
    folder = tmp_path_factory.mktemp("asic")
    generate(CORE, CORE.config.preset("nano"), folder, memories="macro", clock_mhz=250)
    return folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["memories"]


@pytest.fixture
def macros(tmp_path):
    """A folder with a macro and its wrapper."""
    folder = tmp_path / "macros"
    files = {f"{MACRO}.{ending}": "" for ending in ("lef", "gds", "lib")}
    write_files(folder, files | {"accelerator_ram_256x32.v": WRAPPER})
    return folder


def written(generated, found, mhz=250.0):
    folder, memories = generated
    constraints = (folder / "accelerator.sdc").read_text(encoding="utf-8")
    write_files(folder, asic_files(CORE, folder, constraints, memories, found, mhz))
    return folder


def variable(folder, name, tmp_path):
    """What make reads from the configuration of OpenROAD-flow-scripts."""
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"include {folder}/openroad/config.mk\nall:\n\t@echo $({name})\n", encoding="utf-8")
    return subprocess.run(["make", "-sf", makefile], check=True, capture_output=True, text=True).stdout.split()


def libre(folder):
    return json.loads((folder / "librelane" / "config.json").read_text(encoding="utf-8"))


def in_librelane(folder, name):
    assert name.startswith("dir::")
    return (folder / "librelane" / name.removeprefix("dir::")).resolve()


def test_both_flows_get_all_verilog_once(generated, tmp_path):
    folder = written(generated, Macros.none())
    _, memories = generated
    sources = sorted(file.resolve() for file in folder.rglob("*.v"))
    assert len(sources) == len(memories) + 1
    assert sorted(Path(name).resolve() for name in variable(folder, "VERILOG_FILES", tmp_path)) == sources
    assert sorted(in_librelane(folder, name) for name in libre(folder)["VERILOG_FILES"]) == sources
    assert variable(folder, "DESIGN_NAME", tmp_path) == [libre(folder)["DESIGN_NAME"]] == ["accelerator"]
    largest = max(memory["words"] * memory["bits"] for memory in memories)
    assert variable(folder, "SYNTH_MEMORY_MAX_BITS", tmp_path) == [str(largest)]


@pytest.mark.parametrize(("platform", "period"), [("sky130hd", 4.0), ("asap7", 4000.0)])
def test_the_clock_is_the_same_in_the_units_of_each_platform(generated, platform, period, tmp_path, monkeypatch):
    monkeypatch.setenv("PLATFORM", platform)
    folder = written(generated, Macros.none())
    text = (folder / "openroad" / "constraint.sdc").read_text(encoding="utf-8")
    tcl = tkinter.Tcl()
    tcl.eval("proc unknown args {}; proc create_clock args {global seen; set seen [lindex $args 3]}; " + text)
    assert float(tcl.eval("set seen")) == period
    assert variable(folder, "ABC_CLOCK_PERIOD_IN_PS", tmp_path) == ["4000"]
    assert libre(folder)["CLOCK_PERIOD"] == 4.0


def test_a_wrapper_takes_the_place_of_its_memory_and_macros_are_listed_by_their_instances(generated, macros, tmp_path):
    folder = written(generated, Macros.read(macros, generated[1]))
    wrapped = next(memory for memory in generated[1] if memory["module"] == "accelerator_ram_256x32")
    for names in (
        [Path(name).resolve() for name in variable(folder, "VERILOG_FILES", tmp_path)],
        [in_librelane(folder, name) for name in libre(folder)["VERILOG_FILES"]],
    ):
        assert (folder / wrapped["file"]).resolve() not in names
        assert (macros / "accelerator_ram_256x32.v").resolve() in names
    for name, ending in (("ADDITIONAL_LEFS", "lef"), ("ADDITIONAL_LIBS", "lib"), ("ADDITIONAL_GDS", "gds")):
        [file] = variable(folder, name, tmp_path)
        assert Path(file).resolve() == (macros / f"{MACRO}.{ending}").resolve()
    [(name, macro)] = libre(folder)["MACROS"].items()
    assert name == MACRO
    for files, ending in ((macro["lef"], "lef"), (macro["gds"], "gds"), (macro["lib"]["*"], "lib")):
        assert [in_librelane(folder, file) for file in files] == [(macros / f"{MACRO}.{ending}").resolve()]
    assert sorted(macro["instances"]) == sorted(f"{path}.macro" for path in wrapped["instances"])


@pytest.mark.parametrize(
    "instance",
    [
        "sram_32x256 macro (",
        "sram_32x256\n\tmacro(",
        "  sram_32x256 #(.VERBOSE(0), .DELAY(1)) macro (",
        "sram_32x256 #(2)\nmacro\n(",
    ],
)
def test_wrappers_are_read_in_any_style(instance, generated, macros):
    text = WRAPPER.replace("  sram_32x256 macro (", "// sram_32x256 old (\n" + instance).replace("module ", "module\n")
    (macros / "accelerator_ram_256x32.v").write_text(text, encoding="utf-8")
    [macro] = Macros.read(macros, generated[1]).macros
    assert {path.rpartition(".")[2] for path in macro.instances} == {"macro"}


def test_the_instances_of_macros_have_the_names_of_a_flattened_netlist(generated, macros, tmp_path):
    folder = written(generated, Macros.read(macros, generated[1]))
    names = [in_librelane(folder, name) for name in libre(folder)["VERILOG_FILES"]]
    for number, file in enumerate(names):
        (tmp_path / f"{number}.v").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "macro.v").write_text(BLACK_BOX, encoding="utf-8")
    sources = " ".join(f"{number}.v" for number in range(len(names)))
    script = [
        f"read_verilog macro.v {sources}",
        "hierarchy -check -top accelerator",
        "proc",
        "flatten",
        "write_json flat.json",
    ]
    run_yosys(script, tmp_path)
    cells = json.loads((tmp_path / "flat.json").read_text(encoding="utf-8"))["modules"]["accelerator"]["cells"]
    found = [name for name, cell in cells.items() if cell["type"] == MACRO]
    assert sorted(found) == sorted(libre(folder)["MACROS"][MACRO]["instances"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / f"{MACRO}.gds").unlink(), r"sram_32x256\.lef: sram_32x256\.gds must be beside it"),
        (lambda folder: (folder / f"{MACRO}.lib").unlink(), r"sram_32x256\.lef: sram_32x256\.lib must be beside it"),
        (
            lambda folder: (folder / "accelerator_ram_256x32.v").rename(folder / "accelerator_ram_256x33.v"),
            "the core has no memory accelerator_ram_256x33; nearest: accelerator_ram_256x32",
        ),
        (lambda folder: (folder / "accelerator_ram_256x32.v").unlink(), "has no wrapper, such as accelerator_"),
        (
            lambda folder: (folder / "accelerator_ram_256x32.v").write_text(WRAPPER.replace("ram_256x32", "ram")),
            r"accelerator_ram_256x32\.v: has no module accelerator_ram_256x32",
        ),
        (
            lambda folder: (folder / "accelerator_ram_256x32.v").write_text(WRAPPER.replace(MACRO, "other")),
            r"sram_32x256\.lef: no wrapper instantiates sram_32x256",
        ),
    ],
)
def test_macros_that_do_not_fit_are_refused(change, message, generated, macros):
    change(macros)
    with pytest.raises(TilewrightError, match=message):
        Macros.read(macros, generated[1])


def test_paths_that_make_cannot_read_are_refused(generated, tmp_path):
    with pytest.raises(TilewrightError, match="has a blank"):
        asic_files(CORE, tmp_path / "a b", "set period 4\n", generated[1], Macros.none(), 250.0)
