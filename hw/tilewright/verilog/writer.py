"""Writes readable Verilog: each distinct module once, standard port names, a port table on top."""

import json
import re
import tempfile
from importlib.metadata import version
from pathlib import Path

from amaranth.hdl import Elaboratable, Module, Signal

from tilewright.base import Config, Family, Port, PortDirection, Target, place, write_files
from tilewright.cores import Core
from tilewright.tools import run_small_yosys

from .memories import Memories, memories_of, separate_memories
from .primitives import PRIMITIVES
from .sdc import CLOCK_MHZ, timing_constraints

__all__ = ["ECP5_MODELS", "core_files", "generate"]

# Each waiver with its reason; everything else that `verilator -Wall` knows must be clean. An older Verilator stops at a
# rule that it does not know, so these are the names that each version has: WIDTH and UNUSED, not the rules that later
# versions split them into.
WAIVERS = {
    "DECLFILENAME": "one file holds all modules of the design",
    "WIDTH": "operands of different widths are extended, and words chosen by a shift cut, as Verilog does it",
}
PRIMITIVE_WAIVERS = {
    "PINMISSING": "outputs of a primitive that are not needed",
}
BUS_WAIVERS = {
    "UNUSED": "a bus has inputs, and sums have bits, that are not needed",
    "UNOPTFLAT": "an older Verilator sees a loop through bits of one word that do not depend on each other",
    "SYMRSVDWORD": "a port may be called `abort`, which is a function in C",
}
CHOICE_WAIVERS = {
    "CASEOVERLAP": "conditions that exclude each other are written as the patterns of a case",
    "UNSIGNED": "a comparison may be left over that always holds",
}
SCOPE_WAIVERS = {
    "VARHIDDEN": "an instance may have the name of one of its ports",
}
_DSP_NOTE = [
    "Two multipliers share an SB_MAC16. Synthesize with Yosys's `synth_ice40` without `-dsp`, which takes these",
    "for one multiplier each and sets their parameters anew.",
    "",
]
# A line of the port table: direction, bits, name, and description.
Row = tuple[str, int, str, str]
_CLOCK_ROWS: dict[str, Row] = {
    "clk": ("input", 1, "clk", "everything is clocked by its rising edge"),
    "rst": ("input", 1, "rst", "synchronous, active high; hold it for one cycle after power-up"),
}
ECP5_MODELS = Path(__file__).parents[1] / "arithmetic" / "ecp5_models.v"


def generate(
    core: Core,
    config: Config,
    folder: Path,
    family: Family = "generic",
    *,
    clock_mhz: float = CLOCK_MHZ,
    memories: Memories = "inferred",
) -> list[Path]:
    """Write the files of a core, see `core_files`, into ``folder``, all or none; return them.

    Raises
    ------
    TilewrightError
        If the folder cannot be written.
    """
    return write_files(folder, core_files(core, config, family, clock_mhz=clock_mhz, memories=memories))


def core_files(
    core: Core,
    config: Config,
    family: Family = "generic",
    *,
    clock_mhz: float = CLOCK_MHZ,
    memories: Memories = "inferred",
) -> dict[str, str]:
    """Return the Verilog of a core, ``config.json``, constraints and companions: texts by file name.

    For ECP5 there is also ``ecp5_models.v``, behavioural models of the instantiated primitives for simulators.
    ``clock_mhz`` is what the constraints ask for. With ``memories="macro"`` each memory is a file of its own in the
    folder ``memories``, and ``memories.json`` lists them. The same arguments give the same bytes.
    """
    component = core.component(config)
    ports = core.ports(component)
    target = Target(core.module, family)
    top = _Top(component, ports)
    rtlil = target.convert(top, top.signals)
    table = [
        *(_CLOCK_ROWS[clock] for clock in target.clocks),
        *((p.direction, len(p.value), p.name, p.about) for p in ports),
    ]
    body = _write_verilog(rtlil, core.module, family)
    apart: dict[str, str] = {}
    if memories == "macro":
        body, apart = separate_memories(body, core.name, memories_of(body, core.module, target.components))
    files = {
        f"{core.module}.v": _header(core, config, family, table, _DSP_NOTE if "SB_MAC16" in body else []) + body,
        "config.json": _describe(core, config, family, table),
        f"{core.module}.sdc": timing_constraints(ports, clock_mhz),
        **apart,
        **{name: make(config) for name, make in core.companions.items()},
    }
    if family == "ecp5":
        files[ECP5_MODELS.name] = ECP5_MODELS.read_text(encoding="utf-8")
    return files


