"""The commands that need no simulator: generate, area, fmax, presets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .area import LUT4_EQUIVALENTS, Area, measure_area
from .config import Config, load_config
from .products import PRODUCTS, Product
from .target import FAMILIES, Family
from .terminal import FigureTable, Printer, console
from .timing import measure_fmax
from .verilog import generate as generate_verilog

__all__ = ["area", "area_table", "chosen", "config_options", "fmax", "generate", "presets"]


def config_options(function: Callable) -> Callable:
    """Add the options that choose a product's configuration."""
    options = [
        click.argument("product", metavar="PRODUCT", type=click.Choice(list(PRODUCTS))),
        click.option("--preset", "-p", help="Start from this preset (see `tilewright presets`)."),
        click.option(
            "--config",
            "-c",
            "path",
            type=click.Path(path_type=Path),
            help="A TOML file; its values win over the preset's.",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set one field; wins over both. Repeatable."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def chosen(product: str, preset: str | None, path: Path | None, settings: tuple[str, ...]) -> tuple[Product, Config]:
    """Return the product and the configuration that the options name."""
    return PRODUCTS[product], load_config(PRODUCTS[product].config, preset, path, settings)


@click.command()
@config_options
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default=Path("build"), show_default=True, help="Folder."
)
@click.option(
    "--target",
    type=click.Choice(FAMILIES),
    default="generic",
    show_default=True,
    help="Whose primitives may be instantiated; generic runs everywhere.",
)
def generate(
    product: str, preset: str | None, path: Path | None, settings: tuple[str, ...], output: Path, target: Family
) -> None:
    """Write the Verilog of PRODUCT, and config.json.

    For the target ecp5 there is also ecp5_models.v, for simulators only: behavioural models of the primitives.

    \b
    Examples:
      tilewright generate tile --preset small -o build/
      tilewright generate tile --config my.toml --set cols=12 --target ecp5 -o build/
    my.toml:
      [tile]
      rows = 8
      multiplier = "dsp"
    """
    chosen_product, config = chosen(product, preset, path, settings)
    with console.status("generating Verilog"):
        files = generate_verilog(chosen_product, config, output, target)
    for file in files:
        click.echo(f"{file}  {file.stat().st_size:,} bytes")


@click.command(epilog="\b\n" + LUT4_EQUIVALENTS)
@config_options
@click.option("--target", type=click.Choice(FAMILIES), default="generic", show_default=True, help="FPGA family.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def area(
    product: str, preset: str | None, path: Path | None, settings: tuple[str, ...], target: Family, as_json: bool
) -> None:
    """Count what PRODUCT takes after synthesis by Yosys, in total and per multiplier."""
    chosen_product, config = chosen(product, preset, path, settings)
    with console.status(f"synthesizing for {target}; the first run on a machine takes a minute longer"):
        measured = measure_area(chosen_product, config, target)
    if as_json:
        click.echo(
            json.dumps({"product": product, "target": target, "config": config.model_dump(), **measured.report()})
        )
    else:
        Printer().print(area_table(measured, f"{product} {_brief(config)}, {target}"))


def area_table(measured: Area, title: str) -> FigureTable:
    """Return the table of an area report."""
    table = FigureTable(title=title, title_justify="left")
    table.add_column("")
    columns = {"lut4": "LUT4-equivalents", "carry": "carry cells", "ff": "FF", "dsp": "DSP", "bram": "BRAM"}
    for heading in columns.values():
        table.add_column(heading, justify="right")
    report = measured.report()
    table.add_row("total", *(f"{report['total'][name]:,}" for name in columns))
    if "per_multiplier" in report:
        table.add_row("per multiplier", *(f"{report['per_multiplier'][name]:.1f}" for name in columns))
    return table


@click.command()
@config_options
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100), help="Placements to try.")
def fmax(product: str, preset: str | None, path: Path | None, settings: tuple[str, ...], seeds: int) -> None:
    """Place and route PRODUCT for ECP5-85k, speed grade 6, all ports registered; print MHz for each seed."""
    chosen_product, config = chosen(product, preset, path, settings)
    best = 0.0
    with console.status("synthesizing, then placing and routing; a minute or more for each seed"):
        for seed, mhz in enumerate(measure_fmax(chosen_product, config, list(range(1, seeds + 1))), start=1):
            click.echo(f"seed {seed}: {mhz:.1f} MHz")
            best = max(best, mhz)
    click.echo(f"best: {best:.1f} MHz")


@click.command()
@click.argument("product", metavar="[PRODUCT]", type=click.Choice(list(PRODUCTS)), required=False)
@click.option("--schema", is_flag=True, help="Print the JSON schema of the configuration of PRODUCT.")
def presets(product: str | None, schema: bool) -> None:
    """List the presets and the fields of each product, or of PRODUCT."""
    if schema:
        if product is None:
            raise click.UsageError("--schema needs a PRODUCT, for example: tilewright presets tile --schema")
        click.echo(json.dumps(PRODUCTS[product].config.model_json_schema(), indent=2))
        return
    for chosen_product in [PRODUCTS[product]] if product else PRODUCTS.values():
        Printer().print(_fields_table(chosen_product), "")


def _fields_table(product: Product) -> FigureTable:
    """The fields of a product's configuration, and their values in each preset."""
    table = FigureTable(title=f"{product.name}: {product.about}", title_justify="left")
    presets = [product.config.preset(name).model_dump() for name in product.config.PRESETS]
    for heading in ("field", "values", *product.config.PRESETS, "meaning"):
        table.add_column(heading)
    for name, schema in product.config.model_json_schema()["properties"].items():
        if schema["type"] == "boolean":
            values = "true, false"
        else:
            values = ", ".join(schema["enum"]) if "enum" in schema else f"{schema['minimum']} to {schema['maximum']}"
        chosen_values = [str(preset[name]).lower() for preset in presets]
        table.add_row(name, values, *chosen_values, schema["description"].replace("`", ""))
    return table


def _brief(config: Config) -> str:
    values: dict[str, Any] = config.model_dump()
    return " ".join(f"{name}={value}" for name, value in values.items())
