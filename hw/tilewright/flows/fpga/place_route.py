"""Clock frequency and critical path of a design on an FPGA, from place and route by nextpnr."""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.base import Config, TilewrightError, ToolError
from tilewright.cores import Core
from tilewright.flows import Hierarchy, ReportTarget, read_hierarchy
from tilewright.tools import NEXTPNR, run_yosys
from tilewright.verilog import generate

from .area import SYNTHESIS, Area

__all__ = ["DoesNotFitError", "Placement", "check_fits", "place_and_route"]

# Out of context an ECP5 needs no pins. nextpnr for iCE40 has no such mode: all ports share two pins there.
_OPTIONS = {"ecp5": ["--out-of-context", "--lpf-allow-unconstrained"], "ice40": ["--pcf-allow-unconstrained"]}
_COLUMNS = {"lut4": "LUT4", "ff": "flip-flops", "dsp": "DSP blocks", "bram": "block RAMs"}
_INSTANCE = "design_under_test"


class DoesNotFitError(TilewrightError):
    """A design that is larger than the device; the message says by how much."""


@dataclass(frozen=True)
class Placement:
    """One placement.

    Parameters
    ----------
    seed : int
    mhz : float
        The highest clock.
    path : list of dict
        The slowest path, step by step: ``component`` (path of the instance), ``signal`` (what the step drives),
        ``kind`` (``register``, ``logic``, ``routing`` or ``setup``), ``ns``.
    """

    seed: int
    mhz: float
    path: list[dict[str, Any]]


def check_fits(area: Area, target: ReportTarget) -> None:
    """Compare an area with what the device holds.

    Raises
    ------
    DoesNotFitError
        With every resource that is short, and by how much.
    """
    if target.device is None:
        return
    short = [
        f"{used:,} {_COLUMNS[name]} of {held:,} ({used - held:,} too many)"
        for name, held in target.device.capacity.items()
        if (used := getattr(area, name)) > held
    ]
    if short:
        raise DoesNotFitError(
            f"the design does not fit {target.name} ({target.device.about}): it takes {', '.join(short)}"
        )


def place_and_route(
    core: Core, config: Config, target: ReportTarget, seeds: Iterable[int], goal_mhz: float
) -> Iterator[Placement]:
    """Yield one placement for each seed.

    A register is put before every input and behind every output, so that all paths are timed and none is a port's; on
    iCE40 these registers form a chain between two pins. ``goal_mhz`` is what placement strives for.

    Raises
    ------
    DoesNotFitError
        If nextpnr cannot place the design.
    ToolError
        If Yosys or nextpnr is missing or fails.
    """
    assert target.device is not None, "only FPGAs are placed and routed"
    family = target.verilog_family
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        generate(core, config, folder, family)
        ports = json.loads((folder / "config.json").read_text(encoding="utf-8"))["ports"]
        hierarchy = read_hierarchy(folder / f"{core.module}.v", core.module)
        wrapped = _registered(core.module, ports) if family == "ecp5" else _chained(core.module, ports)
        (folder / "registered.v").write_text(wrapped, encoding="utf-8")
        script = [
            f"read_verilog {core.module}.v registered.v",
            f"{SYNTHESIS[family]} -top registered",
            "write_json netlist.json",
        ]
        run_yosys(script, folder)
        for seed in seeds:
            arguments = [
                "-q", *target.device.options, *_OPTIONS[family], "--freq", str(goal_mhz), "--timing-allow-fail",
                "--seed", str(seed), "--json", "netlist.json", "--report", "report.json",
            ]  # fmt: skip
            try:
                NEXTPNR[family].run(arguments, folder)
            except ToolError as error:
                if re.search(r"unable to place|no more|failed to (?:find|expand)|Unable to find", str(error), re.I):
                    where = f"{target.name} ({target.device.about})"
                    raise DoesNotFitError(f"the design does not fit {where}: {error}") from None
                raise
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            mhz = min(clock["achieved"] for clock in report["fmax"].values())
            yield Placement(seed, mhz, _slowest(report, hierarchy))


