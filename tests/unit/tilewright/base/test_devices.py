"""The table of FPGAs: one entry for each target, and boards take their chips from it."""

import pytest

from tilewright.base import DEFAULT_DEVICES, DEVICES
from tilewright.boards import BOARDS
from tilewright.flows import TARGETS, ReportTarget


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_is_the_target_of_its_name(name):
    assert DEVICES[name].target == name in TARGETS
    assert ReportTarget.parse(name).device is DEVICES[name]
    assert ReportTarget.parse(name).name == name


@pytest.mark.parametrize("family", DEFAULT_DEVICES)
def test_a_family_alone_is_its_default_device(family):
    assert ReportTarget.parse(family).device is DEFAULT_DEVICES[family]
    assert DEFAULT_DEVICES[family].family == family


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_differs_from_the_table_only_in_the_package(board):
    known = DEVICES[board.device.target]
    assert board.device == known.packaged(board.device.package)


def test_the_speed_grade_is_named_if_a_part_has_several():
    assert DEVICES["ecp5-25k"].about == "LFE5U-25F, speed grade 6"
    assert DEVICES["ice40-up5k"].about == "iCE40UP5K"
