"""Nothing uninitialised reaches an output, on Icarus Verilog, where all registers and memories start as X.

The assertions that are bound to every core say of each output when it must be known.
"""

import re

import pytest
from support.configs import BLOCKS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.block_tile import BlockTileConfig
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright.memory.sdram import SdramConfig
from tilewright.tile import TileConfig
from tilewright_sim.benches import BENCHES
from tilewright_sim.verify import run_bench, sources

ACCELERATOR = AcceleratorConfig(
    rows=4, cols=4, dot=4, data_bits=32, panel_words=64, ring_words=128, acc_rows=8, requant_lanes=1, outstanding=4,
    max_burst=4,
)  # fmt: skip
COMPACT = AcceleratorConfig(
    rows=4, cols=4, dot=4, data_bits=32, panel_words=64, ring_words=128, acc_rows=8, requant_lanes=1, outstanding=1,
    max_burst=1, chunk_words=8, variant="compact",
)  # fmt: skip
ECC = ACCELERATOR.model_copy(update={"ecc": True})
VECTORS = ACCELERATOR.model_copy(update={"vector_lanes": 1, "variables": 2, "unaligned": True})
RECORDS = AcceleratorConfig(**BLOCKS | {"vector_lanes": 2})
BLOCK_TILE = BlockTileConfig(a_format="nvfp4", b_formats=("nvfp4",), acc_rows=8)
DMA = DmaConfig(data_bits=32, max_burst=4, outstanding=2, unaligned=True)
# A core, its configuration, the last test of its bench, and a register that needs its reset.
CASES = [
    ("tile", TileConfig(rows=2, cols=3, dot=1), "a_reset_drops_all_data_in_flight", "loaded"),
    *(
        pytest.param(*case, marks=pytest.mark.long)
        for case in [
            ("block-tile", BLOCK_TILE, "a_reset_drops_all_data_in_flight", "loaded"),
            ("dma-reader", DMA, "restarts_after_a_reset", "status_valid"),
            ("dma-writer", DMA, "restarts_after_a_reset", "busy"),
            ("sdram", SdramConfig(power_up_us=1, data_bits=32), "restarts_after_a_reset", "started"),
            ("accelerator", ACCELERATOR, "direct_descriptors_and_the_ring_take_turns", "command_ring.fetched"),
            ("accelerator", ECC, "direct_descriptors_and_the_ring_take_turns", "command_ring.fetched"),
            ("accelerator", VECTORS, "direct_descriptors_and_the_ring_take_turns", "command_ring.fetched"),
            ("accelerator", RECORDS, "direct_descriptors_and_the_ring_take_turns", "command_ring.fetched"),
            ("accelerator", COMPACT, "direct_descriptors_and_the_ring_take_turns", "command_ring.fetched"),
        ]
    ),
]


def reset_left_out(register, monkeypatch):
    """Generate Verilog in which the reset of a register is left out, of the first one of this name in its module."""
    component, _, name = register.rpartition(".")

    def faulty(*arguments):
        files = generate(*arguments)
        text = files[0].read_text()
        module = text.index(f"_{component}(") if component else 0
        rest, count = re.subn(rf"if \(rst\)( {name} <= )", r"if (1'b0)\1", text[module:], count=1)
        assert count
        files[0].write_text(text[:module] + rest)
        return files

    generate = sources.generate
    monkeypatch.setattr(sources, "generate", faulty)


@pytest.mark.parametrize(("name", "config", "testcase", "register"), CASES)
def test_nothing_unknown_reaches_an_output(name, config, testcase, register, tmp_path, monkeypatch):
    bench = BENCHES[name]
    run_bench(
        CORES[name], config, bench, simulator="icarus", effort="quick", testcase=testcase, folder=tmp_path / "good"
    )
    (verilog,) = tmp_path.glob(f"good/verilog/*/{CORES[name].module}.v")
    assert not re.search(r"\binitial\b|^ *reg [^;]*=", verilog.read_text(), flags=re.M)  # so all begins as X
    reset_left_out(register, monkeypatch)
    with pytest.raises(AssertionError, match=r"FATAL: .*X |busy is not 1"):
        run_bench(
            CORES[name], config, bench, simulator="icarus", effort="quick", testcase=testcase, folder=tmp_path / "bad"
        )
