"""The registers between the SDRAM controller and the chip's pins."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out, Signature

from tilewright.base import SharedComponent

from .config import SdramConfig
from .sequencer import SdramCommand, command_shape, move_shape

__all__ = ["SdramPins", "sdram_pins"]


def sdram_pins(config: SdramConfig) -> Signature:
    """The chip's pins, seen from the controller; all outputs are registers, and `dq_i` goes to one.

    The clock is not among them. Commands hold for the chip's clock edge within or at the end of their cycle; `dq_i` is
    taken at the end of the cycle ``cas_latency + capture_cycles`` after that of the READ.

    Members
    -------
    cke, cs_n, ras_n, cas_n, we_n : Out(1)
        Clock enable, chip select, and the command.
    ba : Out(unsigned(bank_bits))
        Bank of the command.
    a : Out(unsigned(row_bits))
        Row of ACTIVATE, column of READ and WRITE, mode of SET MODE; 11 bits or more.
    dqm : Out(unsigned(dq_bits / 8))
        A bit for each byte that is not to be written.
    dq_o, dq_i : Out, In(unsigned(dq_bits))
        Data to the chip, valid while `dq_oe` is 1; data from it.
    dq_oe : Out(1)
        The controller drives the data pins.
    """
    return Signature({
        "cke": Out(1),
        "cs_n": Out(1, init=1),
        "ras_n": Out(1, init=1),
        "cas_n": Out(1, init=1),
        "we_n": Out(1, init=1),
        "ba": Out(unsigned(config.bank_bits)),
        "a": Out(unsigned(max(11, config.row_bits))),
        "dqm": Out(unsigned(config.dq_bits // 8), init=(1 << config.dq_bits // 8) - 1),
        "dq_o": Out(unsigned(config.dq_bits)),
        "dq_oe": Out(1),
        "dq_i": In(unsigned(config.dq_bits)),
    })


class SdramPins(SharedComponent):
    """Send commands and words to the chip, and gather words from it.

    A command in cycle t is on the pins in t + 1, and its first data, if it is a WRITE. The word of a READ is on
    `read_word` in cycle t + ``cas_latency + capture_cycles + burst_length + 2``; so is what a READ with ``error`` has
    for a word. Columns are in a word from its lowest bits up.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    command, move : In(command_shape(config)), In(move_shape())
        The command of this cycle and what it moves, from the sequencer.
    started : In(1)
        The chip has been started; before, `dqm` masks all bytes.
    write_word, write_strobes : In(unsigned(data_bits)), In(unsigned(data_bits / 8))
        The word to write and which of its bytes, sampled in the cycle of a WRITE.
    read_word : Out(unsigned(data_bits))
        The word that was read; valid with `read_valid`.
    read_valid, read_last : Out(1)
        There is a word in this cycle; it is its burst's last.
    pins : Out(sdram_pins(config))
        The pins of the chip, from registers; see `sdram_pins`.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        super().__init__({
            "command": In(command_shape(config)),
            "move": In(move_shape()),
            "started": In(1),
            "write_word": In(config.data_bits),
            "write_strobes": In(config.word_bytes),
            "read_word": Out(config.data_bits),
            "read_valid": Out(1),
            "read_last": Out(1),
            "pins": Out(sdram_pins(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config, pins, command = self.config, self.pins, self.command
        m.d.sync += [
            pins.cke.eq(1),
            pins.cs_n.eq(0),
            pins.ba.eq(command.bank),
            pins.a.eq(command.address),
        ]
        m.d.sync += Cat(pins.we_n, pins.cas_n, pins.ras_n).eq(command.kind)

        writes = Signal()
        rest = Signal(config.data_bits - config.dq_bits, reset_less=True)
        rest_masked = Signal(config.word_bytes - config.dq_bits // 8)
        rest_driven = Signal(config.burst_length - 1)
        masked = ~self.write_strobes
        m.d.comb += writes.eq(command.kind == SdramCommand.WRITE)
        for pin, remaining, load, idle in (
            (pins.dq_o, rest, self.write_word, None),
            (pins.dqm, rest_masked, masked, ~self.started),
            (pins.dq_oe, rest_driven, Const(-1, config.burst_length), None),
        ):
            width = len(pin)
            shifted = Mux(writes, load, remaining)
            first = shifted[:width] if idle is None else shifted[:width] | idle.replicate(width)
            m.d.sync += pin.eq(first)
            m.d.sync += remaining.eq(shifted[width:])

        captured = Signal(config.dq_bits, reset_less=True)
        word = Signal(config.data_bits, reset_less=True)
        m.d.sync += captured.eq(pins.dq_i)
        m.d.sync += word.eq(Cat(word[config.dq_bits :], captured))
        m.d.comb += self.read_word.eq(word)
        # From `move`: 1 to the pins, then to `captured`, and through `word`.
        delay = 1 + config.cas_latency + config.capture_cycles + 1 + config.burst_length
        valid = Signal(delay)
        last = Signal(delay, reset_less=True)
        m.d.sync += valid.eq(Cat(self.move.read, valid))
        m.d.sync += last.eq(Cat(self.move.last, last))
        m.d.comb += self.read_valid.eq(valid[-1])
        m.d.comb += self.read_last.eq(last[-1])
        return m
