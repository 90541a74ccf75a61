"""The regression on one configuration: generate, compile, run the benches, report."""

from .pages import junit, page
from .plan import matching
from .regression import run_bench
from .report import Report, VerifiedTest
from .run import Settings, verify

__all__ = ["Report", "Settings", "VerifiedTest", "junit", "matching", "page", "run_bench", "verify"]
