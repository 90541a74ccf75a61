"""Chooses the SDRAM's command in every cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, enum, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

from .bank import Cooldown, SdramBanks
from .config import SdramConfig
from .refresh import SdramRefresh

__all__ = ["SdramCommand", "SdramSequencer", "command_shape", "move_shape"]


class SdramCommand(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """A command as it is on ``ras_n, cas_n, we_n`` (the first is the highest bit)."""

    SET_MODE = 0b000
    REFRESH = 0b001
    PRECHARGE = 0b010
    ACTIVATE = 0b011
    WRITE = 0b100
    READ = 0b101
    NONE = 0b111


ALL_BANKS = 1 << 10
"""The address bit with which PRECHARGE closes all banks; 0 with READ and WRITE, which leaves the row open."""


def command_shape(config: SdramConfig) -> data.StructLayout:
    """The command to the chip in a cycle."""
    return data.StructLayout({
        "kind": SdramCommand,
        "bank": unsigned(config.bank_bits),
        "address": unsigned(max(11, config.row_bits)),
    })


def move_shape() -> data.StructLayout:
    """The data movement of a cycle: a word is read or written, or would be if the burst had no ``error``.

    ``last`` is the last word of an AXI burst.
    """
    return data.StructLayout({"read": unsigned(1), "write": unsigned(1), "error": unsigned(1), "last": unsigned(1)})


class SdramSequencer(SharedComponent):
    """Turn segments into commands, one after the other, and prepare the next segment's bank meanwhile.

    A word is one READ or WRITE of ``burst_length`` columns; the cycles between two of them are free for PRECHARGE and
    ACTIVATE of another bank, so a change of rows costs nothing if the segment before was long enough. Rows stay open
    until another one of the bank is wanted, or a refresh closes all of them. Reads and writes alternate::

        i_reads  ──┐
                   ├──►│next│──►│head│──► READ, WRITE, or what its row needs
        i_writes ──┘     │
                         └──────────────► PRECHARGE, ACTIVATE for its row, if it is in another bank

    A segment accepted in cycle t has its first READ or WRITE on `command` in t + 4 if its row is open and nothing is in
    the way, and one every ``burst_length`` cycles; segments of one direction follow each other without a gap. If its
    bank is closed it takes ``rcd_cycles`` more, if another row is open ``rp_cycles`` more again.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    i_reads, i_writes : In(stream.Signature(config.segment_shape))
        Segments whose data can move at once.
    command : Out(command_shape(config))
        The command that was chosen in the cycle before; from registers.
    move : Out(move_shape())
        What it does; from registers.
    started : Out(1)
        The chip's mode is set.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        segments = stream.Signature(config.segment_shape)
        super().__init__({
            "i_reads": In(segments),
            "i_writes": In(segments),
            "command": Out(command_shape(config), init={"kind": SdramCommand.NONE}),
            "move": Out(move_shape()),
            "started": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        banks = place(m, "banks", SdramBanks(config), platform)
        refresh = place(m, "refresher", SdramRefresh(config), platform)
        gap = place(m, "gap", Cooldown(config.burst_length), platform)
        turnaround = place(m, "turnaround", Cooldown(config.turnaround_cycles), platform)
        m.d.comb += refresh.can_precharge.eq(banks.can_precharge)
        m.d.comb += refresh.can_activate.eq(banks.can_activate)
        m.d.comb += banks.precharge_all.eq(refresh.precharge_all)
        m.d.comb += self.started.eq(refresh.started)

        # Two segments. What is known of their rows is a cycle old: `known` is 0 in the cycle after anything changed.
        head, following = Signal(config.segment_shape, name="head"), Signal(config.segment_shape, name="next")
        head_valid = Signal()
        head_known = Signal()
        head_write = Signal()
        next_valid = Signal()
        next_known = Signal()
        next_write = Signal()
        m.d.comb += banks.head.eq(head.place)
        m.d.comb += banks.next.eq(following.place)
        row, next_row = banks.head_row, banks.next_row

        go = Signal()  # a word of the head
        ready = Signal()
        m.d.comb += ready.eq(head_valid & head_known & ~refresh.hold)
        m.d.comb += go.eq(ready & (row.hit & row.can_move | head.error) & gap.done & (~head_write | turnaround.done))
        closed = ready & ~row.hit & ~head.error
        m.d.comb += banks.head_activate.eq(closed & ~row.open & row.can_activate)
        m.d.comb += banks.head_precharge.eq(closed & row.open & row.can_precharge)
        spare = Signal()
        m.d.comb += spare.eq(next_valid & next_known & ~next_row.hit & ~following.error & ~refresh.hold)
        apart = (head.place.bank != following.place.bank) & ~(go | banks.head_activate | banks.head_precharge)
        m.d.comb += banks.next_activate.eq(spare & apart & ~next_row.open & next_row.can_activate)
        m.d.comb += banks.next_precharge.eq(spare & apart & next_row.open & next_row.can_precharge)
        m.d.comb += banks.read.eq(go & ~head.error & ~head_write)
        m.d.comb += banks.write.eq(go & ~head.error & head_write)
        m.d.comb += gap.start.eq(go)
        m.d.comb += turnaround.start.eq(banks.read)

        # The segments move up.
        advance = Signal()
        changed = Signal()
        last = head.words_less_1 == 0
        m.d.comb += advance.eq(~head_valid | go & last)
        m.d.comb += changed.eq(banks.head_activate | banks.head_precharge | banks.precharge_all)
        m.d.sync += head_known.eq(~(advance | changed))
        m.d.sync += next_known.eq(next_valid & ~(advance | changed | banks.next_activate | banks.next_precharge))
        with m.If(go):
            m.d.sync += head.place.word.eq(head.place.word + 1)
            m.d.sync += head.words_less_1.eq(head.words_less_1 - 1)
        with m.If(advance):
            m.d.sync += [
                head_valid.eq(next_valid),
                head.eq(following),
                head_write.eq(next_write),
                next_valid.eq(0),
            ]
        takes_write = Signal()
        m.d.comb += takes_write.eq(self.i_writes.valid & (~self.i_reads.valid | ~next_write))
        m.d.comb += self.i_writes.ready.eq(~next_valid & takes_write)
        m.d.comb += self.i_reads.ready.eq(~next_valid & ~takes_write)
        with m.If(~next_valid & (self.i_reads.valid | self.i_writes.valid)):
            m.d.sync += next_valid.eq(1)
            m.d.sync += next_write.eq(takes_write)
            m.d.sync += following.eq(Mux(takes_write, self.i_writes.payload, self.i_reads.payload))

        move = self.move
        m.d.sync += move.read.eq(go & ~head_write)
        m.d.sync += move.write.eq(go & head_write)
        m.d.sync += move.error.eq(head.error)
        m.d.sync += move.last.eq(head.last & last)
        m.d.sync += self.command.eq(_command(m, config, banks, refresh))
        return m


def _command(m: Module, config: SdramConfig, banks: SdramBanks, refresh: SdramRefresh) -> data.View:
    """Return the command of the strobe that is 1; at most one is."""
    kinds = {
        SdramCommand.SET_MODE: refresh.set_mode,
        SdramCommand.REFRESH: refresh.refresh,
        SdramCommand.PRECHARGE: banks.precharge_all | banks.head_precharge | banks.next_precharge,
        SdramCommand.ACTIVATE: banks.head_activate | banks.next_activate,
        SdramCommand.WRITE: banks.write,
        SdramCommand.READ: banks.read,
    }
    command = Signal(command_shape(config), name="chosen")
    # `NONE` is all ones: each command clears its bits.
    cleared = [Mux(strobe, ~Value.cast(kind), 0) for kind, strobe in kinds.items()]
    m.d.comb += command.kind.as_value().eq(~_any(cleared))
    of_next = banks.next_activate | banks.next_precharge
    m.d.comb += command.bank.eq(Mux(refresh.set_mode, 0, Mux(of_next, banks.next.bank, banks.head.bank)))
    column = Cat(Const(0, config.col_bits - config.word_bits), banks.head.word)
    addresses = [
        Mux(refresh.set_mode, config.mode, 0),
        Mux(banks.precharge_all, ALL_BANKS, 0),
        Mux(banks.head_activate, banks.head.row, 0),
        Mux(banks.next_activate, banks.next.row, 0),
        Mux(banks.read | banks.write, column, 0),
    ]
    m.d.comb += command.address.eq(_any(addresses))
    return command


def _any(values: list) -> Signal:
    """The bits that are 1 in any of the values."""
    result = values[0]
    for value in values[1:]:
        result |= value
    return result
