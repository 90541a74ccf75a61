"""The rules that users bind to the cores hold in the generated Verilog, with seeded bugs; see docs/verification.md."""

import pytest
from formal.ports.proofs import SMALL, checked
from support.formal.prove import YICES, prove_verilog

from tilewright.cores import CORES

DEPTHS = [
    ("tile", 10),
    *(
        pytest.param(*case, marks=pytest.mark.long)
        for case in [("tile", 24), ("dma-reader", 11), ("dma-writer", 11), ("accelerator", 12)]
    ),
]


@pytest.mark.parametrize(("name", "depth"), DEPTHS)
def test_the_rules_at_the_ports_hold(name, depth, tmp_path):
    """Whatever the other side does within its own rules, from any state of the registers, after a cycle of reset."""
    prove_verilog(checked(CORES[name], SMALL[name], tmp_path), tmp_path, depth=depth, timeout=1800)


@pytest.mark.parametrize(
    ("name", "depth", "found", "replacement"),
    [
        ("tile", 8, r"assign i_ready = .*;", "assign i_ready = 1'b1;"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in [
                ("dma-reader", 8, r"assign m_axi_araddr = (.*);", r"assign m_axi_araddr = \1 ^ m_axi_rvalid;"),
                ("dma-writer", 11, r"assign m_axi_wstrb = (.*);", r"assign m_axi_wstrb = \1 | 4'd8;"),
                ("accelerator", 8, r"(if \(_\w+\) s_axil_bvalid <=) .*;", r"\1 s_axil_awvalid;"),
            ]
        ),
    ],
    ids=lambda value: value if value in SMALL else "",
)
def test_finds_a_port_that_breaks_a_rule(name, depth, found, replacement, tmp_path):
    files = checked(CORES[name], SMALL[name], tmp_path, patch=(found, replacement))
    with pytest.raises(AssertionError, match="Assert failed in top"):
        prove_verilog(files, tmp_path, depth=depth, engine=YICES, timeout=600)