def _write_verilog(rtlil: str, top: str, family: Family) -> str:
    """Convert RTLIL to Verilog, checked by Yosys and tidied for readers."""
    script = [
        "read_rtlil design.il",
        *(["read_rtlil primitives.il"] if family in PRIMITIVES else []),
        f"hierarchy -check -top {top}",
        "proc; opt_expr; opt_clean; opt_dff; wreduce; opt_clean -purge",
        # Four-state simulators then show values that were never written; `rst` sets all that needs a value.
        "attrmap -remove init w:*; delete t:$meminit_v2",
        "write_verilog design.v",
    ]
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        (folder / "design.il").write_text(rtlil, encoding="utf-8")
        (folder / "primitives.il").write_text("".join(primitive.rtlil() for primitive in PRIMITIVES.get(family, ())))
        run_small_yosys(script, folder)
        return tidy((folder / "design.v").read_text(encoding="utf-8"))


def tidy(text: str) -> str:
    """Return what Yosys wrote as people and linters want to read it."""
    text = re.sub(r"^/\*.*?\*/\s*", "", text)  # the version of Yosys
    text = text.replace(" = ! ", " = ~| ")  # the same for one bit, and right for more to every linter
    # Of the attributes, only the one that decides how a memory is built.
    text = re.sub(r"^ *\(\*(?! no_rw_check ).*\*\)\n", "", text, flags=re.M)
    # Ports are declared twice, `output [7:0] x; reg [7:0] x;`: once says it all.
    text = re.sub(r"^( *(?:input|output)) (.*;)\n *(wire|reg) \2\n", r"\1 \3 \2\n", text, flags=re.M)
    return re.sub(r"^(module \S+)\(([^)]*)\);\n(.*?)^endmodule$", _ports_in_order, text, flags=re.M | re.S)


def _ports_in_order(module: re.Match[str]) -> str:
    """A module with its ports declared first, in the order of its header; Yosys sorts all declarations by name.

    The inputs of a function are indented deeper than ports.
    """
    start, names, body = module.groups()
    ports = {line[3]: line[0] for line in re.finditer(r"^  (input|output) (.* )?(\S+) ?;\n", body, flags=re.M)}
    for declaration in ports.values():
        body = body.replace(declaration, "", 1)
    declared = "".join(ports[name.strip()] for name in names.split(", "))
    return f"{start}({names});\n{declared}{body}endmodule"


def _header(core: Core, config: Config, family: Family, table: list[Row], notes: list[str]) -> str:
    """The opening comment: what this is, its configuration, notes, its ports, and the lint waivers."""
    rows = [(direction, str(bits), name, about) for direction, bits, name, about in table]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{core.module}: {core.about}. Generated by Tilewright {version('tilewright')}; change the",
        "configuration and generate it again rather than edit this file.",
        "",
        f"Configuration, for the target {family}:",
        *(f"    {name} = {json.dumps(value)}" for name, value in config.described().items()),
        "",
        *notes,
        "Ports:",
        *(f"    {d:<{widths[0]}}  {bits:>{widths[1]}}  {name:<{widths[2]}}  {about}" for d, bits, name, about in rows),
    ]
    comment = "\n".join(f"// {line}".rstrip() for line in lines)
    waivers = WAIVERS | (PRIMITIVE_WAIVERS if family in PRIMITIVES else {})
    if core.name in ("block-tile", "board") or any(name.startswith(("m_axi_", "s_axi_")) for _, _, name, _ in table):
        waivers |= BUS_WAIVERS
    if core.name in ("accelerator", "board", "sdram"):
        waivers |= CHOICE_WAIVERS
    if core.name == "board":
        waivers |= SCOPE_WAIVERS
    pragmas = "\n".join(f"/* verilator lint_off {rule} */  // {reason}" for rule, reason in waivers.items())
    return f"{comment}\n\n{pragmas}\n\n"


def _describe(core: Core, config: Config, family: Family, table: list[Row]) -> str:
    """The text of ``config.json``: the configuration, and the ports as in the Verilog."""
    content = {
        "generator": f"tilewright {version('tilewright')}",
        "core": core.name,
        "target": family,
        "config": config.described(),
        "ports": [{"name": name, "direction": direction, "bits": bits} for direction, bits, name, _ in table],
    }
    return json.dumps(content, indent=2) + "\n"


class _Top(Elaboratable):
    """Gives a component its standard port names; only wires."""

    def __init__(self, component, ports: list[Port]):
        self.component = component
        self.ports = ports
        self.signals = {
            port.name: (
                Signal(len(port.value), name=port.name),
                PortDirection.Input if port.direction == "input" else PortDirection.Output,
            )
            for port in ports
        }

    def elaborate(self, platform):
        m = Module()
        place(m, "component", self.component, platform)
        for port in self.ports:
            signal, _ = self.signals[port.name]
            m.d.comb += port.value.eq(signal) if port.direction == "input" else signal.eq(port.value)
        return m
