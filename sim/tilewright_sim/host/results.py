"""What a run of descriptors returns."""

from dataclasses import dataclass, field

from numpy.typing import NDArray

from tilewright_sim.models import Records

__all__ = ["GemmResult", "RunResult", "VectorResult"]


@dataclass(frozen=True)
class RunResult:
    """Cycles, counters and time of a run of descriptors.

    Parameters
    ----------
    cycles : int
        From the doorbell to the interrupt.
    counters : dict
        The hardware's counters of these cycles, by name; see `tilewright.accelerator.registers.table.COUNTERS`.
    utilisation : float
        Average share of the multipliers that multiply an element of A and one of B, from 0 to 1.
    descriptors : int
    seconds : float
        Wall-clock time from submission to completion.
    interrupts : list of (int, int)
        Of descriptors that were made with ``interrupt``: how many descriptors were complete, and the cycle.
    """

    cycles: int
    counters: dict[str, int]
    utilisation: float
    descriptors: int
    seconds: float
    interrupts: list[tuple[int, int]] = field(default_factory=list, kw_only=True)


@dataclass(frozen=True)
class GemmResult(RunResult):
    """The result ``c`` of one product, int32, int8 or float32 of shape [M, N], and its `RunResult`."""

    c: NDArray


@dataclass(frozen=True)
class VectorResult(RunResult):
    """The result ``c`` of one vector operation, and its `RunResult`.

    It is float32 [m, n], uint16 [m, n] with the bits of bf16, `Records`, int32 [m] of ARGMAX, or int8 [m, n] of
    QUANTIZE. The utilisation, which is that of the multipliers of products, is 0.
    """

    c: NDArray | Records
