"""The configuration of the DMA engines, and the shapes of their inputs and outputs."""

from typing import Annotated, ClassVar, Self

from amaranth.hdl import Mux, unsigned
from amaranth.lib import data, enum
from pydantic import Field, model_validator

from tilewright.base import Config, ConfigError
from tilewright.bus import BOUNDARY_BYTES

__all__ = ["Cause", "DmaConfig", "response_cause"]


class Cause(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """The result of a request, or the reason why the rest of it is not moved.

    The two middle ones are AXI's own responses. `EMPTY` and `ABORTED` have the two upper bits set: a
    `Burst` record with one of them has no beats at all.
    """

    NONE = 0
    MISALIGNED = 1
    SLVERR = 2
    DECERR = 3
    WRAPPED = 4
    EMPTY = 6
    ABORTED = 7


class DmaConfig(Config):
    """Widths, bursts and alignment of a `DmaReader` or `DmaWriter`."""

    TABLE = "dma"
    PRESETS: ClassVar = {
        "small": {"data_bits": 32, "outstanding": 4, "max_burst": 16},
        "base": {"data_bits": 64},
        "wide": {"data_bits": 512, "outstanding": 16, "max_burst": 16},
    }

    data_bits: Annotated[int, Field(ge=32, le=512, description="Width of bus and stream, a power of two")] = 64
    addr_bits: Annotated[int, Field(ge=14, le=64, description="Width of a byte address.")] = 32
    id_bits: Annotated[
        int, Field(ge=1, le=16, description="Width of AXI identifiers. All transactions carry identifier 0.")
    ] = 4
    max_burst: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="Beats in the longest burst; a power of two. Bursts start and end at multiples of it, "
            "except at the ends of a row, and never pass a 4 KiB boundary.",
        ),
    ] = 16
    outstanding: Annotated[
        int, Field(ge=1, le=64, description="Bursts in flight, and held in the reader's buffer, at most.")
    ] = 16
    length_bits: Annotated[int, Field(ge=4, le=32, description="Width of the number of bytes in a row.")] = 20
    rows_bits: Annotated[int, Field(ge=1, le=32, description="Width of the number of rows.")] = 16
    stride_bits: Annotated[int, Field(ge=4, le=64, description="Width of the distance between rows in bytes.")] = 24
    counter_bits: Annotated[int, Field(ge=8, le=64, description="Width of each performance counter.")] = 32
    unaligned: Annotated[
        bool,
        Field(description="Take any byte address and stride; otherwise both must be multiples of the bus word."),
    ] = False

    @model_validator(mode="after")
    def _powers_of_two(self) -> Self:
        for field in ("data_bits", "max_burst"):
            value = getattr(self, field)
            if value & value - 1:
                low = 1 << value.bit_length() - 1
                nearest = low if value - low <= 2 * low - value else 2 * low
                raise ConfigError(field, value, "must be a power of two", nearest)
        if self.stride_bits > self.addr_bits:
            reason = f"must not be wider than addr_bits = {self.addr_bits}"
            raise ConfigError("stride_bits", self.stride_bits, reason, self.addr_bits)
        return self

    @property
    def word_bytes(self) -> int:
        """Bytes in a word of the bus."""
        return self.data_bits // 8

    @property
    def word_log2(self) -> int:
        """Bits of an address that select a byte of a word."""
        return self.word_bytes.bit_length() - 1

    @property
    def burst_words(self) -> int:
        """Beats in the longest burst: `max_burst`, less where that many would pass a 4 KiB boundary."""
        return min(self.max_burst, BOUNDARY_BYTES // self.word_bytes)

    @property
    def burst_log2(self) -> int:
        """Bits of an address that select a word of a burst."""
        return self.burst_words.bit_length() - 1

    @property
    def read_buffer_words(self) -> int:
        """Words the reader's buffer holds: every burst in flight has its place. A power of two."""
        return 1 << (self.outstanding * self.burst_words - 1).bit_length()

    @property
    def write_buffer_words(self) -> int:
        """Words the writer's buffer holds: some bursts being sent, some being gathered. A power of two."""
        return max(16, 4 * self.burst_words)

    @property
    def request_shape(self) -> data.StructLayout:
        """A transfer: ``rows`` rows of ``bytes`` bytes; row n starts at ``address + n * stride``."""
        return data.StructLayout({
            "address": unsigned(self.addr_bits),
            "bytes": unsigned(self.length_bits),
            "rows": unsigned(self.rows_bits),
            "stride": unsigned(self.stride_bits),
        })

    @property
    def word_shape(self) -> data.StructLayout:
        """A word of the reader's stream; `row_last` ends a row, `last` the request."""
        return data.StructLayout({"data": unsigned(self.data_bits), "row_last": unsigned(1), "last": unsigned(1)})

    @property
    def status_shape(self) -> data.StructLayout:
        """How a request ended, and the address of the burst that failed, or else of the last one."""
        return data.StructLayout({"cause": Cause, "address": unsigned(self.addr_bits)})

    @property
    def counters_shape(self) -> data.StructLayout:
        """The counters, as `DmaCounters` describes them."""
        names = ("beats", "bursts", "waiting_memory", "waiting_stream", "idle")
        return data.StructLayout({name: unsigned(self.counter_bits) for name in names})

    @property
    def burst_shape(self) -> data.StructLayout:
        """A part of a row that is one burst on the bus.

        ``address`` is that of its first byte. It has ``beats_less_1 + 1`` beats, none if the cause says so.
        ``shift`` is the position of the row's first byte in its word (no bits at all unless `unaligned`), and
        ``tail`` the number of bytes in the row less one, modulo the word. ``row_last`` marks the last burst
        of a row, ``last`` that of a request. With a ``cause``, the burst must not reach the bus.
        """
        return data.StructLayout({
            "address": unsigned(self.addr_bits),
            "beats_less_1": unsigned(max(1, self.burst_log2)),
            "shift": unsigned(self.word_log2 if self.unaligned else 0),
            "tail": unsigned(self.word_log2),
            "row_last": unsigned(1),
            "last": unsigned(1),
            "cause": Cause,
        })


def response_cause(response):
    """The `Cause` of an AXI response."""
    return Mux(response[1], Mux(response[0], Cause.DECERR, Cause.SLVERR), Cause.NONE)
