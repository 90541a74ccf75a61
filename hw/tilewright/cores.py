"""What can be generated on its own: each core's configuration, component and Verilog ports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from amaranth.lib.wiring import Component

from tilewright.accelerator import Accelerator, accelerator_ports
from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.driver import DRIVER_FILES
from tilewright.accelerator.registers import register_page, system_rdl
from tilewright.base import Config, Port, mark_used
from tilewright.block_tile import BlockTile, BlockTileConfig, block_tile_ports
from tilewright.boards import BoardConfig, BoardSystem, board_ports
from tilewright.dma import DmaConfig, DmaReader, DmaWriter, reader_ports, writer_ports
from tilewright.memory.sdram import Sdram, SdramConfig, sdram_ports
from tilewright.tile import MatmulTile, TileConfig, tile_of, tile_ports

__all__ = ["BOARD", "CORES", "Core", "Port", "Work"]


@dataclass(frozen=True)
class Work:
    """What a core does for its users, in the unit in which reports count it.

    Parameters
    ----------
    unit : str
        ``macs``: products of two elements, summed up; or ``bytes``, moved.
    per_cycle : callable
        The most of them in a clock cycle, from the core's configuration.
    """

    unit: Literal["macs", "bytes"]
    per_cycle: Callable[..., int]


_MULTIPLIES = Work("macs", lambda config: tile_of(config).multipliers)
_MOVES = Work("bytes", lambda config: config.word_bytes)


@dataclass(frozen=True)
class Core:
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
    work : Work or None
        What it does; None for what only serves others.
    companions : dict of callable
        Files written beside the Verilog: by name, what makes their text from the configuration.
    """

    name: str
    about: str
    config: type[Config]
    component: Callable[..., Component]
    ports: Callable[..., list[Port]]
    work: Work | None = None
    companions: Mapping[str, Callable[..., str]] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Name of the Verilog module."""
        return self.name.replace("-", "_")

    def ports_of(self, config: Config) -> list[Port]:
        """The Verilog ports for a configuration, without ``clk`` and ``rst``, only to be looked at."""
        component = self.component(config)
        mark_used(component)  # it is never elaborated
        return self.ports(component)

    def multipliers(self, config: Config) -> int:
        """Number of multipliers, 0 for what does not multiply."""
        return self.work.per_cycle(config) if self.work and self.work.unit == "macs" else 0


CORES = {
    core.name: core
    for core in [
        Core("tile", "the matrix-multiply tile", TileConfig, MatmulTile, tile_ports, _MULTIPLIES),
        Core(
            "block-tile",
            "the matrix-multiply tile for block formats",
            BlockTileConfig,
            BlockTile,
            block_tile_ports,
            _MULTIPLIES,
        ),
        Core("dma-reader", "the DMA engine from AXI4 memory to a stream", DmaConfig, DmaReader, reader_ports, _MOVES),
        Core("dma-writer", "the DMA engine from a stream to AXI4 memory", DmaConfig, DmaWriter, writer_ports, _MOVES),
        Core("sdram", "the SDRAM controller behind AXI4", SdramConfig, Sdram, sdram_ports),
        Core(
            "accelerator",
            "the matrix-multiply accelerator",
            AcceleratorConfig,
            Accelerator,
            accelerator_ports,
            _MULTIPLIES,
            {"registers.md": register_page, "registers.rdl": system_rdl, **DRIVER_FILES},
        ),
    ]
}


BOARD = Core(
    "board", "an accelerator with memory and a serial host link", BoardConfig, BoardSystem, board_ports, _MULTIPLIES
)
