"""The variant `compact` and narrow fields: what is refused, what the driver is told, and how long a product takes."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REGISTERS
from tilewright.accelerator.registers.constants import constants
from tilewright.base import ConfigError, TilewrightError
from tilewright.boards import BoardConfig
from tilewright_sim.host import Capabilities, DeviceArray
from tilewright_sim.host.serial.board import configuration
from tilewright_sim.models.cycles import Bus, Gemm, estimate

NANO = AcceleratorConfig.PRESETS["nano"]
COMPACT = NANO | {"variant": "compact", "max_burst": 1, "outstanding": 1}
NARROW = AcceleratorConfig(**COMPACT, addr_bits=17, size_bits=11, stride_bits=14)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (COMPACT | {"outstanding": 2}, r"outstanding = 2: must be 1 with variant = compact; nearest that works: 1$"),
        (COMPACT | {"max_burst": 8}, r"max_burst = 8: must be 1 with variant = compact; nearest that works: 1$"),
        (
            COMPACT | {"requant_lanes": 2},
            r"requant_lanes = 2: must be 1 with variant = compact; nearest that works",
        ),
        (COMPACT | {"unaligned": True}, r"unaligned = True: must be False with variant = compact"),
        (COMPACT | {"vector_lanes": 1}, r"vector_lanes = 1: must be 0 with variant = compact; nearest that works: 0$"),
        (NANO | {"variant": "tiny"}, r"variant = 'tiny': must be one of fast, compact"),
        (NANO | {"stride_bits": 12}, r"stride_bits = 12: must be at least 3 more than size_bits = 16.*works: 19$"),
        (NANO | {"addr_bits": 20}, r"addr_bits = 20: must be at least stride_bits = 24; nearest that works: 24$"),
        (
            NANO | {"size_bits": 8, "acc_rows": 256},
            r"acc_rows = 256: more than M has, at most 255 with size_bits = 8; nearest that works: 128$",
        ),
        (NANO | {"size_bits": 7}, r"size_bits = 7: must be 8 to 16; nearest that works: 8$"),
    ],
)
def test_invalid_configurations_are_refused_with_the_nearest_value(values, message):
    with pytest.raises(ConfigError, match=message):
        AcceleratorConfig(**values)


def test_unused_fields_are_left_out_of_the_text_of_a_configuration():
    said = AcceleratorConfig(**NANO).described()
    unused = {
        "variant", "size_bits", "stride_bits", "convolution", "ecc", "a_format", "b_formats", "vector_lanes",
        "variables",
    }  # fmt: skip
    assert set(AcceleratorConfig.fields()) - set(said) == unused
    assert "variant" in NARROW.described()
    assert AcceleratorConfig.from_json(NARROW.to_json()) == NARROW
    assert BoardConfig.from_json(BoardConfig.preset("icebreaker").to_json()) == BoardConfig.preset("icebreaker")


def test_limits_follow_the_widths():
    assert (NARROW.size_limit, NARROW.stride_limit, NARROW.k_limit) == (2047, 16383, 2047)
    assert AcceleratorConfig(**COMPACT, size_bits=16).k_limit == 2048
    with pytest.raises(TilewrightError, match=r"M = 2048: must be 1 to 2047"):
        estimate(NARROW, [Gemm(m=2048, n=1, k=1)])


@pytest.mark.parametrize(
    "config",
    [AcceleratorConfig(**NANO), NARROW,
     *(AcceleratorConfig(**NANO | {name: value}) for name, value in
       (("ecc", True), ("convolution", True), ("vector_lanes", 4)))],
)  # fmt: skip
def test_registers_match_the_capabilities_of_the_driver(config):
    fields = {}
    for register in REGISTERS:
        if register.name in ("CAP_BUS", "CAP_BUFFERS"):
            value = constants(config)[register.name]
            fields |= {field.name: value >> field.low & (1 << field.bits) - 1 for field in register.fields}
    told = Capabilities.of(config)
    assert (bool(fields["compact"]), 16 - fields["size_bits_less"], 24 - fields["stride_bits_less"]) == (
        told.compact, told.size_bits, told.stride_bits,
    )  # fmt: skip
    assert Capabilities.of(configuration(told)) == told


def test_a_row_that_is_too_long_is_refused():
    with pytest.raises(TilewrightError, match=r"a row of 16,384 bytes is too long: strides are below 16,384"):
        DeviceArray(None, None, (1, 4096), np.int32, 4, NARROW.stride_limit)


def test_estimate_grows_with_sizes_flags_latency_and_count():
    plain = estimate(NARROW, [Gemm(m=20, n=10, k=40, requant=False)]).cycles
    for change in ({"m": 24}, {"n": 14}, {"k": 44}, {"bias": True}, {"accumulate": True}, {"requant": True}):
        assert estimate(NARROW, [Gemm(**{"m": 20, "n": 10, "k": 40, "requant": False} | change)]).cycles > plain
    assert estimate(NARROW, [Gemm(m=20, n=10, k=40, requant=False)], Bus(latency=9)).cycles > plain
    assert estimate(NARROW, [Gemm(m=20, n=10, k=40, requant=False)] * 3).cycles == 3 * plain
