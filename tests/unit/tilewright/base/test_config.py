"""Configurations, mostly TileConfig: what is refused and why, presets, JSON, parts."""

import json
import pickle
import re
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tilewright.base import Config, ConfigError, load_config
from tilewright.formats import product_sum_bits
from tilewright.tile import TileConfig

LIMITS = {"rows": (1, 64), "cols": (1, 64), "dot": (1, 64), "activation_bits": (2, 16), "weight_bits": (2, 16)}
ANY_INT = st.one_of(st.integers(-70, 140), st.integers(), st.sampled_from([0, 1, 2, 16, 17, 64, 65]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 0, "dot": 1}, "rows = 0: must be 1 to 64; nearest that works: 1"),
        ({"rows": 65}, "rows = 65: must be 1 to 64; nearest that works: 64"),
        ({"rows": 0}, "rows = 0: must be 1 to 64; nearest that works: 8"),  # dot is 8
        ({"rows": 100, "dot": 48}, "rows = 100: must be 1 to 64; nearest that works: 48"),
        ({"rows": -7, "dot": 5}, "rows = -7: must be 1 to 64; nearest that works: 5"),
        ({"cols": 0}, "cols = 0: must be 1 to 64; nearest that works: 1"),
        ({"cols": 65}, "cols = 65: must be 1 to 64; nearest that works: 64"),
        ({"dot": 0}, "dot = 0: must be 1 to 64; nearest that works: 1"),
        ({"dot": 65, "rows": 12}, "dot = 65: must be 1 to 64; nearest that works: 12"),
        ({"dot": 5, "rows": 12}, "dot = 5: must divide rows = 12; nearest that works: 4"),
        ({"dot": 64, "rows": 12}, "dot = 64: must divide rows = 12; nearest that works: 12"),
        ({"rows": 7}, "dot = 8: must divide rows = 7; nearest that works: 7"),
        ({"activation_bits": 1}, "activation_bits = 1: must be 2 to 16; nearest that works: 2"),
        ({"activation_bits": 17}, "activation_bits = 17: must be 2 to 16; nearest that works: 16"),
        ({"weight_bits": 1}, "weight_bits = 1: must be 2 to 16; nearest that works: 2"),
        ({"weight_bits": 17}, "weight_bits = 17: must be 2 to 16; nearest that works: 16"),
        ({"cols": 8.4}, "cols = 8.4: must be a whole number; nearest that works: 8"),
        ({"cols": 3.6}, "cols = 3.6: must be a whole number; nearest that works: 4"),
        ({"cols": float("nan")}, "cols = nan: must be a whole number"),
        ({"cols": "eight"}, "cols = 'eight': must be a whole number"),
        ({"cols": None}, "cols = None: must be a whole number"),
        ({"cols": True}, "cols = True: must be a whole number; nearest that works: 1"),
        ({"multiplier": "dps"}, "multiplier = 'dps': must be one of infer, dsp, lut; nearest that works: dsp"),
        ({"multiplier": "?"}, "multiplier = '?': must be one of infer, dsp, lut; nearest that works: infer"),
        ({"multiplier": 3}, "multiplier = 3: must be one of infer, dsp, lut; nearest that works: infer"),
        (
            {"row": 3},
            "row = 3: there is no such field; the fields are rows, cols, dot, activation_bits, weight_bits, "
            "multiplier; nearest that works: rows",
        ),
    ],
)
def test_a_bad_value_is_refused_with_field_value_reason_and_nearest(values, message):
    with pytest.raises(ConfigError) as failure:
        TileConfig(**values)
    assert str(failure.value) == message
    assert failure.value.field in (set(values) | {"dot"})


@pytest.mark.parametrize("field", LIMITS)
def test_both_bounds_of_each_field_are_valid(field):
    for value in LIMITS[field]:
        config = TileConfig(**{"rows": 64, "dot": 1, field: value})
        assert getattr(config, field) == value


