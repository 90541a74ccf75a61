"""Proofs that folded Verilog equals unfolded, with seeded bugs; see docs/verification.md."""

import pytest
from formal.ports.proofs import SMALL
from formal.verilog.proofs import prove_folded

from tilewright.cores import CORES
from tilewright.errors import ToolError


@pytest.mark.parametrize(
    ("name", "shared"),
    [("tile", 3), *(pytest.param(*case, marks=pytest.mark.long) for case in [("accelerator", 20)])],
)
def test_folded_equals_unfolded(name, shared, tmp_path):
    """For ever: every register has the same next value, and every output the same function of them."""
    assert prove_folded(CORES[name], SMALL[name], tmp_path) >= shared


def test_finds_an_instance_that_is_wired_as_another(tmp_path):
    patch = (r"\.weights\(weights\[3:2\]\)", ".weights(weights[1:0])")
    with pytest.raises(ToolError, match="unproven"):
        prove_folded(CORES["tile"], SMALL["tile"], tmp_path, patch=patch)
