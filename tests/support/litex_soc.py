"""LiteX SoCs for tests, whose Verilog is not generated: that takes most of the time."""

from pathlib import Path

import pytest
from litex.soc.integration.soc import SoC

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.driver import DRIVER_FILES
from tilewright.base import write_files
from tilewright.litex import SimulatedSoC, SocBoard, module, quiet_litex

NANO = AcceleratorConfig.preset("nano")


def stand_in(core, config, folder, family="generic"):
    """Write the C driver and a stand-in for the Verilog."""
    files = {"accelerator.v": "module accelerator; endmodule\n"}
    return write_files(folder, files | {name: make(config) for name, make in DRIVER_FILES.items()})


def simulated_soc(folder: Path, memory: str = "sdram") -> SimulatedSoC:
    """Return a finalized SoC."""
    return _finalized(lambda: SimulatedSoC(NANO, folder, memory))


def board_soc(board: SocBoard, folder: Path) -> SoC:
    """Return a finalized SoC for a board, with its own accelerator."""
    return _finalized(lambda: board.soc(AcceleratorConfig(**board.accelerator), folder))


def _finalized(make):
    with pytest.MonkeyPatch.context() as patch, quiet_litex():
        patch.setattr(module, "generate", stand_in)
        soc = make()
        soc.finalize()
    return soc
