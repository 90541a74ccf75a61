"""The write requests of the tiles, and which jobs they complete."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    INDEX_BITS,
    RESULT,
    AcceleratorConfig,
    Unit,
    failure_shape,
    tile_shape,
    transfer_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.dma import Cause
from tilewright.storage import SmallFifo

__all__ = ["StoreWrites"]

NUMBER_BITS = 3
"""Low bits of a job's number that identify it among the jobs in progress, fewer than 2**NUMBER_BITS."""


class StoreWrites(SharedComponent):
    """Request the write of each tile, and report when the last one of a job is written.

    A request is offered 1 cycle after its tile, but not before all earlier jobs are complete: if one of them fails,
    this one must not have changed its C, which may be an operand when it runs again::

        tiles ──┬──►│requests│──► requests
                └──►│index, last│──┐
        status ────────────────────┴──► completed, failure

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    tiles : In(stream.Signature(tile_shape(config)))
        The tiles to write, in order; copied when accepted.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``; its lowest bits are compared with the tile's
        ``index``.
    requests : Out(stream.Signature(transfer_shape(config)))
        The rows of a tile. A request stays until it is accepted.
    status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How each request ended, in order.
    completed : Out(1)
        The last tile of a job has been written, and none of it failed.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        Writing a tile has failed, in the cycle of its status.
    pending : Out(1)
        The status of a tile has not arrived yet.
    """

    TILES = 16
    """Tiles at most without a status."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "tiles": In(stream.Signature(tile_shape(config))),
            "head": In(unsigned(INDEX_BITS)),
            "requests": Out(stream.Signature(transfer_shape(config))),
            "status": In(stream.Signature(config.dma.status_shape, always_ready=True)),
            "completed": Out(1),
            "failure": Out(stream.Signature(failure_shape(config), always_ready=True)),
            "pending": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        owner_shape = data.StructLayout({"index": unsigned(INDEX_BITS), "last": 1})
        owners = place(m, "owners", SmallFifo(owner_shape, self.TILES), platform)
        tile = self.tiles.payload

        valid = Signal()
        request = Signal(transfer_shape(self.config), reset_less=True)
        first = Signal(reset_less=True)  # all earlier jobs are complete
        index = Mux(self.tiles.ready, tile.index, request.index)[:NUMBER_BITS]
        m.d.sync += first.eq(index == self.head[:NUMBER_BITS])
        m.d.comb += self.requests.valid.eq(valid & first)
        m.d.comb += self.requests.payload.eq(request)
        m.d.comb += self.tiles.ready.eq(~valid & owners.i.ready)
        m.d.comb += owners.i.valid.eq(self.tiles.valid & ~valid)
        m.d.comb += owners.i.payload.index.eq(tile.index)
        m.d.comb += owners.i.payload.last.eq(tile.last)
        with m.If(self.tiles.valid & self.tiles.ready):
            m.d.sync += [
                valid.eq(1),
                request.index.eq(tile.index),
                request.request.address.eq(tile.address),
                request.request.bytes.eq(Mux(tile.requant, RESULT.bytes_of(tile.columns), tile.columns << 2)),
                request.request.rows.eq(tile.rows),
                request.request.stride.eq(tile.stride),
            ]
        with m.If(self.requests.valid & self.requests.ready):
            m.d.sync += valid.eq(0)

        status, owner = self.status.payload, owners.o.payload
        failed = Signal()
        fails = Signal()
        m.d.comb += fails.eq(status.cause != Cause.NONE)
        m.d.comb += owners.o.ready.eq(self.status.valid)
        with m.If(self.status.valid):
            m.d.sync += failed.eq((failed | fails) & ~owner.last)
        m.d.comb += [
            self.completed.eq(self.status.valid & owner.last & ~(failed | fails)),
            self.failure.valid.eq(self.status.valid & fails),
            self.failure.payload.unit.eq(Unit.STORE_C),
            self.failure.payload.index.eq(owner.index),
            self.failure.payload.cause.eq(status.cause),
            self.failure.payload.address.eq(status.address),
            self.pending.eq(owners.o.valid),
        ]
        return m