@given(field=st.sampled_from(list(LIMITS)), value=ANY_INT, rows=st.integers(1, 64), data=st.data())
def test_the_nearest_value_is_valid_and_none_is_nearer(field, value, rows, data):
    dot = data.draw(st.sampled_from([n for n in range(1, rows + 1) if rows % n == 0]))
    others = {"rows": rows, "dot": dot, "cols": 3}
    values = others | {field: value}
    if fits(values):
        assert getattr(TileConfig(**values), field) == value
        return
    with pytest.raises(ConfigError) as failure:
        TileConfig(**values)
    error = failure.value
    # A bad pair of rows and dot is blamed on dot.
    blamed = "dot" if field == "rows" and 1 <= value <= 64 else field
    assert (error.field, error.value) == (blamed, values[blamed])
    low, high = LIMITS[blamed]
    works = [n for n in range(low, high + 1) if fits(values | {blamed: n})]
    assert error.nearest in works
    assert abs(error.nearest - error.value) == min(abs(n - error.value) for n in works)
    assert TileConfig(**values | {blamed: error.nearest})
    assert str(error).startswith(f"{blamed} = {error.value}: ")
    assert str(error).endswith(f"; nearest that works: {error.nearest}")


def fits(values):
    within = all(LIMITS[field][0] <= value <= LIMITS[field][1] for field, value in values.items())
    return within and values["rows"] % values["dot"] == 0


def test_no_nearest_value_is_named_if_no_value_of_the_field_is_valid():
    with pytest.raises(ConfigError) as failure:
        TileConfig(rows=100, dot=100)
    assert str(failure.value) == "rows = 100: must be 1 to 64"


def test_a_config_is_frozen_hashable_and_compares_by_value():
    config = TileConfig(rows=4, dot=2)
    with pytest.raises(ValidationError, match="frozen"):
        config.rows = 8
    assert config == TileConfig(dot=2, rows=4)
    assert len({config, TileConfig(rows=4, dot=2), TileConfig(rows=4, dot=4)}) == 2


@pytest.mark.parametrize("name", ["nano", "small", "base", "large", "giant"])
def test_every_preset_is_valid(name):
    assert name in TileConfig.PRESETS
    assert TileConfig.preset(name) == TileConfig(**TileConfig.PRESETS[name])


def test_presets_go_from_4x4_to_64x64():
    sizes = [(config["rows"], config["cols"]) for config in TileConfig.PRESETS.values()]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == ((4, 4), (64, 64))


