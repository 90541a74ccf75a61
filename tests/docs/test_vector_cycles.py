"""The cycles in the page on vector operations are those of the cycle model."""

import re
from pathlib import Path

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright_sim.models.cycles import Bus, VectorJob, estimate

PAGE = (Path(__file__).parents[2] / "docs" / "architecture" / "vector.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| (\d+) × (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
CONFIG, BUS = AcceleratorConfig.preset("base", vector_lanes=16), Bus(latency=64)


@pytest.mark.parametrize(("name", "m", "n", "alone", "each", "lanes"), ROWS)
def test_cycles_of_the_page_are_those_of_the_model(name, m, n, alone, each, lanes):
    job = VectorJob(operation=Operation[name], m=int(m), n=int(n), shared_y=name == "RMS_NORM", fenced=True)
    one, three = (estimate(CONFIG, [job] * count, BUS) for count in (1, 3))
    assert f"{one.cycles:,}" == alone
    assert f"{(three.cycles - one.cycles) // 2:,}" == each
    assert f"{one.vector_cycles:,}" == lanes


def test_the_page_has_such_a_table():
    assert len(ROWS) >= 10
