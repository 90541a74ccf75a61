"""The generated Verilog of the cores with the assertions that users bind to it, in Yosys."""

import json
import re

from formal.accelerator.surroundings import tiny

from tilewright.base import Config
from tilewright.cores import Core
from tilewright.dma import DmaConfig
from tilewright.tile import TileConfig
from tilewright.verilog import generate
from tilewright_sim.benches.beside import checks_parameters, checks_text

__all__ = ["SMALL", "checked"]

DMA = DmaConfig(
    data_bits=32, addr_bits=14, id_bits=1, max_burst=2, outstanding=2, length_bits=4, rows_bits=2, stride_bits=4,
    counter_bits=8,
)  # fmt: skip
SMALL = {
    "tile": TileConfig(rows=2, cols=2, dot=1, activation_bits=2, weight_bits=2),
    "dma-reader": DMA,
    "dma-writer": DMA,
    "accelerator": tiny(addr_bits=16, stride_bits=12, size_bits=8),
}


def checked(core: Core, config: Config, folder, *, patch: tuple[str, str] | None = None) -> dict[str, str]:
    """The files of a design ``top``: a core and its assertions side by side, after a cycle of reset.

    All inputs are free. ``patch`` seeds a bug: a regular expression that must be found in the Verilog, and what
    replaces its first match.
    """
    generate(core, config, folder)
    verilog = (folder / f"{core.module}.v").read_text(encoding="utf-8")
    if patch:
        verilog, count = re.subn(*patch, verilog, count=1)
        assert count, f"{patch[0]} is not in the Verilog"
    ports = json.loads((folder / "config.json").read_text(encoding="utf-8"))["ports"]
    inputs = {p["name"]: p["bits"] for p in ports if p["direction"] == "input" and p["name"] not in ("clk", "rst")}
    outputs = {p["name"]: p["bits"] for p in ports if p["direction"] == "output"}
    parameters = checks_parameters(core, config)
    assert parameters is not None
    values = ", ".join(f".{name}({max(32, value.bit_length() + 1)}'d{value})" for name, value in parameters.items())
    top = [
        f"module top({', '.join(['clk', *inputs])});",
        "input clk;",
        *(f"input [{bits - 1}:0] {name};" for name, bits in inputs.items()),
        *(f"wire [{bits - 1}:0] {name};" for name, bits in outputs.items()),
        "reg rst = 1; always @(posedge clk) rst <= 0;",
        f"{core.module} dut(.*);",
        f"{core.module}_checks #({values}) checks(.*);",
        "endmodule",
    ]
    return {"core.v": verilog, "checks.sv": checks_text(core), "top.sv": "\n".join(top)}
