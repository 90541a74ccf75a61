"""The demonstration: handwritten digits, recognized on the generated Verilog."""

import tempfile
from pathlib import Path

import numpy as np
from rich.columns import Columns
from rich.panel import Panel

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, missing_package
from tilewright.boards import BOARDS
from tilewright.cores import CORES
from tilewright.flows.fpga import FpgaFlow
from tilewright.tools import YOSYS
from tilewright.verilog import generate
from tilewright_sim.console import Printer, console
from tilewright_sim.host import Simulator
from tilewright_sim.host.serial import Board
from tilewright_sim.nn import digits
from tilewright_sim.nn.digits import on_accelerator
from tilewright_sim.verilated import BoardSimulator, simulated_board_config

from .implement import area_table

SHOWN = 6
BOARD_IMAGES = 60
"""Number of test images for a simulated board: each byte over its serial line takes 120 cycles."""


def digits_demo(preset: str, images: int) -> None:
    """Generate an accelerator, recognize digits on it in Verilator, compare with the golden model, print its area.

    Raises
    ------
    TilewrightError
        If the RTL and the golden model differ (the message names a waveform), or a tool is missing.
    """
    out = Printer()
    core, config = CORES["accelerator"], AcceleratorConfig.preset(preset)
    with console.status("generating Verilog"):
        files = generate(core, config, Path("build"))
    tile, size = config.tile, files[0].stat().st_size
    out.print(f"Verilog of a {tile.rows}×{tile.cols} accelerator: {files[0]}, {size:,} bytes")

    pixels, labels = digits.test_set()
    pixels, labels = pixels[:images], labels[:images]
    network = digits.Network.load()
    with console.status("compiling the Verilog with Verilator, a minute the first time"):
        chip = Simulator(config)
    with chip, console.status(f"reading {images} digits on the RTL"):
        rtl, run = on_accelerator.forward(network, chip, pixels)
    expected = on_accelerator.expected(network, pixels, config.roundings[0])
    answers = rtl.argmax(axis=1)

    _, firsts = np.unique(labels, return_index=True)  # one of each digit
    out.print(Columns([_panel(pixels[index], answers[index], labels[index]) for index in firsts[:SHOWN]]))
    if not np.array_equal(rtl, expected):
        raise TilewrightError(
            f"the RTL and the golden model differ; waveform: {_waveform(config, network, pixels[:2])}"
        )
    right = int((answers == labels).sum())
    out.print(f"{right} of {images} digits right on the RTL: {right / images:.1%}")
    out.print(f"all {rtl.size:,} outputs equal the golden model's, bit for bit")
    out.print(
        f"{run.descriptors} descriptors, {run.cycles:,} cycles from doorbell to interrupt: "
        f"{run.cycles / images:.0f} per digit, multipliers busy {run.utilisation:.0%}"
    )

    if not YOSYS.installed:
        out.print(f"no area: {missing_package('Yosys', 'area')}")
        return
    with console.status("synthesizing for ECP5 with Yosys"):
        area = FpgaFlow(core, config, "ecp5").areas().total
    out.print(area_table(area, f"{preset} accelerator on ECP5 (LUT4-equivalents: see `tilewright area --help`)"))


def board_demo(images: int, name: str = "colorlight-i5") -> None:
    """Recognize digits on a simulated board, through its serial port, and compare with the golden model.

    Raises
    ------
    TilewrightError
        If the board and the golden model differ, or a tool is missing.
    """
    out = Printer()
    network = digits.Network.load()
    pixels, labels = digits.test_set()
    pixels, labels = pixels[:images], labels[:images]
    with console.status("compiling the board's Verilog with Verilator, a minute the first time"):
        simulated = BoardSimulator(simulated_board_config(name))
    with simulated:
        out.print(f"a simulated {BOARDS[name].title}; its serial port is {simulated.port}")
        with console.status(f"reading {images} digits on it"), Board(simulated.port) as chip:
            answers, run = on_accelerator.forward(network, chip, pixels)
            rounding = chip.config.roundings[0]
    if not np.array_equal(answers, on_accelerator.expected(network, pixels, rounding)):
        raise TilewrightError("the board and the golden model differ")
    right = int((answers.argmax(axis=1) == labels).sum())
    out.print(f"{right} of {images} digits right on the board: {right / images:.1%}")
    out.print(f"all {answers.size:,} outputs equal the golden model's, bit for bit")
    out.print(f"{run.descriptors} descriptors, {run.cycles:,} cycles of the accelerator")


def _panel(image: np.ndarray, answer: int, label: int) -> Panel:
    return Panel(digits.ascii_art(image), title=f"RTL says {answer}", subtitle=f"label {label}", expand=False)


def _waveform(config: AcceleratorConfig, network: digits.Network, pixels: np.ndarray) -> Path:
    """Run a part of it again, with a waveform; return the waveform's path."""
    waveform = Path(tempfile.mkdtemp(prefix="tilewright-")) / "demo.fst"
    with Simulator(config, waveform=waveform) as chip:
        on_accelerator.forward(network, chip, pixels)
    return waveform
