"""What the regression on one configuration came to."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .rtl_coverage import CoveragePoint

__all__ = ["Report", "VerifiedTest"]


@dataclass(frozen=True, kw_only=True)
class VerifiedTest:
    """One test.

    Parameters
    ----------
    name : str
    seed : int
    status : str
        ``passed``, ``failed``, ``skipped``, or ``not run`` where the simulation broke off before.
    seconds : float
    cycles : int
        Clock cycles that it simulated.
    message : str
        Why it failed or was skipped.
    log : Path or None
    waveform : Path or None
    longest : int or None
        The smallest limit of random sizes with which it still fails; ``message`` and ``waveform`` are of that run.
    """

    name: str
    seed: int
    status: str
    seconds: float
    cycles: int
    message: str
    log: Path | None = None
    waveform: Path | None = None
    longest: int | None = None

    @property
    def failed(self) -> bool:
        """It failed or did not run."""
        return self.status in ("failed", "not run")


@dataclass(frozen=True, kw_only=True)
class Report:
    """All tests of a run, and what they covered.

    Parameters
    ----------
    core, simulator, target, effort : str
    config : dict
        Fields of the configuration, or those that all configurations have in common.
    tests : list of VerifiedTest
    coverage : Counter
        How often each bin of functional coverage was met, by ``group: bin``.
    rtl : Counter
        How often each `CoveragePoint` of the Verilog was reached.
    """

    core: str
    simulator: str
    target: str
    effort: str
    config: dict[str, Any]
    tests: list[VerifiedTest]
    coverage: Counter[str] = field(default_factory=Counter)
    rtl: Counter[CoveragePoint] = field(default_factory=Counter)

    @property
    def failures(self) -> list[VerifiedTest]:
        """The tests that failed or did not run."""
        return [test for test in self.tests if test.failed]

    @property
    def summary(self) -> str:
        """One line."""
        counts = Counter(test.status for test in self.tests)
        parts = [f"{count} {status}" for status, count in counts.items()]
        cycles, seconds = (sum(getattr(test, name) for test in self.tests) for name in ("cycles", "seconds"))
        return f"{', '.join(parts)}; {cycles:,} cycles simulated in {seconds:.0f} s"

    def updated(self, changed: VerifiedTest) -> "Report":
        """The report with another result of a test."""
        return replace(self, tests=[changed if test.name == changed.name else test for test in self.tests])
