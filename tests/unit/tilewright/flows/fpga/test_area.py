"""Area: what each cell counts, and a measurement of the smallest tile for each family."""

import pytest

from tilewright.base import FAMILIES
from tilewright.cores import CORES
from tilewright.flows.fpga import LUT4_EQUIVALENTS, Area, FpgaFlow, area
from tilewright.tile import TileConfig

NARROW = {"multiplier": "lut", "activation_bits": 4, "weight_bits": 4}  # in half a minute less


@pytest.mark.parametrize(
    ("family", "cells", "want"),
    [
        ("generic", {"$lut": 7, "$_DFF_P_": 2, "$_SDFFCE_PP0P_": 3, "$scopeinfo": 9}, (7, 0, 5, 0, 0)),
        ("ecp5", {"LUT4": 5, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "PFUMX": 4, "L6MUX21": 1}, (5 + 6 + 12, 3, 0, 0, 0)),
        ("ecp5", {"TRELLIS_FF": 8, "MULT18X18D": 2, "ALU54B": 1, "DP16KD": 3, "PDPW16KD": 1}, (0, 0, 8, 3, 4)),
        ("ice40", {"SB_LUT4": 5, "SB_CARRY": 3, "SB_DFF": 1, "SB_DFFESR": 2, "SB_MAC16": 1}, (5, 3, 3, 1, 0)),
        ("ice40", {"SB_RAM40_4K": 2, "SB_RAM40_4KNR": 1}, (0, 0, 0, 0, 3)),
        ("xc7", {"LUT1": 1, "LUT2": 1, "LUT4": 1, "LUT5": 1, "LUT6": 1, "INV": 1, "MUXF7": 5}, (10, 0, 0, 0, 0)),
        ("xc7", {"SRL16E": 2, "SRLC32E": 1, "RAM32M": 1, "CARRY4": 3}, (16, 3, 0, 0, 0)),
        ("xc7", {"FDRE": 1, "FDSE": 2, "FDCE": 3, "FDPE": 4, "DSP48E1": 2, "RAMB18E1": 1, "RAMB36E1": 2, "BUFG": 1},
         (0, 0, 10, 2, 5)),
        ("gowin", {"LUT1": 1, "LUT4": 2, "ALU": 3, "RAM16SDP4": 1, "MUX2_LUT5": 4, "MUX2_LUT8": 1}, (14, 3, 0, 0, 0)),
        ("gowin", {"DFF": 1, "DFFSE": 2, "DFFRE": 3, "MULT9X9": 4, "MULT18X18": 1, "SDPX9B": 1, "DPB": 2, "SPX9": 3},
         (0, 0, 6, 6, 6)),
        ("nexus", {"LUT4": 1, "INV": 2, "CCU2": 3, "WIDEFN9": 4, "DPR16X4": 1, "VLO": 1}, (23, 3, 0, 0, 0)),
        ("nexus", {"FD1P3IX": 1, "FD1P3JX": 2, "MULT18X18": 3, "MULT18X36": 1, "PDPSC16K": 4, "DP16K": 1},
         (0, 0, 3, 5, 5)),
        ("gatemate", {"CC_LUT2": 1, "CC_L2T4": 2, "CC_L2T5": 1, "CC_MX4": 1, "CC_MX8": 1, "CC_ADDF": 3},
         (14, 3, 0, 0, 0)),
        ("gatemate", {"CC_DFF": 7, "CC_BRAM_20K": 1, "CC_BRAM_40K": 2, "CC_BUFG": 1}, (0, 0, 7, 0, 5)),
        ("gatemate", {"CC_MULT 16": 2, "CC_MULT 3": 1}, (2 * 226 + 34, 0, 0, 0, 0)),
        ("generic", {}, (0, 0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_cells_are_counted_as_documented_in_the_help(family, cells, want):
    assert area.count_cells(cells, family, 16) == Area(*want, multipliers=16)


@pytest.mark.parametrize(
    ("family", "cell"),
    [
        ("generic", "$add"),
        ("ecp5", "LUT5"),
        ("ecp5", "CCU2"),
        ("ice40", "SB_LUT"),
        ("xc7", "LUT7"),
        ("xc7", "XLUT4"),
        ("gowin", "LUT5"),
        ("nexus", "DP32K"),
        ("gatemate", "CC_MULT"),
    ],
)
def test_an_unknown_cell_is_an_error(family, cell):
    with pytest.raises(AssertionError, match=r"does not know the cell "):
        area.count_cells({cell: 1}, family)


def test_the_help_defines_the_equivalents_of_each_family():
    lines = LUT4_EQUIVALENTS.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == list(FAMILIES)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("family", "settings", "dsp", "luts"),
    [
        ("generic", NARROW, 0, (300, 3000)),
        ("ecp5", {"multiplier": "dsp"}, 16, (100, 600)),
        ("ecp5", {"multiplier": "lut"}, 0, (600, 1800)),
        ("ice40", NARROW, 0, (200, 3000)),
        ("xc7", {"multiplier": "dsp"}, 16, (10, 400)),
        ("gowin", {"multiplier": "dsp"}, 16, (200, 400)),
        ("nexus", {"multiplier": "dsp"}, 16, (200, 400)),
        ("gatemate", {"multiplier": "dsp"}, 0, (16 * 226, 16 * 226 + 400)),
    ],
)
def test_the_area_of_the_nano_tile_follows_its_multipliers(family, settings, dsp, luts):
    found = FpgaFlow(CORES["tile"], TileConfig.preset("nano", **settings), family).areas().total
    assert found.multipliers == 16
    assert found.dsp == dsp
    assert found.bram == 0
    assert luts[0] <= found.lut4 <= luts[1]
    # At least the held weight word and its flags, the weights' shadows, the activations and the sums' first level.
    assert found.ff >= 4 * 4 + 16 * 4
    assert (found.carry > 0) == (family != "generic")


@pytest.mark.parametrize(("family", "blocks"), [("gowin", 1), ("nexus", 1), ("gatemate", 1)])
def test_a_buffer_is_a_block_memory(family, blocks):
    reader = CORES["dma-reader"]
    config = reader.config(data_bits=32, outstanding=4, max_burst=16)
    found = FpgaFlow(reader, config, family).areas()
    assert sum(module.area.bram for module in found.modules if "/block_fifo/" in module.name) == blocks
