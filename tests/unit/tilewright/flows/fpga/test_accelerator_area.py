"""Area of the accelerator: its memories are block memories, all of them on ECP5, and small is small."""

import pytest
from amaranth.hdl import Shape

from tilewright.accelerator.contract import ADDEND_BITS, DESCRIPTOR_BYTES, AcceleratorConfig, job_shape
from tilewright.cores import CORES
from tilewright.flows.fpga import FpgaFlow

TOTALS = (32, 32)
"""Bits and rows of the counters' memory."""
FEWEST_ROWS = 32
RESPONSE_BITS = 2


def memories(config):
    """Bits and rows of each memory, as the docstrings of their owners say."""
    groups = config.tile.cols // config.requant_lanes
    channels = config.data_bits // 32
    parts = config.requant_lanes // channels
    sums = (config.tile.cols * ADDEND_BITS, 2 * config.acc_rows)
    few = max(FEWEST_ROWS, 2 * groups)
    return [
        (config.a_word_bits, config.panel_words),
        (config.b_word_bits, config.ring_words),
        sums,  # added up
        sums,  # drained
        (config.data_bits + RESPONSE_BITS, config.dma.read_buffer_words),
        (config.data_bits, config.dma.write_buffer_words),
        *[(channels * ADDEND_BITS, 2 * config.acc_rows * groups)] * parts,
        *[(channels * 31, few)] * parts,  # multipliers
        *[(channels * 6, few)] * parts,  # shifts
        TOTALS,
    ]


def blocks(bits, rows, shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4))):
    """Block memories of these rows and bits; of an ECP5, a Gowin or a Nexus if they are not given."""
    width = next(width for depth, width in shapes if rows <= depth)
    return -(-bits // width)


GATEMATE_SHAPES = ((512, 40), (1024, 20), (2048, 10), (4096, 5))


def most_registers(config):
    """Flip-flops that the docstrings account for, and some for control; no buffer would fit into the difference."""
    job = Shape.cast(job_shape(config)).width
    return (
        8 * DESCRIPTOR_BYTES  # the descriptor being checked
        + 8 * job  # offered, in both loaders, execution, both feeders, store; a tile and the requests to write it
        + 2 * config.tile.cols * ADDEND_BITS  # the sums before and after
        + 48 * config.tile.rows * config.tile.cols  # two weights and a share of the sums in each cell
        + 700 * config.requant_lanes  # the stages of the epilogue
        + 12 * config.data_bits  # words on their way through engines, upsizer and packer
        + 1500  # addresses and counts of the engines, counters, registers of the host
    )


@pytest.mark.long
@pytest.mark.parametrize(("preset", "bar"), [("nano", 5500), ("small", 8000)])
def test_no_memory_ends_up_in_flip_flops(preset, bar):
    config = AcceleratorConfig.preset(preset)
    area = FpgaFlow(CORES["accelerator"], config, "ecp5").areas().total
    assert area.bram == sum(blocks(*memory) for memory in memories(config))
    assert area.ff <= most_registers(config), f"{area.ff} flip-flops, {most_registers(config)} accounted for"
    assert area.lut4 <= bar


@pytest.mark.long
@pytest.mark.parametrize("preset", ["nano", "small"])
@pytest.mark.parametrize(
    ("family", "shapes", "multipliers"),
    [("gowin", (), 1), ("nexus", (), 1), ("gatemate", (GATEMATE_SHAPES,), 0)],
)
def test_the_large_memories_are_blocks_and_the_multipliers_dsps_on_other_families(family, shapes, multipliers, preset):
    config = AcceleratorConfig.preset(preset, multiplier="dsp")
    areas = FpgaFlow(CORES["accelerator"], config, family).areas()
    panel, ring, *sums = memories(config)[:4]
    large = sum(blocks(*memory, *shapes) for memory in (panel, ring, *sums))
    assert areas.total.bram >= large  # the others may be tables or blocks
    products = [module.area for module in areas.modules if "/multiplier" in module.name]  # with registers of their own
    assert areas.total.ff - sum(area.ff for area in products) <= most_registers(config)
    held = [module.area.bram for module in areas.modules if "/panel" in module.name or "/accumulators" in module.name]
    # A block that has lost its path counts for the first of its kind: the ring's may be one of the parameters.
    assert sum(held) == large - blocks(*ring, *shapes)
    assert sum(area.dsp for area in products) == multipliers * config.tile.multipliers
