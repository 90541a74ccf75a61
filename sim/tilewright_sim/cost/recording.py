"""Values of RTL signals in each cycle of a run, read from its waveform."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import missing_package

__all__ = ["Bits", "Recording", "read_recording"]

Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Recording:
    """Values of registers and ports of the RTL in each cycle of a run, just before the rising clock edge.

    Parameters
    ----------
    cycles : int
    signals : dict of uint8 arrays of shape [cycles, bits]
        By hierarchical name below the top module; the lowest bit comes first.
    """

    cycles: int
    signals: dict[str, Bits]


def read_recording(waveform: Path, top: str, wanted: set[str], cycles: range | None = None) -> Recording:
    """Read the signals in ``wanted`` from an FST or VCD waveform that Verilator has written.

    Parameters
    ----------
    waveform : Path
    top : str
        The top module.
    wanted : set of str
        Hierarchical names below ``top``, separated by dots.
    cycles : range or None
        Rising clock edges to keep, all by default.

    Raises
    ------
    ToolError
        If pywellen is missing.
    """
    try:
        import pywellen
    except ImportError:
        raise missing_package("pywellen, which reads waveforms,", "report") from None
    found: dict[str, Any] = {}
    for variable in pywellen.Waveform(str(waveform)).all_vars():
        name = variable.full_name
        name = re.sub(rf"^(?:TOP\.)?(?:{re.escape(top)}\.)?", "", name)
        name = re.sub(r"\s*\[\d+:\d+\]$", "", name)
        if name == "clk" or name in wanted:
            found.setdefault(name, variable)
    edges = [time for time, value in found.pop("clk").tv if value == 1]
    samples = np.array(edges[cycles.start : cycles.stop] if cycles else edges) - 1
    signals = {name: _sampled(variable, samples) for name, variable in found.items()}
    return Recording(len(samples), signals)


def _sampled(variable: Any, samples: NDArray) -> Bits:
    changes = [(time, value) for time, value in variable.tv]
    width = variable.length or 1
    size = -(-width // 8)
    # Values before the first change are unknown; they count as 0, as `x` does.
    values = [0, *(value if isinstance(value, int) else 0 for _, value in changes)]
    raw = np.frombuffer(b"".join(value.to_bytes(size, "little") for value in values), dtype=np.uint8)
    bits = np.unpackbits(raw.reshape(-1, size), axis=1, bitorder="little")[:, :width]
    return bits[np.searchsorted(np.array([time for time, _ in changes]), samples, side="right")]
