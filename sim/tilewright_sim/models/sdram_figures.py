"""The datasheet values of an SDRAM chip for its model."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

__all__ = ["ChipFigures", "SdramError"]


class SdramError(AssertionError):
    """The controller violated a rule of the chip; the message begins with the parameter and has the clock."""


@dataclass(frozen=True, kw_only=True)
class ChipFigures:
    """A chip's datasheet: sizes, times in nanoseconds and, where there is a minimum, in clocks."""

    dq_bits: int
    row_bits: int
    col_bits: int
    bank_bits: int
    t_rc_ns: int
    t_ras_ns: int
    t_rp_ns: int
    t_rcd_ns: int
    t_rrd_ns: int
    t_wr_ns: int
    t_rfc_ns: int
    t_mrd_ns: int
    refresh_us: int
    power_up_us: int
    clocks: dict[str, int] = field(default_factory=lambda: {"t_rrd_ns": 2, "t_wr_ns": 2, "t_mrd_ns": 2})
    t_ras_most_ns: int = 100_000
    start_refreshes: int = 8

    @classmethod
    def of(cls, config: Any, **changes: Any) -> Self:
        """Return the datasheet values in a `tilewright.memory.sdram.config.SdramConfig`, with some changed."""
        known = {f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)}
        return cls(**(known | changes))
