"""What can be generated on its own: each product's configuration, component and Verilog ports."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Value
from amaranth.lib.wiring import Component

from .config import Config, TileConfig
from .tile import MatmulTile

__all__ = ["PRODUCTS", "Port", "Product"]


@dataclass(frozen=True)
class Port:
    """One port of a generated top level.

    Parameters
    ----------
    direction : str
        ``input`` or ``output``.
    name : str
    value : Value
        What it is connected to: a port of the component, or a part of one.
    about : str
        One line for the port table.
    """

    direction: str
    name: str
    value: Value
    about: str


@dataclass(frozen=True)
class Product:
    """A component with a configuration, Verilog, a testbench and a report of its own.

    Parameters
    ----------
    name : str
        Its name on the command line; with underscores also the name of its Verilog module and file.
    about : str
        One line of help.
    config : type
        The `Config` that describes it.
    component : callable
        Makes the component from its configuration.
    ports : callable
        Lists the Verilog ports of a component, without ``clk`` and ``rst``.
    """

    name: str
    about: str
    config: type[Config]
    component: Callable[..., Component]
    ports: Callable[..., list[Port]]

    @property
    def module(self) -> str:
        """Name of the Verilog module."""
        return self.name.replace("-", "_")


def _tile_ports(tile: MatmulTile) -> list[Port]:
    config = tile.config
    activations, weights, results = tile.i, tile.i_weights, tile.o
    return [
        Port("input", "s_axis_act_tvalid", activations.valid, "there is an activation word"),
        Port("output", "s_axis_act_tready", activations.ready, "it is accepted at this clock edge"),
        Port(
            "input",
            "s_axis_act_tdata",
            activations.payload.data,
            f"{config.rows} signed activations of {config.activation_bits} bits, element 0 lowest",
        ),
        Port("input", "s_axis_act_tlast", activations.payload.last, "last word of its packet"),
        Port("input", "s_axis_wgt_tvalid", weights.valid, "there is a weight word"),
        Port("output", "s_axis_wgt_tready", weights.ready, "it is accepted at this clock edge"),
        Port(
            "input",
            "s_axis_wgt_tdata",
            weights.payload.data,
            f"{config.rows} signed weights of {config.weight_bits} bits, of one column",
        ),
        Port(
            "input",
            "s_axis_wgt_tlast",
            weights.payload.last,
            f"last column of its tile, if before column {config.cols - 1}",
        ),
        Port(
            "output",
            "m_axis_res_tvalid",
            results.valid,
            f"there is a result word, {tile.latency} cycles after its activations",
        ),
        Port(
            "output",
            "m_axis_res_tdata",
            results.payload.data,
            f"{config.cols} signed sums of {config.result_bits} bits, column 0 lowest",
        ),
        Port("output", "m_axis_res_tlast", results.payload.last, "last word of its packet"),
    ]


PRODUCTS = {
    product.name: product
    for product in [
        Product("tile", "the matrix-multiply tile", TileConfig, MatmulTile, _tile_ports),
    ]
}
