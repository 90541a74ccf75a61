"""Where the store engine is in C."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.data import View

from tilewright.accelerator.contract import RESULT, AcceleratorConfig

__all__ = ["TilePosition"]


class TilePosition:
    """The current position of the store engine: the block of C, the tile in it, the row and the column in the tile.

    ``next_tile`` and ``next_block`` are the assignments that move it there.
    """

    def __init__(self, m: Module, config: AcceleratorConfig, job: View):
        self.block = Signal(config.addr_bits, reset_less=True)  # addresses: of C, of the tile, of its parameters
        self.address = Signal(config.addr_bits, reset_less=True)
        self.parameters = Signal(config.addr_bits, reset_less=True)
        self.rows_remaining = Signal(config.size_bits, reset_less=True)
        self.columns_remaining = Signal(config.size_bits, reset_less=True)
        self.row = Signal(range(config.acc_rows))
        self.column = Signal(range(config.tile.cols))
        self.in_last_block, self.in_last_tile = Signal(name="in_last_block"), Signal(name="in_last_tile")
        self.tile_rows = Signal.like(job.block_rows)
        self.tile_columns = Signal(range(config.tile.cols + 1))
        self.row_ends, self.tile_ends = Signal(name="row_ends"), Signal(name="tile_ends")
        self.writing = Signal()  # the tile's request is offered
        m.d.comb += [
            self.in_last_block.eq(self.rows_remaining <= job.block_rows),
            self.in_last_tile.eq(self.columns_remaining <= config.tile.cols),
            self.tile_rows.eq(Mux(self.in_last_block, self.rows_remaining, job.block_rows)),
            self.tile_columns.eq(Mux(self.in_last_tile, self.columns_remaining, config.tile.cols)),
            self.row_ends.eq(self.column + 1 == self.tile_columns),
            self.tile_ends.eq(self.row_ends & (self.row + 1 == self.tile_rows)),
        ]
        tile_bytes = Mux(job.requant, RESULT.bytes_of(config.tile.cols), 4 * config.tile.cols)
        self.next_tile = [
            self.address.eq(self.address + tile_bytes),
            self.parameters.eq(self.parameters + 4 * config.tile.cols),
            self.columns_remaining.eq(self.columns_remaining - config.tile.cols),
        ]
        self.next_block = [
            self.block.eq(self.block + job.c_block_bytes),
            self.rows_remaining.eq(self.rows_remaining - job.block_rows),
        ]
