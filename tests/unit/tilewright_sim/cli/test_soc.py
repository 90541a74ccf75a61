"""The command `soc`: which accelerator a SoC has, and what is said of its bitstream."""

import pytest
from click.testing import CliRunner

import tilewright_sim.soc
from tilewright.litex import SocBitstream
from tilewright_sim.cli.soc import soc
from tilewright_sim.soc import Firmware


@pytest.fixture
def built(monkeypatch):
    """The arguments with which SoCs for boards were built."""
    found = []

    def build(board, config, *rest):
        found.append((board, config))
        return Firmware(b"", 3500), SocBitstream(b"bits", {"sys": (48.0, 60.0)}, 1, {"DP16KD": 1}, {"DP16KD": 2}, 9.0)

    monkeypatch.setattr(tilewright_sim.soc, "build_for_board", build)
    return found


@pytest.mark.parametrize(
    ("arguments", "data_bits", "rows", "cols"),
    [
        (["--board", "orangecrab-85f"], 128, 16, 4),
        (["--board", "orangecrab-85f", "--set", "cols=8"], 128, 16, 8),
        (["--board", "orangecrab-85f", "--preset", "small"], 64, 8, 8),
        (["--board", "ulx3s-85f"], 32, 4, 4),
    ],
)
def test_a_board_has_its_own_accelerator_unless_another_is_asked_for(
    arguments, data_bits, rows, cols, built, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(soc, arguments)
    assert done.exit_code == 0, done.output
    ((_, config),) = built
    assert (config.data_bits, config.tile.rows, config.tile.cols) == (data_bits, rows, cols)


def test_the_command_that_loads_a_bitstream_is_printed(built, tmp_path):
    done = CliRunner().invoke(soc, ["--board", "orangecrab-85f", "-o", str(tmp_path / "out")])
    assert f"load it with dfu-util -a 0 -D {tmp_path / 'out' / 'orangecrab-85f.dfu'}" in done.output
