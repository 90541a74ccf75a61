"""What can be generated on its own: each product's configuration, component and Verilog ports."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.lib.wiring import Component

from .config import Config, TileConfig
from .dma_config import DmaConfig
from .dma_reader import DmaReader
from .dma_writer import DmaWriter
from .ports import Port, reader_ports, tile_ports, writer_ports
from .tile import MatmulTile

__all__ = ["PRODUCTS", "Port", "Product"]


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


PRODUCTS = {
    product.name: product
    for product in [
        Product("tile", "the matrix-multiply tile", TileConfig, MatmulTile, tile_ports),
        Product("dma-reader", "the DMA engine from AXI4 memory to a stream", DmaConfig, DmaReader, reader_ports),
        Product("dma-writer", "the DMA engine from a stream to AXI4 memory", DmaConfig, DmaWriter, writer_ports),
    ]
}
