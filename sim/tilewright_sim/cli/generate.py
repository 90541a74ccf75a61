"""The commands that need no optional package: generate, presets, registers."""

import json
from pathlib import Path
from typing import get_args

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import register_page
from tilewright.base import load_config, write_files
from tilewright.cores import CORES, Core
from tilewright.flows import family_of
from tilewright.packaging import Macros, Vlnv, asic_files, default_vlnv, package_files
from tilewright.verilog import CLOCK_MHZ, MANIFEST, Memories, core_files
from tilewright_sim.benches.beside import bound_checks, makefile
from tilewright_sim.console import FigureTable, Printer, console

from .common.options import (
    chosen,
    config_options,
    freq_option,
    only_with,
    output_option,
    preset_option,
    set_option,
    target_option,
    toml_option,
)

__all__ = ["generate", "presets", "registers"]


@click.command()
@config_options
@output_option(default=Path("build"), show_default=True)
@target_option(default="generic")
@click.option(
    "--testbench", is_flag=True, help="Also write a makefile that runs the regression, and assertions to bind."
)
@click.option(
    "--memories",
    type=click.Choice(get_args(Memories)),
    default="inferred",
    show_default=True,
    help="With macro each memory is a file of its own, to be replaced by a macro's wrapper; memories.json lists them.",
)
@click.option(
    "--asic", is_flag=True, help="Also write configurations for OpenROAD-flow-scripts and LibreLane; --memories macro."
)
@click.option(
    "--macros",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --asic: LEF, Liberty and GDS files of memory macros, and their wrappers in Verilog.",
)
@freq_option
@click.option(
    "--package", is_flag=True, help="Also write descriptions for FuseSoC (.core), IP-XACT (.xml) and Vivado (.tcl)."
)
@click.option("--vlnv", metavar="V:L:N:V", help="With --package: vendor, library, name and version of the package.")
def generate(
    core: str, preset: str | None, path: Path | None, settings: tuple[str, ...], output: Path, target: str,
    memories: Memories, asic: bool, macros: Path | None, freq: float | None,
    testbench: bool, package: bool, vlnv: str | None,
) -> None:  # fmt: skip
    """Write the Verilog of CORE, constraints and config.json; for an accelerator also its registers as Markdown and
    SystemRDL, and a driver in C.

    The Verilog instantiates primitives of the target's family; for the targets generic and asic it has none and runs
    everywhere.

    With --testbench there is a Makefile: `make SIM=icarus` runs the tests of `tilewright verify` in that folder.

    With --asic there are openroad/config.mk and librelane/config.json. Without --macros all memories are flip-flops.

    For the target ecp5 there is also ecp5_models.v, for simulators only: behavioural models of the primitives.

    \b
    Examples:
      tilewright generate tile --preset small -o build/
      tilewright generate tile --config my.toml --set cols=12 --target ecp5 -o build/
      tilewright generate accelerator --package --vlnv acme:ip:gemm:1.0.0 -o build/
      tilewright generate accelerator --asic --macros macros/ --freq 200 -o build/
    my.toml:
      [tile]
      rows = 8
      multiplier = "dsp"
    """
    only_with("vlnv", "with --package", package)
    only_with("macros", "with --asic", asic)
    family = family_of(target)
    if asic:
        memories = "macro"
    if memories == "macro" and family != "generic":
        option = "--asic" if asic else "--memories macro"
        raise click.UsageError(f"{option} is for the targets generic and asic, not for {target}, which has block RAMs")
    mhz = freq or CLOCK_MHZ
    chosen_core, config = chosen(core, preset, path, settings)
    name = Vlnv.parse(vlnv) if vlnv is not None else default_vlnv(chosen_core)
    with console.status("generating Verilog"):
        files = core_files(chosen_core, config, family, clock_mhz=mhz, memories=memories)
    sources = [name for name in files if name.endswith(".v")]
    if testbench:
        checks = bound_checks(chosen_core, config)
        files |= {"Makefile": makefile(chosen_core, [*sources, *checks]), **checks}
    if package:
        files |= package_files(chosen_core, config, family, name, sources)
    if asic:
        listed = json.loads(files[MANIFEST])["memories"]
        found = Macros.read(macros, listed) if macros else Macros.none()
        files |= asic_files(chosen_core, output, files[f"{chosen_core.module}.sdc"], listed, found, mhz)
    for file in write_files(output, files):
        click.echo(f"{file}  {file.stat().st_size:,} bytes")


@click.command()
@click.argument("core", metavar="[CORE]", type=click.Choice(list(CORES)), required=False)
@click.option("--schema", is_flag=True, help="Print the JSON schema of the configuration of CORE.")
def presets(core: str | None, schema: bool) -> None:
    """List the presets and the fields of each core, or of CORE."""
    if schema:
        if core is None:
            raise click.UsageError("--schema needs a CORE, for example: tilewright presets tile --schema")
        click.echo(json.dumps(CORES[core].config.model_json_schema(), indent=2))
        return
    for chosen_core in [CORES[core]] if core else CORES.values():
        Printer().print(_fields_table(chosen_core), "")


@click.command()
@preset_option(default="small", show_default=True)
@toml_option
@set_option
def registers(preset: str, path: Path | None, settings: tuple[str, ...]) -> None:
    """Print the register map of an accelerator, as Markdown.

    \b
    Examples:
      tilewright registers --preset nano
      tilewright registers --set addr_bits=40
    """
    click.echo(register_page(load_config(AcceleratorConfig, preset, path, settings)), nl=False)


def _fields_table(core: Core) -> FigureTable:
    """Return a table of the fields of a core's configuration, with their values in each preset."""
    table = FigureTable(title=f"{core.name}: {core.about}", title_justify="left")
    presets = [core.config.preset(name).model_dump() for name in core.config.PRESETS]
    for heading in ("field", "values", *core.config.PRESETS, "meaning"):
        table.add_column(heading)
    for field in core.config.field_table():
        chosen_values = [str(preset[field.name]).lower() for preset in presets]
        table.add_row(field.name, field.values(), *chosen_values, field.about.replace("`", ""))
    return table
