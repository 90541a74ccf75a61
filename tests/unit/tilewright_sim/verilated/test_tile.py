"""TileSimulator: the generated Verilog in Verilator equals the golden model, bit for bit."""

import numpy as np
import pytest

from tilewright.base import ToolError
from tilewright.tile import TileConfig
from tilewright_sim.models import gemm as golden
from tilewright_sim.verilated import TileSimulator
from tilewright_sim.verilated import build as verilator

NANO = TileConfig.preset("nano")


@pytest.fixture(scope="module")
def nano():
    with TileSimulator(NANO) as simulator:
        yield simulator


def test_results_are_those_of_the_golden_model_bit_for_bit(nano):
    rng = np.random.default_rng(1)
    packets = [values(rng, rng.integers(1, 9)) for _ in range(50)]
    tiles = [values(rng, 4) for _ in packets]
    result = nano.run(packets, tiles)
    assert result.sums.dtype == np.int64
    assert result.sums.tolist() == golden.stream_tiles(packets, tiles).tolist()


def test_short_tiles_give_the_sums_of_the_columns_they_have(nano):
    rng = np.random.default_rng(2)
    packets = [values(rng, 3) for _ in range(4)]
    tiles = [values(rng, columns) for columns in (4, 1, 3, 2)]
    sums = nano.run(packets, tiles).sums
    for number, tile in enumerate(tiles):
        part = sums[3 * number : 3 * number + 3, : len(tile)]
        assert part.tolist() == golden.matmul(packets[number], tile).tolist()


def test_cycles_are_those_of_a_tile_at_full_rate(nano):
    packets, tiles = [np.ones((4, 4), int)] * 100, [np.ones((4, 4), int)] * 100
    few, many = nano.run(packets[:10], tiles[:10]).cycles, nano.run(packets, tiles).cycles
    assert many - few == 90 * 4


def test_the_widest_operands_and_sums_are_exact():
    config = TileConfig(rows=8, cols=5, dot=8, activation_bits=16, weight_bits=16)
    low, high = np.full((5, 8), -(1 << 15)), np.full((5, 8), (1 << 15) - 1)
    packets, tiles = [low, high, low], [low, low, high]
    with TileSimulator(config) as simulator:
        assert simulator.run(packets, tiles).sums.tolist() == golden.stream_tiles(packets, tiles).tolist()


@pytest.mark.parametrize(
    ("packets", "tiles", "message"),
    [
        ([np.zeros((2, 3))], [np.zeros((4, 4))], r"a packet has the shape \[2, 3\]"),
        ([np.zeros(4)], [np.zeros((4, 4))], r"a packet has the shape \[4\]"),
        ([np.zeros((0, 4))], [np.zeros((4, 4))], r"a packet has the shape \[0, 4\]"),
        ([np.zeros((2, 4))], [np.zeros((5, 4))], r"a weight tile has the shape \[5, 4\]"),
        ([np.zeros((2, 4))], [np.zeros((0, 4))], r"a weight tile has the shape \[0, 4\]"),
        ([np.zeros((2, 4))], [np.zeros((4, 5))], r"a weight tile has the shape \[4, 5\]"),
        ([np.zeros((2, 4))], [np.zeros((4, 4))] * 2, "1 packets need 1 weight tiles, not 2"),
        ([np.full((2, 4), 128)], [np.zeros((4, 4))], "values from 128 to 128 do not fit into 8 signed bits"),
        ([np.zeros((2, 4))], [np.full((4, 4), -129)], "values from -129 to -129 do not fit into 8 signed bits"),
    ],
)
def test_wrong_shapes_and_values_are_refused(nano, packets, tiles, message):
    with pytest.raises(ValueError, match=message):
        nano.run(packets, tiles)
    ones = np.ones((1, 4), int)
    assert nano.run([ones], [ones]).sums[0, 0] == 4  # and the next run is right


def test_the_waveform_is_written_to_the_given_path(tmp_path):
    path = tmp_path / "tile.fst"
    with TileSimulator(NANO, waveform=path) as simulator:
        simulator.run([np.ones((2, 4), int)], [np.ones((4, 4), int)])
    assert path.stat().st_size > 500


def test_a_second_simulator_compiles_nothing(nano, monkeypatch):
    def refuse(command, *args, real=verilator.subprocess.run, **kwargs):
        if "--cc" in command:
            raise AssertionError("it compiles again")
        return real(command, *args, **kwargs)

    monkeypatch.setattr(verilator.subprocess, "run", refuse)
    with TileSimulator(NANO) as simulator:
        ones = np.ones((1, 4), int)
        assert simulator.run([ones], [ones]).sums[0, 0] == 4


@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_tool_is_one_line_with_its_package(monkeypatch, tool):
    monkeypatch.setattr(verilator.shutil, "which", lambda name: None if name == tool else f"/bin/{name}")
    with pytest.raises(ToolError) as failure:
        TileSimulator(NANO)
    message = str(failure.value)
    assert message.startswith(f"{tool} is missing")
    assert f"apt-get install {tool}" in message
    assert "\n" not in message


def values(rng, words):
    """Signed bytes spread over magnitudes, bounds among them."""
    shape = (int(words), 4)
    spread = np.round(2.0 ** rng.uniform(-1, 7, shape)).astype(int) * rng.choice([-1, 1], shape)
    corners = rng.choice([-128, 127, 0, -1, 1], shape)
    return np.clip(np.where(rng.random(shape) < 0.3, corners, spread), -128, 127)
