"""Tables on narrow terminals and in pipes: numbers are whole, names are folded."""

import io

import pytest
from click.testing import CliRunner
from unit.tilewright_sim.explore.tasks import explored

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.registers import ENGINES
from tilewright_sim.cli import main as cli
from tilewright_sim.cli.common.gemm_report import where_the_time_went
from tilewright_sim.console import FigureTable, Printer
from tilewright_sim.cost import Report
from tilewright_sim.cost.tables import COLUMNS, view
from tilewright_sim.explore import result_table
from tilewright_sim.nn import MODELS
from tilewright_sim.scaling import Machine, decode, phase
from tilewright_sim.scaling import table as roofline_table

FIGURES = {name: 10**6 * (index + 1) + 234_567 + index for index, name in enumerate(COLUMNS)}


def printed(renderable, width: int) -> str:
    out = io.StringIO()
    Printer(file=out, force_terminal=True, color_system=None, width=width).print(renderable)
    return out.getvalue()


def some_report() -> Report:
    path = [{"component": "accelerator.epilogue.lane_0.scale", "signal": f"s{n}[7]", "kind": "X", "ns": 1.125}
            for n in range(3)]  # fmt: skip
    timing = {"requested_mhz": 250.0, "fmax_mhz": 218.75, "best_mhz": 218.75, "seeds": {}, "slack_ns": -0.5,
              "met": False, "critical_path": path}  # fmt: skip
    module = {"name": "accelerator/execution_of_products", "instances": 12345}
    top = {"name": "accelerator", "instances": 1, **dict.fromkeys(FIGURES, 0)}
    milliwatts = {"internal_mw": 1234.5, "switching_mw": 234.5, "leakage_mw": 0.0003125, "total_mw": 1469.0}
    power = {"clock_mhz": 250.0, **milliwatts, "pj_per_mac": 0.123, "energy_nj": 1234.0, "macs": 5, "cycles": 7,
             "utilisation": 0.875, "modules": [{"name": "accelerator", **milliwatts}], "limits": []}  # fmt: skip
    cycles = [{"m": 4096, "n": 4096, "k": 4096, "cycles": 1_073_741_824, "utilisation": 0.9997, "source": "model"}]
    area = {"total": FIGURES, "multipliers": 0, "modules": [top, module | FIGURES]}
    return Report("accelerator", {}, "asic", area, timing, cycles, power)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_figure_of_a_report_is_cut_or_folded(width):
    text = printed(view(some_report(), 4), width)
    assert "…" not in text
    for name, figure in FIGURES.items():
        assert (f"{figure:,.1f}" if name == "cell_um2" else f"{figure:,}") in text
    for word in ("1,073,741,824", "100.0%", "87.5%", "3.375", "0.0003125", "12345", "1234", "1469"):
        assert word in text, word


def test_brackets_are_printed_as_they_are():
    table = FigureTable()
    table.add_column("signal")
    table.add_row("sums[lane]")
    assert "sums[lane]" in printed(table, 80)
    assert "'tilewright[area]'" in printed("run `pip install 'tilewright[area]'`", 80)


def test_names_are_folded_until_the_table_fits():
    table = FigureTable()
    for heading in ("module", "×", "LUT4-equivalents", "carry cells", "FF", "DSP", "block RAM", "memory bits"):
        table.add_column(heading, justify="left" if heading == "module" else "right")
    table.add_row("    an_accelerator_module_with_a_long_name", "64", "17,326", "3,123", "8,192", "64", "32", "262,144")
    wide, narrow = printed(table, 140), printed(table, 80)
    assert "an_accelerator_module_with_a_long_name" in wide
    assert max(map(len, narrow.splitlines())) <= 80
    assert all(word in narrow for word in ("17,326", "3,123", "8,192", "262,144", "equivalents"))


def test_tables_of_gemm_scale_and_explore_keep_their_numbers():
    counters = {f"{engine}_{name.lower()}": 125 for engine in ENGINES for name in Activity.__members__}
    text = printed(where_the_time_went(counters | {"cycles": 1000}), 40)
    assert text.count("12.5") == len(counters)
    machine = Machine(config=AcceleratorConfig.preset("giant"), mhz=1000, latency=100)
    layers = phase(machine, "decode", decode(MODELS["llama-3.1-8b"], 1024, 1), 1)
    wide, narrow = (printed(roofline_table(machine, layers), width) for width in (200, 50))
    assert {word for word in wide.split() if any(c.isdigit() for c in word)} <= set(narrow.split())
    assert "…" not in narrow + printed(result_table(explored()), 40)


def test_a_pipe_has_140_columns_and_the_variable_decides(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Printer(file=io.StringIO()).width == 140
    monkeypatch.setenv("COLUMNS", "90")
    assert Printer(file=io.StringIO()).width == 90


def test_presets_are_listed_without_an_ellipsis(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    done = CliRunner().invoke(cli.cli, ["presets", "accelerator"])
    assert done.exit_code == 0
    assert done.stdout.count("…") == done.stdout.count(", …")  # of the text itself
    assert max(map(len, done.stdout.splitlines())) <= 140
