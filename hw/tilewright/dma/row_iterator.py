"""The rows of two-dimensional transfers, one after another."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import DmaConfig

__all__ = ["RowIterator", "row_shape"]


def row_shape(config: DmaConfig) -> data.StructLayout:
    """A row of a request.

    ``wrapped`` says that it starts past the last address, at ``address`` after the wrap. ``first`` and
    ``final`` mark the first and the last row of a request. One that is `empty` has no bytes or no rows: it has
    this row only, and ``bytes_less_1`` is 0. A `misaligned` one has an address or a stride that is not allowed.
    """
    return data.StructLayout({
        "address": config.addr_bits,
        "wrapped": 1,
        "bytes_less_1": config.length_bits,
        "first": 1,
        "final": 1,
        "empty": 1,
        "misaligned": 1,
    })


class RowIterator(SharedComponent):
    """Iterate over the rows of requests.

    A request accepted in cycle t is on offer in t + 1; throughput is 1 row per cycle, and after the last row of
    a request 1 cycle without. `requests.ready` and `o` come from registers, but for `final`::

        requests ──►│address, bytes, rows left│──► o
                       ▲── + stride ──┘

    Parameters
    ----------
    config : DmaConfig
        Widths and alignment.

    Members
    -------
    requests : In(stream.Signature(config.request_shape))
        Transfers, in order; copied when accepted.
    o : Out(stream.Signature(row_shape(config)))
        Their rows. What is offered may be withdrawn with `drop`.
    drop : In(1)
        Skip the remaining rows of the request whose row is taken, or was taken last.
    stop : In(1)
        While 1, no request is accepted.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "requests": In(stream.Signature(config.request_shape)),
            "o": Out(stream.Signature(row_shape(config))),
            "drop": In(1),
            "stop": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, request = self.config, self.requests.payload
        word = config.word_log2
        low = 0 if config.unaligned else word  # the bits of an aligned address below are zero
        row = Signal(config.request_shape, reset_less=True)
        address = Signal(config.addr_bits + 1, reset_less=True)
        number = Signal(config.rows_bits, init=1, reset_less=True)  # from 1
        valid = Signal()
        first = Signal()
        final = Signal()
        empty = Signal()
        misaligned = Signal()
        take = Signal()
        m.d.comb += self.requests.ready.eq(~valid & ~self.stop)
        m.d.comb += self.o.valid.eq(valid)
        m.d.comb += take.eq(valid & self.o.ready)
        m.d.comb += final.eq(empty | (number == row.rows))

        with m.If(self.requests.valid & self.requests.ready):
            less_1 = Signal(config.length_bits + 1)
            none = less_1[-1] | (request.rows == 0)
            m.d.comb += less_1.eq(request.bytes - 1)
            m.d.sync += row.eq(request)
            m.d.sync += row.bytes.eq(less_1)
            m.d.sync += address.eq(request.address)
            m.d.sync += [
                valid.eq(1),
                first.eq(1),
                number.eq(1),
                empty.eq(none),
            ]
            with m.If(none):
                m.d.sync += row.bytes.eq(0)
            if not config.unaligned:
                m.d.sync += misaligned.eq((request.address[:word] | request.stride[:word]) != 0)
        with m.Elif(take):
            m.d.sync += address[low:].eq(address[low:] + row.stride[low:])
            m.d.sync += number.eq(number + 1)
            m.d.sync += first.eq(0)
            m.d.sync += valid.eq(~final)
        with m.If(self.drop & (take | ~first)):
            m.d.sync += valid.eq(0)

        o = self.o.payload
        m.d.comb += o.address.eq(address)
        m.d.comb += o.wrapped.eq(address[-1])
        m.d.comb += o.bytes_less_1.eq(row.bytes)
        m.d.comb += [
            o.first.eq(first),
            o.final.eq(final),
            o.empty.eq(empty),
            o.misaligned.eq(misaligned),
        ]
        return m
