"""The words of a two-dimensional transfer, one after another."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent
from tilewright.dma import DmaConfig

__all__ = ["WordIterator"]


class WordIterator(SharedComponent):
    """Iterate over the words of a request, row by row, with registers for two addresses and two counts.

    Parameters
    ----------
    config : DmaConfig
        Widths. Addresses and strides are multiples of the word.

    Members
    -------
    request : In(config.request_shape)
        The transfer, with at least one row of one byte; it must stay until the last word.
    start : In(1)
        Go to its first word.
    step : In(1)
        Go to the next; not after the last.
    address : Out(unsigned(addr_bits))
        Address of the word's first byte.
    wrapped : Out(1)
        The word is past the last address, `address` after the wrap.
    bytes_of_row : Out(unsigned(word_bytes))
        Which bytes of the word belong to the row: a 1 for each, from the lowest.
    row_last, last : Out(1)
        The word ends its row; it ends the request.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "request": In(config.request_shape),
            "start": In(1),
            "step": In(1),
            "address": Out(config.addr_bits),
            "wrapped": Out(1),
            "bytes_of_row": Out(config.word_bytes),
            "row_last": Out(1),
            "last": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, request = self.config, self.request
        log2 = config.word_log2
        bits = config.addr_bits - log2 + 1  # one more for the wrap
        row = Signal(bits, reset_less=True)
        word = Signal(bits, reset_less=True)
        remaining = Signal(config.length_bits, reset_less=True)  # bytes of the row, with this word
        rows_remaining = Signal(config.rows_bits, reset_less=True)  # with this one
        m.d.comb += [
            self.address.eq(Cat(Const(0, log2), word[:-1])),
            self.wrapped.eq(word[-1]),
            self.row_last.eq(remaining <= config.word_bytes),
            self.last.eq(self.row_last & (rows_remaining == 1)),
            self.bytes_of_row.eq(
                Cat(Const(1, 1), (~self.row_last | (remaining > byte) for byte in range(1, config.word_bytes)))
            ),
        ]
        next_row = Signal(bits)
        m.d.comb += next_row.eq(Mux(self.start, request.address[log2:], row + request.stride[log2:]))
        with m.If(self.start | self.step & self.row_last):
            m.d.sync += row.eq(next_row)
            m.d.sync += word.eq(next_row)
            m.d.sync += remaining.eq(request.bytes)
            m.d.sync += rows_remaining.eq(Mux(self.start, request.rows, rows_remaining - 1))
        with m.Elif(self.step):
            m.d.sync += word.eq(word + 1)
            m.d.sync += remaining.eq(remaining - config.word_bytes)
        return m
