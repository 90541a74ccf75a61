"""AcceleratorConfig: its tile, its rules, and the widths that follow from its formats."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, transfer_shape
from tilewright.base import ConfigError
from tilewright.formats import ELEMENTS, ElementFormat
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


def test_widths_follow_the_formats(monkeypatch):
    assert (SMALL.a_format.name, SMALL.b_format.name) == ("int8", "int8")
    assert (SMALL.a_word_bits, SMALL.b_word_bits) == (64, 64)
    monkeypatch.setitem(ELEMENTS, 4, ElementFormat("int4", 4))
    config = SMALL.replace(weight_bits=4, data_bits=32)
    assert (config.a_word_bits, config.b_word_bits) == (64, 32)
    assert transfer_shape(config) == transfer_shape(SMALL.replace(data_bits=32))  # a chunk of A is as long as it was
    with pytest.raises(ConfigError, match="must be at most the 32 bits of a word of rows = 8"):
        SMALL.replace(weight_bits=4)
    with pytest.raises(ConfigError, match=r"takes int8 or int4 from memory; nearest that works: 4$"):
        SMALL.replace(weight_bits=3)
