"""Run the bench of the SDRAM controller on its generated Verilog, in both simulators."""

import pytest

from tilewright.cores import CORES
from tilewright.memory.sdram import SdramConfig
from tilewright_sim.benches import BENCHES
from tilewright_sim.testbench import runner
from tilewright_sim.verify import run_bench

FAST = {"power_up_us": 1, "clock_khz": 133_000, "cas_latency": 3, "capture_cycles": 2, "data_bits": 32}


def test_a_burst_stays_within_4_kib_on_icarus():
    run("icarus", power_up_us=1, testcase="a_burst_past_4_kib_stays_within")


@pytest.mark.long
@pytest.mark.parametrize("simulator", runner.SIMULATORS)
@pytest.mark.parametrize("fields", [{}, FAST, {"power_up_us": 1, "data_bits": 128}], ids=["default", "fast", "wide"])
def test_sdram_keeps_its_promises(fields, simulator):
    run(simulator, **fields)


def run(simulator, testcase=None, **fields):
    config = SdramConfig(**fields)
    run_bench(CORES["sdram"], config, BENCHES["sdram"], simulator=simulator, effort="quick", testcase=testcase)
