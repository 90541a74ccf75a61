"""How cores are put to work: each core that does work can be, within bounds."""

import pytest

from tilewright.base import TilewrightError
from tilewright.cores import CORES
from tilewright_sim.cost.harness import HARNESSES
from tilewright_sim.models.cycles import Bus


def test_every_core_that_does_work_is_put_to_work():
    assert set(HARNESSES) == {name for name, core in CORES.items() if core.work}


@pytest.mark.parametrize("name", HARNESSES)
def test_the_default_work_can_be_recorded_and_a_thousand_times_as_much_cannot(name):
    config, harness = CORES[name].config(), HARNESSES[name]
    m, n, k = harness.default_shape(config)
    harness.check_length(config, (m, n, k))
    with pytest.raises(TilewrightError, match="more than 200,000 cycles"):
        harness.check_length(config, (1000 * m, n, k))


def test_a_gemm_takes_the_tile_as_long_as_its_weight_tiles():
    config = CORES["tile"].config(rows=4, cols=2, dot=1)
    found = HARNESSES["tile"].cycles(config, (5, 4, 8), Bus())
    latency = CORES["tile"].component.latency_of(config)
    assert found["cycles"] == 2 * 2 * 5 + 2 + latency
    assert found["utilisation"] == 5 * 4 * 8 / found["cycles"] / 8


def test_a_gemm_takes_the_block_tile_as_long_as_its_packets():
    core, harness = CORES["block-tile"], HARNESSES["block-tile"]
    config = core.config.preset("q4_1", acc_rows=16)
    found = harness.cycles(config, (37, 9, 65), Bus())
    assert found["cycles"] == 2 * 3 * (16 + 16 + 8) + 8 + core.component.latency_of(config)
    assert found["utilisation"] == 37 * 9 * 65 / found["cycles"] / 256


def test_a_dma_engine_does_not_multiply():
    with pytest.raises(TilewrightError, match="choose a tile or the accelerator"):
        HARNESSES["dma-reader"].cycles(CORES["dma-reader"].config(), (1, 1, 1), Bus())