def test_preset_values_are_a_copy():
    TileConfig.preset_values("nano")["rows"] = 99
    assert TileConfig.preset("nano").rows == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nanno",
            "preset = 'nanno': must be one of nano, small, base, large, giant; nearest that works: nano",
        ),
        ("zzz", "preset = 'zzz': must be one of nano, small, base, large, giant"),
    ],
)
def test_an_unknown_preset_is_refused_with_the_names(name, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        TileConfig.preset(name)


def test_json_round_trips():
    config = TileConfig(rows=6, cols=3, dot=2, activation_bits=5, weight_bits=16, multiplier="lut")
    assert TileConfig.from_json(config.to_json()) == config
    assert list(json.loads(config.to_json())) == list(TileConfig.model_fields)


def test_the_json_schema_has_bounds_and_descriptions():
    properties = TileConfig.model_json_schema()["properties"]
    assert list(properties) == list(TileConfig.model_fields)
    for field, (low, high) in LIMITS.items():
        assert (properties[field]["minimum"], properties[field]["maximum"]) == (low, high)
    assert properties["multiplier"]["enum"] == ["infer", "dsp", "lut"]
    assert all(len(field["description"]) > 15 for field in properties.values())


class Switch(Config):
    """A configuration with a field that is true or false."""

    enabled: Annotated[bool, Field(description="Whether it is on.")] = False


def test_the_table_of_fields_matches_the_schema():
    table = {field.name: field for field in TileConfig.field_table()}
    assert list(table) == list(TileConfig.model_fields)
    for name, field in table.items():
        assert field.default == TileConfig.model_fields[name].default
        assert field.about == TileConfig.model_fields[name].description
    assert table["rows"].values() == "{} to {}".format(*LIMITS["rows"])
    assert table["multiplier"].values("`") == "`infer`, `dsp`, `lut`"
    (boolean,) = Switch.field_table()
    assert boolean.values() == "true, false"


@pytest.mark.parametrize(
    ("widths", "products", "bits"),
    [((8, 8), 1, 16), ((8, 8), 2, 17), ((8, 8), 3, 17), ((8, 8), 4, 18), ((2, 2), 1, 4), ((16, 16), 64, 38)],
)
def test_sums_are_exactly_as_wide_as_the_largest_sum(widths, products, bits):
    assert product_sum_bits(*widths, products) == bits
    largest = products << sum(widths) - 2
    assert 1 << bits - 2 <= largest < 1 << bits - 1


def test_derived_sizes():
    config = TileConfig(rows=12, cols=5, dot=4, activation_bits=8, weight_bits=4)
    assert (config.groups, config.product_bits, config.result_bits) == (3, 12, 15)
    assert config.sum_bits(2) == 13


def test_the_nearest_value_of_infinity_is_the_largest_valid_value():
    with pytest.raises(ConfigError) as caught:
        TileConfig(rows=float("inf"))
    assert caught.value.nearest == 64


class Whole(Config):
    """A configuration with a part."""

    TABLE = "whole"
    PRESETS: ClassVar = {"nano": {"rows": 4, "dot": 4, "depth": 2}}
    PARTS: ClassVar = {"tile": TileConfig}

    before: Annotated[int, Field(ge=1, le=4, description="A field before the part.")] = 1
    tile: TileConfig
    depth: Annotated[int, Field(ge=1, le=64, description="A field after the part.")] = 16


def test_the_fields_of_a_part_are_those_of_the_whole():
    config = Whole(rows=4, dot=2, depth=3)
    assert config.tile == TileConfig(rows=4, dot=2)
    names = ["before", *TileConfig.model_fields, "depth"]
    assert list(Whole.fields()) == list(Whole.model_json_schema()["properties"]) == list(config.model_dump()) == names
    assert Whole.model_json_schema()["properties"]["rows"] == TileConfig.model_json_schema()["properties"]["rows"]
    assert repr(config).startswith("Whole(before=1, rows=4, cols=8, dot=2, ")


def test_a_configuration_with_a_part_is_made_like_any_other(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("[whole]\nrows = 8\ndepth = 5\n")
    config = load_config(Whole, "nano", path, ["dot=2"])
    assert config == Whole(rows=8, dot=2, depth=5)
    assert Whole.preset("nano").replace(cols=3) == Whole(rows=4, dot=4, cols=3, depth=2)
    assert Whole.from_json(config.to_json()) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert len({config, Whole(rows=8, dot=2, depth=5), Whole(rows=8, dot=4, depth=5)}) == 2


def test_an_unchecked_copy_can_change_fields_of_the_part():
    config = Whole(depth=3)
    copy = config.model_copy(update={"rows": 100, "depth": 1000})
    assert (copy.tile.rows, copy.tile.cols, copy.depth) == (100, 8, 1000)
    assert (config.tile.rows, config.depth) == (8, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 65}, "rows = 65: must be 1 to 64; nearest that works: 64"),
        ({"dot": 3}, "dot = 3: must divide rows = 8; nearest that works: 2"),
        ({"depth": 0, "rows": 65}, "rows = 65: must be 1 to 64"),  # no rows work with that depth
        ({"before": 9}, "before = 9: must be 1 to 4; nearest that works: 4"),
        ({"tile": TileConfig()}, "tile = TileConfig(rows=8, cols=8, dot=8, activation_bits=8, weight_bits=8, "
         "multiplier='infer'): there is no such field; the fields are before, rows, cols, dot, activation_bits, "
         "weight_bits, multiplier, depth; nearest that works: multiplier"),
    ],
)  # fmt: skip
def test_the_fields_of_a_part_are_refused_like_those_of_the_whole(values, message):
    with pytest.raises(ConfigError) as failure:
        Whole(**values)
    assert str(failure.value) == message
