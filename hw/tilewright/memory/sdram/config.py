"""The configuration of the SDRAM controller: the chip, the clock and the bus."""

from typing import Annotated, ClassVar, Self

from amaranth.hdl import unsigned
from amaranth.lib import data
from pydantic import Field, model_validator

from tilewright.base import Config, ConfigError

__all__ = ["SEGMENT_COLUMNS", "SdramConfig"]

SEGMENT_COLUMNS = 64
"""Columns that are moved without interruption; bursts are split at multiples of it."""

# Commercial speed grades, from the manufacturers' tables of AC characteristics. Where a table gives clocks (Winbond's
# tWR, tRRD and tRSC are 2), `SdramConfig` has that minimum for every chip.
_IS42S16160G_7 = {  # ISSI, 256 Mbit; tWR is called tDPL; a refresh takes tRC
    "t_rc_ns": 60, "t_ras_ns": 37, "t_rp_ns": 15, "t_rcd_ns": 15, "t_rrd_ns": 14, "t_wr_ns": 14, "t_rfc_ns": 60,
    "t_mrd_ns": 14, "t_ck2_ns": 10, "t_ck3_ns": 7, "power_up_us": 100,
}  # fmt: skip
_W9825G6KH_6 = {  # Winbond, 256 Mbit; the worse of -6 and -6I; a refresh takes tRC, tMRD is called tRSC
    "t_rc_ns": 60, "t_ras_ns": 42, "t_rp_ns": 18, "t_rcd_ns": 18, "t_rrd_ns": 12, "t_wr_ns": 12, "t_rfc_ns": 60,
    "t_mrd_ns": 12, "t_ck2_ns": 10, "t_ck3_ns": 6, "power_up_us": 200,
}  # fmt: skip
_AS4C32M16SB_7 = {  # Alliance, 512 Mbit
    "t_rc_ns": 63, "t_ras_ns": 42, "t_rp_ns": 21, "t_rcd_ns": 21, "t_rrd_ns": 14, "t_wr_ns": 14, "t_rfc_ns": 63,
    "t_mrd_ns": 14, "t_ck2_ns": 10, "t_ck3_ns": 7, "power_up_us": 200, "col_bits": 10,
}  # fmt: skip
# Of the chip in the package of a Gowin GW2AR-18, 64 Mbit. Its maker is not known; LiteX takes the times of an ESMT
# M12L64322A for it, which are not longer than these of a -7 grade; 4096 refreshes in 64 ms are 2048 rows in 32.
_GW2AR_18 = {
    "dq_bits": 32, "row_bits": 11, "col_bits": 8, "t_rc_ns": 70, "t_ras_ns": 49, "t_rp_ns": 21, "t_rcd_ns": 21,
    "t_rrd_ns": 14, "t_wr_ns": 15, "t_rfc_ns": 70, "t_mrd_ns": 14, "t_ck2_ns": 10, "t_ck3_ns": 7, "power_up_us": 200,
    "refresh_us": 32_000, "clock_khz": 54_000,
}  # fmt: skip


def _ns(about: str):
    return Field(ge=1, le=200, description=about)


