"""What a flow measures, as reports show it."""

from dataclasses import dataclass
from typing import Any

__all__ = ["FlowResults"]


@dataclass(frozen=True)
class FlowResults:
    """Area and timing of a core on a target, as what JSON can hold.

    Parameters
    ----------
    area : dict
        ``total``: on an FPGA ``lut4`` (LUT4-equivalents), ``carry``, ``ff``, ``dsp``, ``bram`` and ``memory_bits``; of
        an asic ``cell_um2``, ``gate_equivalents``, ``ff``, ``memory_bits`` and, where a bit's area was given,
        ``memory_um2``. ``modules``: the same for each module without what is in it, with its ``name`` (kinds from the
        top, with slashes) and ``instances``; they add up to the total. ``multipliers``: how many there are.
    timing : dict or None
        ``requested_mhz`` (None if no clock was asked for), ``fmax_mhz`` (the median of the seeds), ``best_mhz``,
        ``seeds`` (MHz by seed), ``slack_ns``, ``met``, and ``critical_path``: steps with ``component``, ``signal``,
        ``kind`` and ``ns``.
    notes : list of str
        What a reader has to know about these values.
    """

    area: dict[str, Any]
    timing: dict[str, Any] | None
    notes: list[str]
