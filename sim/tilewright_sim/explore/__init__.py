"""Design-space exploration: sweep configurations, measure them in parallel, show what is worth building.

A sweep (`sweep`) is cut into tasks (`measure`), which run on Dask (`run`) unless their results are known (`cache`); the
results become rows (`table`), a Pareto front (`pareto`) and a page for the browser (`page`). `cycles` and `knobs` say
what a workload takes on a configuration and what would have to grow for it to take less.
"""
