"""What `DmaConfig` accepts and refuses, and the sizes that follow from it."""

import pytest

from tilewright.base import ConfigError
from tilewright.bus.axi import Axi4, Axi4Read, Axi4Write, AxiLite, check_widths
from tilewright.dma import DmaConfig


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("data_bits", 31, 32),
        ("data_bits", 513, 512),
        ("data_bits", 48, 32),
        ("data_bits", 100, 128),
        ("addr_bits", 13, 24),
        ("addr_bits", 65, 64),
        ("id_bits", 0, 1),
        ("id_bits", 17, 16),
        ("max_burst", 0, 1),
        ("max_burst", 3, 2),
        ("max_burst", 15, 16),
        ("max_burst", 257, 256),
        ("outstanding", 0, 1),
        ("outstanding", 65, 64),
        ("length_bits", 3, 4),
        ("length_bits", 33, 32),
        ("rows_bits", 0, 1),
        ("rows_bits", 33, 32),
        ("stride_bits", 3, 4),
        ("stride_bits", 33, 32),
        ("counter_bits", 7, 8),
        ("counter_bits", 65, 64),
    ],
)
def test_refuses_invalid_configurations_and_names_the_nearest_value(field, value, nearest):
    with pytest.raises(ConfigError) as caught:
        DmaConfig(**{field: value})
    error = caught.value
    assert (error.field, error.value, error.nearest) == (field, value, nearest)
    assert error.reason
    DmaConfig(**{field: nearest})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("data_bits", [32, 64, 128, 256, 512]),
        ("addr_bits", [24, 33, 64]),
        ("max_burst", [1, 2, 256]),
        ("outstanding", [1, 3, 64]),
        ("stride_bits", [4, 32]),
    ],
)
def test_accepts_both_ends_of_each_range(field, values):
    for value in values:
        assert getattr(DmaConfig(**{field: value}), field) == value


@pytest.mark.parametrize("name", DmaConfig.PRESETS)
def test_presets_are_valid(name):
    assert DmaConfig.from_json(DmaConfig.preset(name).to_json()) == DmaConfig.preset(name)


@pytest.mark.parametrize(
    ("data_bits", "max_burst", "words", "log2"),
    [(32, 1, 1, 0), (32, 256, 256, 8), (128, 256, 256, 8), (256, 256, 128, 7), (512, 256, 64, 6), (512, 64, 64, 6)],
)
def test_bursts_end_at_4_kib(data_bits, max_burst, words, log2):
    config = DmaConfig(data_bits=data_bits, max_burst=max_burst)
    assert (config.burst_words, config.burst_log2) == (words, log2)
    assert config.burst_words * config.word_bytes <= 4096


@pytest.mark.parametrize(("outstanding", "max_burst", "words"), [(1, 1, 1), (3, 4, 16), (4, 4, 16), (64, 256, 16384)])
def test_reader_has_a_slot_for_every_beat_in_flight(outstanding, max_burst, words):
    assert DmaConfig(outstanding=outstanding, max_burst=max_burst).read_buffer_words == words


@pytest.mark.parametrize("kind", [Axi4, Axi4Read, Axi4Write])
def test_axi_signatures_are_equal_by_their_widths(kind):
    signature = kind(data_bits=64, addr_bits=40, id_bits=4)
    assert signature == kind(data_bits=64, addr_bits=40, id_bits=4)
    for other in ({"data_bits": 32}, {"addr_bits": 41}, {"id_bits": 5}):
        assert signature != kind(**({"data_bits": 64, "addr_bits": 40, "id_bits": 4} | other))
    assert repr(signature) == f"{kind.__name__}(data_bits=64, addr_bits=40, id_bits=4)"


def test_axi4_is_both_halves():
    widths = {"data_bits": 128, "addr_bits": 36, "id_bits": 2}
    both = dict(Axi4(**widths).members.items())
    assert both == dict(Axi4Write(**widths).members.items()) | dict(Axi4Read(**widths).members.items())
    sizes = {name: both[name].shape for name in ("wdata", "wstrb", "araddr", "arlen", "arsize", "awburst", "bresp")}
    assert {name: getattr(shape, "width", shape) for name, shape in sizes.items()} == {
        "wdata": 128, "wstrb": 16, "araddr": 36, "arlen": 8, "arsize": 3, "awburst": 2, "bresp": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "field", "value", "nearest"),
    [
        (lambda: check_widths(4, 32), "data_bits", 4, 8),
        (lambda: check_widths(2048, 32), "data_bits", 2048, 1024),
        (lambda: check_widths(64, 0), "addr_bits", 0, 1),
        (lambda: check_widths(64, 65), "addr_bits", 65, 64),
        (lambda: Axi4Read(data_bits=64, addr_bits=32, id_bits=0), "id_bits", 0, 1),
        (lambda: AxiLite(data_bits=128, addr_bits=32), "data_bits", 128, 64),
        (lambda: AxiLite(data_bits=16, addr_bits=32), "data_bits", 16, 32),
    ],
)
def test_axi_refuses_other_widths(make, field, value, nearest):
    with pytest.raises(ConfigError) as caught:
        make()
    assert (caught.value.field, caught.value.value, caught.value.nearest) == (field, value, nearest)


def test_axi_lite_has_no_bursts():
    names = set(AxiLite(addr_bits=12).members)
    assert names.isdisjoint({"awlen", "arlen", "wlast", "rlast", "awid", "rid"})
    assert AxiLite(addr_bits=12) == AxiLite(addr_bits=12, data_bits=32) != AxiLite(addr_bits=13)
