"""AcceleratorConfig: its tile, its rules, and the widths that follow from its formats."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright.tile import TileConfig, tile_of

SMALL = AcceleratorConfig.preset("small")


def test_the_fields_of_the_tile_are_given_as_its_own():
    assert SMALL.tile == TileConfig(rows=8, cols=8, dot=8, multiplier="dsp")
    assert SMALL.replace(dot=4).tile == TileConfig(rows=8, cols=8, dot=4, multiplier="dsp")
    assert not hasattr(SMALL, "rows")


def test_the_tile_of_a_configuration():
    assert tile_of(SMALL) is SMALL.tile
    assert tile_of(SMALL.tile) is SMALL.tile


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 100}, "rows = 100: must be 1 to 64; nearest that works: 64"),
        ({"rows": 12, "dot": 4}, "rows = 12: must be a power of two; nearest that works: 8"),
        ({"rows": 60.5, "dot": 2}, "rows = 60.5: must be a whole number; nearest that works: 64"),  # not 60
        ({"rows": 2, "dot": 2}, "rows = 2: must be at least 4: the bus has 32 bits or more; nearest that works: 4"),
        ({"dot": 5}, "dot = 5: must divide rows = 8; nearest that works: 4"),
        ({"weight_bits": 4}, "weight_bits = 4: the accelerator takes int8 from memory; nearest that works: 8"),
        ({"activation_bits": 9}, "activation_bits = 9: the accelerator takes int8 from memory; nearest that works: 8"),
        (
            {"data_bits": 128},
            "data_bits = 128: must be at most the 64 bits of a word of rows = 8; nearest that works: 64",
        ),
        (
            {"cols": 4},
            "data_bits = 64: a row of a C tile, cols = 4 bytes, must fill a bus word unless `unaligned`; "
            "nearest that works: 32",
        ),
        (
            {"requant_lanes": 16},
            "requant_lanes = 16: must be 2 to 8 with data_bits = 64 and cols = 8; nearest that works: 8",
        ),
    ],
)
def test_a_bad_value_is_refused_with_field_value_reason_and_nearest(values, message):
    with pytest.raises(ConfigError) as failure:
        SMALL.replace(**values)
    assert str(failure.value) == message


def test_the_tile_is_given_by_its_fields_alone():
    with pytest.raises(ConfigError, match=r"^tile = .*: there is no such field; the fields are rows, cols, dot, "):
        AcceleratorConfig(tile=TileConfig())


BLOCKS = {"rows": 32, "cols": 8, "dot": 32, "data_bits": 128, "requant_lanes": 4, "chunk_words": 16,
          "ring_words": 512, "a_format": "q8_e5m3", "b_formats": ("q4_1",)}  # fmt: skip


def test_widths_follow_the_formats():
    assert (SMALL.a_word_bits, SMALL.b_word_bits) == (64, 64)
    config = AcceleratorConfig(**BLOCKS)
    assert (config.replace(panel_words=512).k_limit, config.replace(panel_words=8192).k_limit) == (256 * 32, 16_383)
    assert (config.a_word_bits, config.b_word_bits) == (32 * 8 + 8, 32 * 4 + 2 * 16)
    assert config.dma.length_bits == (16 * 33).bit_length()  # a chunk of A is the longest row
    with pytest.raises(ConfigError, match="the accelerator takes int8 from memory"):
        SMALL.replace(weight_bits=4)


@pytest.mark.parametrize(("values", "message"), [
    ({"rows": 16, "dot": 16}, "rows = 16: must be a block of q4_1; nearest that works: 32"),
    ({"dot": 16}, "dot = 16: must be a block of q4_1; nearest that works: 32"),
    ({"chunk_words": 8}, "chunk_words = 8: 8 blocks of 33 bytes (q8_e5m3) must fill words of data_bits = 128, unless "
                         "`unaligned`; nearest that works: 16"),
    (
        {"data_bits": 256, "requant_lanes": 8, "chunk_words": 32, "long_chunk_words": 32},
        "data_bits = 256: must be at most the 160 bits of a block of q4_1; nearest that works: 128",
    ),
    ({"ecc": True}, "ecc = True: must be false with block formats in a_format or b_formats; nearest that works: False"),
    ({"b_formats": ("nvfp4",)}, "b_formats = 'nvfp4': its blocks of 16 must be as long as those of 32 of a_format = "
                                "q8_e5m3; nearest that works: q8_0"),
    ({"b_formats": ("q4_1", "q8_e5m3")}, "b_formats = 'q8_e5m3': its scales and units must be those of q4_1; "
                                         "nearest that works: q8_0"),
    ({"b_formats": ("q4_1", "q4_1")}, "b_formats = 'q4_1': there twice"),
    ({"b_formats": ("int8", "q4_1", "int8")}, "b_formats = 'int8': there twice"),
    ({"a_format": "mxfp6_e2m3", "b_formats": ("int8", "mxfp4")}, "a_format = 'mxfp6_e2m3': must have elements of int8 "
     "with int8 among several b_formats, which is the format of A then, too; nearest that works: q8_e5m3"),
    ({"b_formats": ("q4_1", "int8")}, "data_bits = 128: a row of a C tile, cols = 8 bytes, must fill a bus word "
     "unless `unaligned`; nearest that works: 64"),
])  # fmt: skip
def test_formats_that_cannot_work_are_refused(values, message):
    with pytest.raises(ConfigError) as failure:
        AcceleratorConfig(**BLOCKS | values)
    assert str(failure.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vector_lanes": 1}, "vector_lanes = 1: a bus word of data_bits = 64 is 2 float32, which enter the lanes in a "
                              "cycle; nearest that works: 2"),
        ({"vector_lanes": 6}, "vector_lanes = 6: must be a power of two; nearest that works: 4"),
        ({"vector_lanes": 32}, "vector_lanes = 32: must be 0 to 16; nearest that works: 16"),
        ({"vector_lanes": 2, "ecc": True}, "vector_lanes = 2: must be 0 with ecc: the engine's rows have no check "
                                           "bits; nearest that works: 0"),
    ],
)  # fmt: skip
def test_a_vector_engine_that_cannot_work_is_refused(values, message):
    with pytest.raises(ConfigError) as failure:
        SMALL.replace(**values)
    assert str(failure.value) == message


def test_the_nearest_vector_engine_takes_a_bus_word():
    with pytest.raises(ConfigError, match=r"vector_lanes = 3: must be a power of two; nearest that works: 16$"):
        AcceleratorConfig.preset("giant", vector_lanes=3)
    assert AcceleratorConfig.preset("giant", vector_lanes=16).vector_lanes == 16