class SdramConfig(Config):
    """A single-data-rate SDRAM chip, its clock, and the AXI4 port in front of it.

    The default is slow enough for every chip of the presets, and uses 32 MB of it. Times are in nanoseconds as in the
    chip's datasheet; what a property calls ``cycles`` is rounded up for what must take at least so long, and down for
    what must not take longer.
    """

    TABLE = "sdram"
    PRESETS: ClassVar = {
        "ulx3s": {},
        "is42s16160g-7": _IS42S16160G_7,
        "w9825g6kh-6": _W9825G6KH_6,
        "as4c32m16sb-7": _AS4C32M16SB_7,
        "gw2ar-18": _GW2AR_18,
    }

    clock_khz: Annotated[int, Field(ge=20_000, le=200_000, description="Clock of chip and controller.")] = 80_000
    cas_latency: Annotated[int, Field(ge=2, le=3, description="Clocks from READ to the first data (CL).")] = 3
    capture_cycles: Annotated[
        int,
        Field(
            ge=0,
            le=3,
            description="Further clocks until `dq_i` has the data: registers in the pins, or a late clock of the chip.",
        ),
    ] = 0
    dq_bits: Annotated[int, Field(ge=8, le=32, description="Width of the chip's data; a power of two.")] = 16
    row_bits: Annotated[int, Field(ge=11, le=13, description="Width of a row's number.")] = 13
    col_bits: Annotated[int, Field(ge=8, le=10, description="Width of a column's number.")] = 9
    bank_bits: Annotated[int, Field(ge=1, le=2, description="Width of a bank's number.")] = 2
    data_bits: Annotated[int, Field(ge=16, le=256, description="Width of the AXI port: 2, 4 or 8 times `dq_bits`.")] = (
        64
    )
    addr_bits: Annotated[int, Field(ge=16, le=64, description="Width of an AXI byte address.")] = 32
    id_bits: Annotated[int, Field(ge=1, le=16, description="Width of an AXI identifier.")] = 4
    outstanding: Annotated[
        int, Field(ge=1, le=64, description="Bursts accepted and not answered, at most, of each direction.")
    ] = 8
    t_rc_ns: Annotated[int, _ns("From ACTIVATE to ACTIVATE or REFRESH of the same bank.")] = 63
    t_ras_ns: Annotated[int, _ns("From ACTIVATE to PRECHARGE.")] = 42
    t_rp_ns: Annotated[int, _ns("From PRECHARGE to ACTIVATE or REFRESH.")] = 21
    t_rcd_ns: Annotated[int, _ns("From ACTIVATE to READ or WRITE.")] = 21
    t_rrd_ns: Annotated[int, _ns("From ACTIVATE to that of another bank.")] = 14
    t_wr_ns: Annotated[int, _ns("From the last data written to PRECHARGE.")] = 14
    t_rfc_ns: Annotated[int, _ns("From REFRESH to ACTIVATE or REFRESH.")] = 63
    t_mrd_ns: Annotated[int, _ns("From MODE REGISTER SET to any command.")] = 14
    t_ck2_ns: Annotated[int, _ns("Shortest clock period with `cas_latency` 2.")] = 10
    t_ck3_ns: Annotated[int, _ns("Shortest clock period with `cas_latency` 3.")] = 7
    refresh_us: Annotated[
        int, Field(ge=1, le=128_000, description="Time within which every row must be refreshed (tREF).")
    ] = 64_000
    power_up_us: Annotated[int, Field(ge=1, le=1000, description="Pause before the first command.")] = 200

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for field in ("dq_bits", "data_bits"):
            value = getattr(self, field)
            if value & value - 1:
                raise ConfigError(field, value, "must be a power of two", 1 << value.bit_length() - 1)
        if self.data_bits // self.dq_bits not in (2, 4, 8):
            nearest = min(max(self.data_bits, 2 * self.dq_bits), 8 * self.dq_bits)
            raise ConfigError("data_bits", self.data_bits, f"must be 2, 4 or 8 times dq_bits = {self.dq_bits}", nearest)
        if self.addr_bits < self.size_log2:
            reason = f"must be at least {self.size_log2}, or part of the chip cannot be reached"
            raise ConfigError("addr_bits", self.addr_bits, reason, self.size_log2)
        shortest = self.t_ck2_ns if self.cas_latency == 2 else self.t_ck3_ns
        if self.clock_khz * shortest > 1_000_000:
            reason = f"the chip's shortest period with cas_latency = {self.cas_latency} is {shortest} ns"
            raise ConfigError("clock_khz", self.clock_khz, reason, 1_000_000 // shortest)
        if self.refresh_period < 3 * self.refresh_delay + self.rfc_cycles:
            reason = f"leaves no time for anything else ({self.refresh_cycles} clocks from one refresh to the next)"
            raise ConfigError("refresh_us", self.refresh_us, reason)
        return self

    def cycles(self, ns: int) -> int:
        """Clocks that last at least ``ns`` nanoseconds."""
        return -(-ns * self.clock_khz // 1_000_000)

    @property
    def burst_length(self) -> int:
        """Columns of a word, which are one burst of the chip."""
        return self.data_bits // self.dq_bits

    @property
    def word_bytes(self) -> int:
        """Bytes in a word of the bus."""
        return self.data_bits // 8

    @property
    def size_log2(self) -> int:
        """Bits of the byte addresses that the chip has."""
        return self.row_bits + self.bank_bits + self.col_bits + (self.dq_bits // 8).bit_length() - 1

    @property
    def segment_words(self) -> int:
        """Most words in a segment."""
        return SEGMENT_COLUMNS // self.burst_length

    @property
    def word_bits(self) -> int:
        """Width of the number of a word within its row."""
        return self.col_bits - (self.burst_length.bit_length() - 1)

    @property
    def buffer_words(self) -> int:
        """Words that wait to be written, or have been read, at most: those of four segments."""
        return 4 * self.segment_words

    @property
    def rc_cycles(self) -> int:
        return self.cycles(self.t_rc_ns)

    @property
    def ras_cycles(self) -> int:
        return self.cycles(self.t_ras_ns)

    @property
    def rp_cycles(self) -> int:
        return self.cycles(self.t_rp_ns)

    @property
    def rcd_cycles(self) -> int:
        return self.cycles(self.t_rcd_ns)

    @property
    def rrd_cycles(self) -> int:
        return max(2, self.cycles(self.t_rrd_ns))

    @property
    def write_cycles(self) -> int:
        """From WRITE to PRECHARGE of its bank."""
        return self.burst_length - 1 + max(2, self.cycles(self.t_wr_ns))

    @property
    def turnaround_cycles(self) -> int:
        """From READ to WRITE: the data have left the bus, and one clock more."""
        return self.cas_latency + self.burst_length + 1 + self.capture_cycles

    @property
    def rfc_cycles(self) -> int:
        return self.cycles(self.t_rfc_ns)

    @property
    def mrd_cycles(self) -> int:
        return max(2, self.cycles(self.t_mrd_ns))

    @property
    def power_up_cycles(self) -> int:
        return -(-self.power_up_us * self.clock_khz // 1000)

    @property
    def refresh_cycles(self) -> int:
        """From one REFRESH to the next at most: every row once in `refresh_us`."""
        return self.refresh_us * self.clock_khz // 1000 >> self.row_bits

    @property
    def refresh_delay(self) -> int:
        """Clocks from when a refresh is wanted to the command, at most: open rows must be closed first."""
        closed = max(self.ras_cycles, self.write_cycles) + 1 + self.rp_cycles + 1
        return max(closed, self.rc_cycles + 1) + 1

    @property
    def refresh_period(self) -> int:
        """Clocks after a REFRESH in which the next one is wanted."""
        return self.refresh_cycles - self.refresh_delay

    @property
    def mode(self) -> int:
        """The mode register: sequential bursts of one word, in both directions."""
        return self.cas_latency << 4 | self.burst_length.bit_length() - 1

    @property
    def place_shape(self) -> data.StructLayout:
        """Where a word is: consecutive rows of addresses are in different banks."""
        return data.StructLayout({
            "word": unsigned(self.word_bits),
            "bank": unsigned(self.bank_bits),
            "row": unsigned(self.row_bits),
        })

    @property
    def burst_shape(self) -> data.StructLayout:
        """An AXI burst of ``words_less_1 + 1`` words; one with ``error`` does not touch the chip."""
        return data.StructLayout({"place": self.place_shape, "words_less_1": unsigned(8), "error": unsigned(1)})

    @property
    def segment_shape(self) -> data.StructLayout:
        """A part of a burst, within a row; ``last`` is the burst's last."""
        return data.StructLayout({
            "place": self.place_shape,
            "words_less_1": unsigned((self.segment_words - 1).bit_length()),
            "last": unsigned(1),
            "error": unsigned(1),
        })
