"""Design-space exploration: sweep configurations, measure them in parallel, show the Pareto front.

A sweep (`sweep`) is cut into tasks (`task`), which run on Dask unless their results are cached (`cache`). The
results (`results`) become tables (`tables`), a Pareto front (`pareto`) and a page for the browser (`html`). `cycles`
computes the cycles of a workload on a configuration, and `knobs` finds its bottleneck.
"""

from .cache import Cache
from .cycles import DEFAULT_SHAPES
from .html import check_page, page
from .results import DEFAULT_MHZ, Exploration
from .sweep import load_sweep
from .tables import result_table, skipped_table
from .task import Task, generator_digest, measure

__all__ = [
    "DEFAULT_MHZ",
    "DEFAULT_SHAPES",
    "Cache",
    "Exploration",
    "Task",
    "check_page",
    "generator_digest",
    "load_sweep",
    "measure",
    "page",
    "result_table",
    "skipped_table",
]
