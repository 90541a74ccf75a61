"""The demonstration: handwritten digits, recognized on the generated Verilog."""

import tempfile
from pathlib import Path

import numpy as np
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel

from tilewright.area import measure_area
from tilewright.cli import area_table, console
from tilewright.config import TileConfig
from tilewright.errors import TilewrightError
from tilewright.products import PRODUCTS
from tilewright.verilog import generate

from . import digits, golden
from .tile_simulator import TileSimulator

SHOWN = 6


def digits_demo(preset: str, images: int) -> None:
    """Generate a tile, read digits with it in Verilator, compare with the golden model, print the area.

    Raises
    ------
    TilewrightError
        If the RTL and the golden model differ (the message names a waveform), or a tool is missing.
    """
    out = Console()
    config = TileConfig.preset(preset)
    with console.status("generating Verilog; the first run on a machine compiles Yosys, which takes a minute"):
        files = generate(PRODUCTS["tile"], config, Path("build"))
    out.print(f"Verilog of a {config.rows}×{config.cols} tile: {files[0]}, {files[0].stat().st_size:,} bytes")

    pixels, labels = digits.test_set()
    pixels, labels = pixels[:images], labels[:images]
    network = digits.Network.load()
    with console.status("compiling the Verilog with Verilator, about 20 seconds the first time"):
        tile = TileSimulator(config)
    with tile, console.status(f"reading {images} digits on the RTL"):
        rtl = network.forward(pixels, tile.matmul)
    expected = network.forward(pixels, golden.matmul)
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

    with console.status("synthesizing for ECP5 with Yosys"):
        area = measure_area(PRODUCTS["tile"], config, "ecp5")
    out.print(area_table(area, f"{preset} tile on ECP5 (LUT4-equivalents: see `tilewright area --help`)"))


def _panel(image: np.ndarray, answer: int, label: int) -> Panel:
    return Panel(digits.ascii_art(image), title=f"RTL says {answer}", subtitle=f"label {label}", expand=False)


def _waveform(config: TileConfig, network: digits.Network, pixels: np.ndarray) -> Path:
    """Run a little of it again and return the waveform."""
    folder = Path(tempfile.mkdtemp(prefix="tilewright-"))
    with TileSimulator(config, waveform=folder / "demo.fst") as tile:
        network.forward(pixels, tile.matmul)
    return folder / "demo.fst"