def _slowest(report: dict[str, Any], hierarchy: Hierarchy) -> list[dict[str, Any]]:
    """The longest of the paths from register to register, in the words of the design."""
    paths = [p for p in report.get("critical_paths", []) if p["from"] == p["to"] or "async" not in p["from"] + p["to"]]
    if not paths:
        return []
    longest = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]))["path"]
    kinds = {"clk-to-q": "register", "source": "register"}
    steps = []
    for step in longest:
        end = step["from"] if step["type"] in ("clk-to-q", "routing", "source") else step["to"]
        component, signal = _words(end["cell"], step.get("net", ""), hierarchy)
        steps.append({
            "component": component,
            "signal": signal,
            "kind": kinds.get(step["type"], step["type"]),
            "ns": round(step["delay"], 4),
        })
    return steps


# What synthesis and packing append to the name of the net that a cell drives.
_SUFFIX = re.compile(
    r"(?:_(?:TRELLIS_FF|TRELLIS_COMB|LUT4|CCU2C|PFUMX|L6MUX21|DPR16X4|MULT18X18D|DP16KD|PDPW16KD|SB_LUT4|SB_CARRY|"
    r"SB_DFF[A-Z]*|SB_RAM40_4K|SB_MAC16)(?=_|$)|\$nextpnr|_(?:Q|Z|COUT|S0|S1|O|D|A|B|C|I[0-3])(?:_|$)).*$"
)


def _words(cell: str, net: str, hierarchy: Hierarchy) -> tuple[str, str]:
    """The component and the signal of a cell of nextpnr's, as far as its name tells."""
    for raw in (cell, net):
        name = raw.replace("\\", "").removeprefix(f"{_INSTANCE}.")
        if name.startswith("$") or not name:
            continue
        if "." not in name and not name.startswith("component"):
            return "ports", re.sub(r"_[dq](?:_.*)?$", "", _SUFFIX.sub("", name)) or name
        component = hierarchy.instance_of(name)
        signal = _SUFFIX.sub("", name.rsplit(".", 1)[-1]) or name
        return component, "" if re.fullmatch(r"_\d+_?", signal) else signal  # a number is not a name
    return hierarchy.top, ""


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
        f"{module} {_INSTANCE}({', '.join(connections)});",
        "endmodule",
        "",
    ])


def _chained(module: str, ports: list[dict]) -> str:
    """The same between two pins: inputs are a shift register, outputs are captured and folded into one bit."""
    ports = [port for port in ports if port["name"] != "clk"]
    inputs = [port for port in ports if port["direction"] == "input"]
    outputs = [port for port in ports if port["direction"] == "output"]
    bits_in, bits_out = (max(sum(port["bits"] for port in side), 1) for side in (inputs, outputs))
    connections, first = [".clk(clk)"], {"input": 0, "output": 0}
    for port in ports:
        side = "chain" if port["direction"] == "input" else "results"
        low = first[port["direction"]]
        first[port["direction"]] += port["bits"]
        connections.append(f".{port['name']}({side}[{low + port['bits'] - 1}:{low}])")
    return "\n".join([
        "module registered(input clk, input serial, output reg folded);",
        f"reg [{bits_in - 1}:0] chain;",
        f"wire [{bits_out - 1}:0] results;",
        f"reg [{bits_out - 1}:0] captured, fold;",
        "always @(posedge clk) chain <= {chain, serial};" if bits_in > 1 else "always @(posedge clk) chain <= serial;",
        "always @(posedge clk) captured <= results;",
        # A chain again, so that folding is never the slowest.
        "always @(posedge clk) fold <= captured ^ (fold << 1);",
        f"always @(posedge clk) folded <= fold[{bits_out - 1}];",
        f"{module} {_INSTANCE}({', '.join(connections)});",
        "endmodule",
        "",
    ])
