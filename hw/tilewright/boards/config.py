"""The configuration of a board's system: the accelerator, the memory, the clock and the host link."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright.link import MAGIC, design_identity
from tilewright.memory.sdram import SdramConfig

__all__ = ["BoardConfig"]

MIN_DIVISOR = 12
"""Fewest cycles per bit at which the device builds a response faster than further requests can arrive."""
MAX_BAUD_ERROR = 0.02
"""Largest relative error of the baud rate."""


class BoardConfig(AcceleratorConfig):
    """An accelerator with its surroundings on a board. The presets have the names of the boards."""

    TABLE = "board"
    PRESETS: ClassVar = {
        "ulx3s-85f": {
            **AcceleratorConfig.PRESETS["small"], "memory": "sdram", "memory_bytes": 1 << 25,
            "clock_hz": 80_000_000, "baud": 3_000_000,
        },
        "colorlight-i5": {
            **AcceleratorConfig.PRESETS["nano"], "multiplier": "dsp", "memory": "block", "memory_bytes": 1 << 16,
            "clock_hz": 80_000_000, "baud": 1_000_000,
        },
        "icebreaker": {
            **AcceleratorConfig.PRESETS["nano"], "multiplier": "dsp", "variant": "compact", "addr_bits": 17,
            "size_bits": 11, "stride_bits": 14, "panel_words": 512, "ring_words": 64, "chunk_words": 8,
            "max_burst": 1, "outstanding": 1, "memory": "block", "memory_bytes": 1 << 17,
            "clock_hz": 12_000_000, "baud": 1_000_000,
        },
        "tang-nano-20k": {
            **AcceleratorConfig.PRESETS["nano"], "rows": 8, "cols": 4, "dot": 8, "data_bits": 64, "requant_lanes": 2,
            "unaligned": True, "addr_bits": 24, "size_bits": 14, "stride_bits": 20,
            "memory": "sdram", "sdram_chip": "gw2ar-18", "memory_bytes": 1 << 23,
            "clock_hz": 54_000_000, "baud": 1_000_000,
        },
    }  # fmt: skip

    memory: Annotated[
        Literal["block", "sdram"],
        Field(description="Memory on the chip (`block`), or the board's SDRAM chip (`sdram`)."),
    ] = "block"
    sdram_chip: Annotated[
        Literal["ulx3s", "is42s16160g-7", "w9825g6kh-6", "as4c32m16sb-7", "gw2ar-18"],
        Field(description="The SDRAM chip, a preset of the core `sdram`."),
    ] = "ulx3s"
    memory_bytes: Annotated[
        int, Field(ge=4096, le=1 << 27, description="Size of the memory in bytes; a power of two.")
    ] = 1 << 16
    clock_hz: Annotated[
        int, Field(ge=1_000_000, le=400_000_000, description="Frequency of the clock in Hz; timing must be met at it.")
    ] = 80_000_000
    baud: Annotated[int, Field(ge=1200, le=12_000_000, description="Bits in a second on the serial line.")] = 1_000_000

    def __init__(self, /, **values: Any):  # for type checkers: the fields of the tile are not among those declared here
        super().__init__(**values)

    @model_validator(mode="after")
    def _makes_a_system(self) -> Self:
        if self.memory_bytes & self.memory_bytes - 1:
            nearest = 1 << self.memory_bytes.bit_length() - 1
            raise ConfigError("memory_bytes", self.memory_bytes, "must be a power of two", nearest)
        least = self.memory_bytes.bit_length() - 1
        if self.addr_bits < least:
            raise ConfigError(
                "addr_bits", self.addr_bits, f"must be at least {least}, or part of the memory cannot be reached", least
            )
        if self.divisor < MIN_DIVISOR or abs(self.clock_hz / self.divisor / self.baud - 1) > MAX_BAUD_ERROR:
            nearest = self.clock_hz // max(MIN_DIVISOR, self.divisor)
            reason = f"cannot be made from clock_hz = {self.clock_hz} within {MAX_BAUD_ERROR:.0%}"
            raise ConfigError("baud", self.baud, reason, nearest)
        if self.memory == "sdram" and self.sdram.size_log2 != self.memory_bytes.bit_length() - 1:
            raise ConfigError("memory_bytes", self.memory_bytes, "must be the chip's", 1 << self.sdram.size_log2)
        return self

    @property
    def divisor(self) -> int:
        """Clock cycles in a bit of the serial line."""
        return max(1, round(self.clock_hz / self.baud))

    @property
    def sdram(self) -> SdramConfig:
        """The controller of the board's SDRAM."""
        return SdramConfig.preset(
            self.sdram_chip,
            clock_khz=self.clock_hz // 1000,
            data_bits=self.data_bits,
            addr_bits=self.addr_bits,
            id_bits=self.id_bits + 1,
            outstanding=min(self.outstanding + 1, 64),
        )

    @property
    def information(self) -> tuple[int, ...]:
        """The words of `link_protocol.Space.INFORMATION` that are constant."""
        return MAGIC, self.clock_hz, 0, self.memory_bytes, design_identity(self.to_json())
