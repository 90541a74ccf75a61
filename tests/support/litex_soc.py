"""LiteX SoCs for tests, whose Verilog is not generated: that takes most of the time."""

from pathlib import Path

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.driver import DRIVER_FILES
from tilewright.base import write_files
from tilewright.litex import SimulatedSoC, module, quiet_litex

NANO = AcceleratorConfig.preset("nano")


def stand_in(core, config, folder, family="generic"):
    """Write the C driver and a stand-in for the Verilog."""
    files = {"accelerator.v": "module accelerator; endmodule\n"}
    return write_files(folder, files | {name: make(config) for name, make in DRIVER_FILES.items()})


def simulated_soc(folder: Path, memory: str = "sdram") -> SimulatedSoC:
    """Return a finalized SoC."""
    with pytest.MonkeyPatch.context() as patch, quiet_litex():
        patch.setattr(module, "generate", stand_in)
        soc = SimulatedSoC(NANO, folder, memory)
        soc.finalize()
    return soc
