"""The commands that need no simulator: generate, area, fmax, presets."""

import json
from pathlib import Path

import click

from tilewright.base import FAMILIES, Family
from tilewright.cores import PRODUCTS, Product
from tilewright.verilog import generate as generate_verilog
from tilewright_sim.console import FigureTable, Printer, console

from .options import chosen, config_options

__all__ = ["generate", "presets"]


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
