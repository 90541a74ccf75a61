"""Campaigns without a simulation: what is drawn, what is kept, what is refused."""

import random
import re

import pytest
from click.testing import CliRunner
from unit.tilewright_sim.benches.jobs.owner import SMALL

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError, TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.cli import main
from tilewright_sim.verify import CampaignTask, Journal
from tilewright_sim.verify.campaign import config_bins
from tilewright_sim.verify.drawing import AFFORDABLE, draw
from tilewright_sim.workers import Outcome


def drawn(count, **held):
    return [draw(random.Random(seed), held) for seed in range(count)]


def test_every_value_of_a_choice_and_every_size_of_the_array_is_drawn():
    configs = drawn(200)
    for field in AcceleratorConfig.field_table():
        found = {getattr(config.tile, field.name, getattr(config, field.name, None)) for config in configs}
        if field.name in ("a_format", "b_formats"):
            continue
        if field.choices:
            assert {str(value).lower() for value in found} == set(field.choices), field.name
        elif field.name not in ("activation_bits", "weight_bits"):  # there is one format
            assert len(found) > 2, field.name
    assert max(config.tile.multipliers for config in configs) >= 1024
    sizes = [config.tile.multipliers for config in configs if not config.scaled]  # a block is at least twice as large
    assert sum(size > AFFORDABLE for size in sizes) < len(sizes) / 3


def test_equal_seeds_draw_equal_configurations():
    assert drawn(5) == drawn(5)
    assert len({config.to_json() for config in drawn(50)}) == 50


def test_held_fields_stay_as_they_are():
    for config in drawn(20, rows=16, cols=4, variant="fast", requant_lanes=2):
        assert (config.tile.rows, config.tile.cols, config.variant, config.requant_lanes) == (16, 4, "fast", 2)


def test_operands_are_int8_or_block_formats_that_go_together():
    configs = drawn(300)
    scaled = [config for config in configs if config.scaled]
    assert len(configs) / 5 < len(scaled) < len(configs) * 2 / 3
    assert {form for config in scaled for form in config.b_formats} == set(FORMATS) - {"nvfp4"}  # the block tile's
    assert {len(config.b_formats) for config in scaled} == {1, 2, 3, 4}
    assert {config.integer for config in scaled} >= {None, 0, 1, 2}  # int8 beside them, in any place
    assert {config.b_formats for config in drawn(9, b_formats="q4_1")} == {("q4_1",)}


def test_a_configuration_meets_a_bin_of_each_field_and_of_each_format():
    config = AcceleratorConfig(**SMALL, a_format="q8_0", b_formats=("q4_0", "q4_1"))
    bins = config_bins(config)
    assert {"vector_lanes: 0", "rows: from 32", "ecc: False", "a_format: q8_0", "b_formats: q4_0", "b_formats: q4_1",
            "size_bits: from 8"} <= set(bins)  # fmt: skip
    assert len(bins) == len(config.model_dump()) + 1


def test_held_fields_that_cannot_be_are_refused_with_the_reason():
    with pytest.raises(TilewrightError, match=r"with rows = 99; the last that was tried has rows = 99: must be 1 to"):
        drawn(1, rows=99)
    with pytest.raises(ConfigError, match="rowz = 4: there is no such field"):
        drawn(1, rowz=4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tile", "--random", "5"], "--random is for the accelerator, not for tile"),
        (["accelerator", "--random", "0"], "0 is not in the range"),
        (["accelerator", "--random", "5", "--sim", "icarus"], "--sim has an effect only without --random"),
        (["accelerator", "--random", "5", "--tests", "x"], "--tests has an effect only without --random"),
        (["accelerator", "--random", "5", "--set", "rows=99"], "no configuration was found with rows = 99"),
        (["accelerator", "--random", "5", "--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler at tcp://127.0"),
        (["accelerator", "--scheduler", "tcp://127.0.0.1:9"], "--scheduler has an effect only with --random"),
        (["accelerator", "--random", "5", "--scheduler", "tcp://h:9", "-j", "2"], "--jobs has an effect only without"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tilewright_sim.workers._PATIENCE", 0.2)
    done = CliRunner().invoke(main.cli, ["verify", *arguments], standalone_mode=False)
    assert re.search(says, str(getattr(done.exception, "message", done.exception)))
    assert list(tmp_path.iterdir()) == []


def test_the_journal_keeps_what_was_right_even_after_a_line_that_was_cut_off(tmp_path):
    tasks = [CampaignTask(seed=seed, products=9, held={}) for seed in range(4)]
    journal = Journal(tmp_path, {})
    journal.add(tasks[0], Outcome({"cycles": 7}))
    journal.add(tasks[1], Outcome({}, "wrong"))
    with journal.path.open("a") as file:
        file.write('{"seed": 2, "wan')
    Journal(tmp_path, {}).add(tasks[3], Outcome({"cycles": 8}))
    again = Journal(tmp_path, {})
    assert [again.passed(task) and again.passed(task).values for task in tasks] == [
        {"cycles": 7}, None, None, {"cycles": 8}
    ]  # fmt: skip
    other = CampaignTask(seed=0, products=10, held={})
    assert again.passed(other) is None
    assert Journal(tmp_path, {"rows": 4}).passed(tasks[0]) is None
