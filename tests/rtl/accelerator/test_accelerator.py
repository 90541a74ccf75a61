"""Run the bench of the accelerator on its generated Verilog, in both simulators."""

import pytest
from support.configs import BLOCKS, COMPACT, TINY

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright_sim.benches import BENCHES
from tilewright_sim.testbench import runner
from tilewright_sim.verify import run_bench

HALF_BUS = {
    "rows": 8, "cols": 8, "dot": 8, "data_bits": 32, "panel_words": 64, "ring_words": 128, "acc_rows": 16,
    "chunk_words": 1, "long_chunk_words": 4, "requant_lanes": 2, "outstanding": 3,
}  # fmt: skip
FULL_BUS = {
    "rows": 8, "cols": 8, "dot": 8, "data_bits": 64, "panel_words": 128, "ring_words": 128, "acc_rows": 16,
    "chunk_words": 2, "long_chunk_words": 8, "requant_lanes": 4, "outstanding": 8,
}  # fmt: skip
UNALIGNED = HALF_BUS | {
    "addr_bits": 40,
    "unaligned": True,
    "rounding": "single",
    "panel_words": 256,
    "convolution": True,
}
NARROW = {
    "rows": 8, "cols": 4, "dot": 4, "data_bits": 64, "panel_words": 64, "ring_words": 64, "acc_rows": 8,
    "chunk_words": 1, "long_chunk_words": 8, "requant_lanes": 4, "outstanding": 4, "unaligned": True,
}  # fmt: skip
IMAGES = TINY | {"panel_words": 512, "convolution": True}
COMPACT_8 = COMPACT | {
    "rows": 8, "cols": 8, "dot": 8, "ring_words": 128, "panel_words": 128, "chunk_words": 2, "acc_rows": 16,
    "addr_bits": 40, "size_bits": 16, "stride_bits": 24, "rounding": "single",
}  # fmt: skip
CONFIGS = {
    "tiny": TINY, "half-bus": HALF_BUS, "full-bus": FULL_BUS, "unaligned": UNALIGNED, "narrow": NARROW,
    "images": IMAGES, "compact": COMPACT, "compact-8": COMPACT_8, "blocks": BLOCKS,
    "vectors": TINY | {"vector_lanes": 1}, "records": BLOCKS | {"vector_lanes": 2},
    "variables": TINY | {"variables": 3},
}  # fmt: skip
# To compile for Verilator takes half a minute each; Icarus needs seconds, and is slow.
ON_VERILATOR, ON_ICARUS = ["unaligned", "compact"], ["tiny"]
IN_SHORT = ["blocks", "vectors", "variables"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "compact" else []) for name in ON_VERILATOR]
)
def test_accelerator_keeps_its_promises_on_verilator(name):
    run(name, simulator="verilator", effort="quick")


@pytest.mark.long
@pytest.mark.parametrize("name", ON_VERILATOR)
def test_accelerator_keeps_its_promises_with_the_default_effort(name):
    run(name, simulator="verilator")


@pytest.mark.parametrize("name", ON_ICARUS)
def test_accelerator_keeps_its_promises_on_icarus(name):
    run(name, simulator="icarus", effort="quick")


@pytest.mark.parametrize("name", IN_SHORT)
def test_random_queues_match_the_golden_model(name):
    """The shortest of the tests that `tilewright verify` runs; the others are long."""
    run(name, simulator="icarus", effort="quick", testcase="timing=stalled")


@pytest.mark.long
@pytest.mark.parametrize(("name", "seed"), tuple(zip(CONFIGS, range(2, 2 + len(CONFIGS)), strict=True)))
def test_accelerator_keeps_its_promises_for_longer(name, seed):
    run(name, simulator="verilator", seed=seed, effort="long")


@pytest.mark.long
@pytest.mark.parametrize("simulator", runner.SIMULATORS)
@pytest.mark.parametrize("name", ["tiny", "full-bus"])
def test_accelerator_for_ecp5_keeps_its_promises(name, simulator):
    effort = "quick" if simulator == "icarus" else "default"
    run(name, simulator=simulator, family="ecp5", effort=effort)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in ON_ICARUS])
def test_other_accelerators_keep_their_promises_on_icarus(name):
    run(name, simulator="icarus", effort="quick")


def run(name, **options):
    core, config = CORES["accelerator"], AcceleratorConfig(**CONFIGS[name])
    run_bench(core, config, BENCHES[core.name], **options)
