"""Sphinx extension: parts of pages that are made from the code when the pages are built.

`<!-- from code: WHAT ARGUMENT -->` in a page becomes Markdown that the function ``WHAT`` of `PARTS` returns. Nothing of
it is kept in the repository.
"""

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator

import click
import timing
import wavedrom
from sphinx.application import Sphinx

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.driver import DRIVER_FILES
from tilewright.accelerator.registers import register_page
from tilewright.base import Config
from tilewright.cores import BOARD, CORES
from tilewright_sim.cli.main import COMMANDS, cli

MARK = re.compile(r"^<!-- from code: (\w+)(?: ([^\n]+?))? -->$", re.M)
GLOB = re.compile(r"^(\w+/?\*)\n", re.M)
ALL_CORES = {**CORES, BOARD.name: BOARD}


def escaped(text: str) -> str:
    """A text as it must stand in a table's cell to be read as it is."""
    return re.sub(r"([\\|<>*_\[\]])", r"\\\1", " ".join(text.split()))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [[*head], *([*row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def commands(_: str) -> str:
    """Every command: its usage, help and options."""
    root = click.Context(cli, info_name="tilewright")
    return "\n".join(part for name in COMMANDS for part in _command(cli.get_command(root, name), name, root, "##"))


def _command(command: click.Command | None, name: str, parent: click.Context, depth: str) -> Iterator[str]:
    assert command
    ctx = click.Context(command, info_name=name, parent=parent)
    yield f"{depth} {ctx.command_path}\n"
    yield f"```text\n{command.get_usage(ctx)}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        literal = paragraph.startswith("\b\n")
        yield f"```text\n{paragraph[2:]}\n```\n" if literal else f"{escaped(paragraph)}\n"
    records = [p.get_help_record(ctx) for p in command.get_params(ctx) if isinstance(p, click.Option)]
    rows = [(f"`{record[0]}`".replace("|", "\\|"), escaped(record[1])) for record in records if record]
    yield table(("Option", "Meaning"), rows)
    if isinstance(command, click.Group):
        for child in command.list_commands(ctx):
            yield from _command(command.get_command(ctx, child), child, ctx, depth + "#")


def configuration(_: str) -> str:
    """The fields of every configuration, and its presets."""
    parts, seen = [], set()
    for core in ALL_CORES.values():
        if core.config in seen:
            continue
        seen.add(core.config)
        names = [f"`{other.name}`" for other in ALL_CORES.values() if other.config is core.config]
        parts += [f"## {' and '.join(names)}\n", f"{core.config.__doc__}\n", f"TOML table: `[{core.config.TABLE}]`.\n"]
        parts += [
            _fields(core.config),
            "Presets, with the fields whose value is not the default:\n",
            _presets(core.config),
        ]
    return "\n".join(parts)


def _fields(config: type[Config]) -> str:
    rows = (
        (f"`{field.name}`", f"`{json.dumps(field.default)}`", field.values("`"), field.about)
        for field in config.field_table()
    )
    return table(("Field", "Default", "Values", "Meaning"), rows)


def _presets(config: type[Config]) -> str:
    rows = []
    fields = config.fields()
    for name in config.PRESETS:
        values = config.preset(name).model_dump()
        changed = [f"`{k}={v}`" for k, v in values.items() if v != fields[k].default]
        rows.append((f"`{name}`", ", ".join(changed) or "all defaults"))
    return table(("Preset", "Fields"), rows)


def registers(heading: str) -> str:
    """A section of the page of registers that `tilewright generate` writes; its beginning, or the registers' fields."""
    beginning, *sections = re.split(
        r"^## ", register_page(AcceleratorConfig.preset("base", vector_lanes=4, variables=16)), flags=re.M
    )
    named = dict(section.split("\n", 1) for section in sections)
    named["beginning"] = beginning.removeprefix("# Registers\n")
    named["fields"] = "\n".join(f"### {name}\n{text}" for name, text in named.items() if name.isupper())
    return named[heading]


def driver(what: str) -> str:
    """The functions or the results of the C driver, from its header."""
    header = DRIVER_FILES["driver/tilewright_driver.h"](AcceleratorConfig.preset("base"))
    if what == "results":
        found = re.findall(r'X\((TILEWRIGHT_\w+), (-?\d+), "([^"]+)"\)', header)
        return table(("Value", "Result", "Meaning"), ((value, f"`{name}`", about) for name, value, about in found))
    comment = r"/\*\*\n? ?\*? ?@brief ((?:(?!\*/).)*?)(?:\n \*\n(?:(?!\*/).)*)? ?\*/\n"
    found = re.findall(rf"{comment}[^\n(]*?\b(tilewright_\w+)\(", header, re.S)
    rows = ((f"`{name}`", about.replace("\n *", "").replace("|", "\\|")) for about, name in found)
    return table(("Function", "What it does"), rows)


def ports(_: str) -> str:
    """The Verilog ports of every core, in one of its presets."""
    parts = []
    for core in ALL_CORES.values():
        presets = core.config.PRESETS
        preset = "colorlight-i5" if core is BOARD else "small" if "small" in presets else next(iter(presets))
        rows = (
            (f"`{port.name}`", port.direction, str(len(port.value)), escaped(port.about))
            for port in core.ports(core.component(core.config.preset(preset)))
        )
        parts += [f"## `{core.module}`\n", f"With the preset `{preset}`.\n"]
        parts += [table(("Port", "Direction", "Bits", "Meaning"), rows)]
    return "\n".join(parts)


def diagram(argument: str) -> str:
    """A timing diagram of ``docs/timing``: its name, then what it shows."""
    name, _, about = argument.partition(" ")
    drawing = wavedrom.render((timing.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    data = base64.b64encode(drawing.tostring().encode()).decode()
    return f'```{{raw}} html\n<img class="timing" alt="{about}" src="data:image/svg+xml;base64,{data}">\n```\n'


PARTS: dict[str, Callable[[str], str]] = {
    part.__name__: part for part in (commands, configuration, registers, driver, ports, diagram)
}


def fill(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the parts into a page that has been read; take patterns of tables of contents out that match no page."""
    text = MARK.sub(lambda mark: PARTS[mark[1]](mark[2] or ""), content[0])
    content[0] = GLOB.sub(lambda line: line[0] if any(app.srcdir.glob(f"{line[1]}.md")) else "", text)


def setup(app: Sphinx) -> dict:
    app.connect("source-read", fill)
    # What a page is made from changes without the page.
    app.connect("env-get-outdated", lambda *_: ["reference/cli", "reference/configuration", "reference/ports"])
    return {"version": "1", "parallel_read_safe": True}
