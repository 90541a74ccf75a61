"""Reads sums and operands for the epilogue, and assigns the results to bus words."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    ADDEND_BITS,
    AcceleratorConfig,
    SumsPort,
    format_shape,
    place_shape,
    source_shape,
    tile_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.storage import DelayLine

__all__ = ["StoreDrain"]


class StoreDrain(SharedComponent):
    """Send the sums of each tile through the epilogue, a group of lanes in every cycle.

    A row of a tile has ``ceil(columns / lanes)`` groups; raw, each is sent once for each bus word that it fills. A
    tile begins when `sums.ready` is 1, in the same cycle if the tile is there. 2 cycles are lost between tiles, none
    between rows::

        cycle      0               1       2       3
        sums       fetch           take    group   there; release with the last group
        operands                   fetch           there
        word       claim, ends

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    tiles : In(stream.Signature(tile_shape(config)))
        Tiles in the order of their sums. Copied when accepted, which is when all sums of the one before have been
        fetched.
    sums : Out(SumsPort(config))
        The tiles of sums; what `sums.sums` returns is used by `Requantizer`.
    fetch : Out(1)
        Read the group `row` of operands, from `ParameterBuffer`.
    row : Out(range(2 * acc_rows * cols // requant_lanes))
        Group of the operands; the bank is its highest bit. Valid with `fetch`.
    add : Out(1)
        The operands are added to the sums. Like `format`, it belongs to the sums that arrive in this cycle,
        `fetch_cycles` after their fetch.
    format : Out(format_shape(config.rounding))
        What the `Requantizer` does to those sums.
    room : In(1)
        There is a free slot for a word; nothing is sent without one.
    claim : Out(1)
        The slot is taken, for the word that ends with the sums being fetched.
    place : Out(place_shape(config))
        Where the results of the sums being fetched go in their word. While no sums are fetched, that of the next
        ones.
    busy : Out(1)
        Sums are fetched in this cycle.
    starved : Out(1)
        There is a tile, and none of its sums can be read yet.
    read : Out(source_shape())
        The descriptor and the row of the sums that are fetched in this cycle; only with `ecc`.
    read_parts : Out(unsigned(parts))
        Which bus words of operands belong to them; only with `ecc`.
    present : Out(1)
        A tile has been accepted, and not all of its sums have been fetched.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        groups = config.tile.cols // config.requant_lanes
        super().__init__(
            {
                "tiles": In(stream.Signature(tile_shape(config))),
                "sums": Out(SumsPort(config)),
                "fetch": Out(1),
                "row": Out(range(2 * config.acc_rows * groups)),
                "add": Out(1),
                "format": Out(format_shape(config.rounding)),
                "room": In(1),
                "claim": Out(1),
                "place": Out(place_shape(config)),
                "busy": Out(1),
                "starved": Out(1),
                "present": Out(1),
            }
            | (
                {"read": Out(source_shape()), "read_parts": Out(config.requant_lanes * ADDEND_BITS // config.data_bits)}
                if config.ecc
                else {}
            )
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        channels = config.data_bits // ADDEND_BITS
        parts = config.requant_lanes // channels
        parts_log2 = parts.bit_length() - 1

        tile = Signal(tile_shape(config), reset_less=True)
        last_row = Signal(range(config.acc_rows), reset_less=True)
        last_chunk = Signal(range(config.tile.cols // channels), reset_less=True)
        present = Signal()
        started = Signal()
        row = Signal(range(config.acc_rows), reset_less=True)
        chunk = Signal(range(config.tile.cols // channels), reset_less=True)  # as many columns as fill a raw word
        pointer = Signal(len(self.row) - 1, reset_less=True)
        m.d.comb += self.tiles.ready.eq(~present)
        with m.If(self.tiles.valid & self.tiles.ready):
            taken = self.tiles.payload
            m.d.sync += [
                tile.eq(taken),
                present.eq(1),
                started.eq(0),
                row.eq(0),
                chunk.eq(0),
                pointer.eq(0),
            ]
            m.d.sync += last_row.eq(taken.rows - 1)
            m.d.sync += last_chunk.eq((taken.columns - 1) // channels)

        # Stage n is n cycles after the fetch.
        ends = Signal(3)
        beat = Signal()
        ends_row = Signal()
        ends_tile = Signal()
        part, group = chunk[:parts_log2], chunk[parts_log2:]
        whole = tile.requant | part.all() if parts > 1 else 1  # the last that is sent of this group
        m.d.comb += beat.eq(present & self.room & (started | (self.sums.ready & ~ends[1:].any())))
        m.d.comb += ends_row.eq((group == last_chunk[parts_log2:]) & (tile.requant | (part == last_chunk[:parts_log2])))
        m.d.comb += ends_tile.eq(ends_row & (row == last_row))
        with m.If(beat):
            m.d.sync += started.eq(1)
            with m.If(ends_row):
                m.d.sync += row.eq(row + 1)
                m.d.sync += chunk.eq(0)
                m.d.sync += present.eq(~ends_tile)
            with m.Else():
                m.d.sync += chunk.eq(chunk + Mux(tile.requant, parts, 1))
            with m.If(ends_row & ~tile.accumulate):
                m.d.sync += pointer.eq(0)
            with m.Elif(ends_row | whole):
                m.d.sync += pointer.eq(pointer + 1)

        first = Signal()  # of a row
        fetched = Signal()
        m.d.comb += ends[0].eq(beat & ends_tile)
        m.d.comb += first.eq(beat & (chunk == 0))
        m.d.sync += ends[1:].eq(ends)
        m.d.sync += self.sums.take.eq(first)
        m.d.sync += fetched.eq(beat)
        m.d.comb += self.sums.fetch.eq(first)
        m.d.comb += self.sums.row.eq(row)
        m.d.comb += self.sums.release.eq(ends[2])
        operands = Signal.like(self.row, reset_less=True)
        m.d.sync += operands.eq(Cat(pointer, tile.bank))
        m.d.comb += self.row.eq(operands)
        m.d.comb += self.fetch.eq(fetched)

        self._delay(m, tile, group, platform)
        if config.ecc:
            m.d.comb += self.read.index.eq(tile.index)
            m.d.comb += self.read.row.eq(row)
            last_group = group == last_chunk[parts_log2:]
            m.d.comb += self.read_parts.eq(Cat(~last_group | (last_chunk[:parts_log2] >= n) for n in range(parts)))
        here = self.place
        m.d.comb += here.requant.eq(tile.requant)
        m.d.comb += here.part.eq(part)
        m.d.comb += here.position.eq(group)
        m.d.comb += here.integer.eq(tile.integer)
        fills = here.position.all() if len(here.position) else 1
        m.d.comb += self.claim.eq(beat & (~tile.requant | fills | ends_row))
        m.d.comb += self.busy.eq(beat)
        m.d.comb += self.present.eq(present)
        m.d.comb += self.starved.eq(present & ~started & ~self.sums.ready)
        return m

    def _delay(self, m: Module, tile: data.View, group: Value, platform):
        """Send the group and the format after the sums that are fetched in this cycle."""
        late_group = place(m, "group", DelayLine(len(self.sums.group), 2), platform)
        m.d.comb += late_group.i.eq(group)
        m.d.comb += self.sums.group.eq(late_group.o)
        late_format = place(m, "format", DelayLine(self.format.shape().size + 1, self.config.fetch_cycles), platform)
        formats = Cat(tile[name] for name in self.format.shape().members)
        m.d.comb += late_format.i.eq(Cat(formats, tile.add))
        m.d.comb += Cat(self.format, self.add).eq(late_format.o)
