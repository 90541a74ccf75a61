"""Which configurations have int8 operands alone."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright.block_tile import BlockTileConfig
from tilewright.tile import TileConfig
from tilewright_sim.models import check_int8

SIZES = {"rows": 32, "dot": 32, "chunk_words": 16}


@pytest.mark.parametrize(("field", "value"), [("a_format", "q8_0"), ("b_formats", "q4_1")])
def test_block_formats_of_either_operand_are_refused(field, value):
    config = AcceleratorConfig(**SIZES, **{field: value})
    with pytest.raises(ConfigError, match=f"{field} = '{value}': a tool takes int8 alone; nearest that works: int8"):
        check_int8(config, "a tool")


def test_int8_beside_block_formats_is_enough_for_some():
    beside = AcceleratorConfig(**SIZES, a_format="q8_0", b_formats=("q4_1", "int8"))
    check_int8(beside, "a tool", beside=True)
    alone = AcceleratorConfig(**SIZES, a_format="q8_0", b_formats=("int8",))
    for config, may in ((beside, False), (alone, True)):
        with pytest.raises(ConfigError, match="a_format = 'q8_0': a tool takes int8 alone"):
            check_int8(config, "a tool", beside=may)


def test_int8_and_other_cores_pass():
    check_int8(AcceleratorConfig(), "a tool")
    check_int8(TileConfig(), "a tool")


def test_other_cores_may_have_block_formats():
    check_int8(BlockTileConfig.preset("q4_1"), "the regression")
