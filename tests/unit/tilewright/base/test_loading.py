"""Configurations from presets, files and settings: which wins, and what is refused."""

import re

import pytest

from tilewright.base import ConfigError, TilewrightError, load_config
from tilewright.tile import TileConfig


def test_settings_override_the_file_and_the_file_overrides_the_preset(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text('[tile]\ncols = 5\nweight_bits = 4\nmultiplier = "lut"\n')
    assert load_config(TileConfig) == TileConfig()
    assert load_config(TileConfig, "nano") == TileConfig(rows=4, cols=4, dot=4)
    assert load_config(TileConfig, "nano", path) == TileConfig(rows=4, cols=5, dot=4, weight_bits=4, multiplier="lut")
    settings = ["weight_bits=9", "rows = 2", "dot=1", "multiplier=dsp", "dot=2"]
    assert load_config(TileConfig, "nano", path, settings) == TileConfig(
        rows=2, cols=5, dot=2, weight_bits=9, multiplier="dsp"
    )


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("rows=16", "rows", 16),
        (" rows = 0x10 ", "rows", 16),
        ("multiplier=lut", "multiplier", "lut"),
        ('multiplier="lut"', "multiplier", "lut"),
    ],
)
def test_a_setting_is_read_as_toml_or_as_a_string(setting, field, value):
    assert getattr(load_config(TileConfig, settings=[setting]), field) == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rows", "--set rows: write it as FIELD=VALUE, for example --set rows=8"),
        ("", "--set : write it as FIELD=VALUE, for example --set rows=8"),
        ("rows=", "rows = '': must be a whole number"),
        ("rows=many", "rows = 'many': must be a whole number"),
        ("rows=[8]", "rows = [8]: must be a whole number"),
        ("rows=8=8", "rows = '8=8': must be a whole number"),
        ("rows=65", "rows = 65: must be 1 to 64; nearest that works: 64"),
        ("Rows=8", "Rows = 8: there is no such field; the fields are rows, cols, dot, activation_bits, weight_bits, "
         "multiplier; nearest that works: rows"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_in_one_line(setting, message):
    with pytest.raises(TilewrightError, match=f"^{re.escape(message)}$"):
        load_config(TileConfig, settings=[setting])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tile\n", r".* is not valid TOML: Expected ']'.*"),
        (b"[tile]\nrows = 1\nrows = 2\n", r".* is not valid TOML: Cannot overwrite a value.*"),
        (b"\xff\xfe", r"cannot read .*: it is not UTF-8 text; expected TOML with a \[tile\] table"),
        (b"", r".*: has no table \[tile\]; put the fields there"),
        (b"tile = 3\n", r".*: has no table \[tile\]; put the fields there"),
        (b"rows = 3\n", r".*: unknown key 'rows'; the fields belong in a table \[tile\]"),
        (b"[tile]\n[dma]\n", r".*: unknown key 'dma'; the fields belong in a table \[tile\]"),
        (b"[tile]\nrow = 3\n", r"row = 3: there is no such field; .*; nearest that works: rows"),
        (b"[tile]\nrows = 3.5\ndot = 1", r"rows = 3\.5: must be a whole number; nearest that works: 3"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "my.toml"
    path.write_bytes(content)
    with pytest.raises(TilewrightError) as failure:
        load_config(TileConfig, path=path)
    assert re.fullmatch(message, str(failure.value))
    assert str(path) in str(failure.value) or isinstance(failure.value, ConfigError)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path, reason in [(tmp_path / "none.toml", "No such file or directory"), (tmp_path, "it is a folder")]:
        with pytest.raises(TilewrightError, match=f"^cannot read {re.escape(str(path))}: {reason}$"):
            load_config(TileConfig, path=path)


@pytest.mark.parametrize("setting", ["self=1", f"rows={'9' * 5000}", "rows=8\ncols=9"])
def test_odd_settings_are_refused_in_one_line(setting):
    with pytest.raises(TilewrightError) as caught:
        load_config(TileConfig, settings=[setting])
    assert caught.type is ConfigError
