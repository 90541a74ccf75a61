"""The engines and the counters of what each of them does."""

from tilewright.accelerator.contract import AcceleratorConfig, Activity

__all__ = ["ALL_ENGINES", "COUNTERS", "ENGINES", "VECTOR_COUNTERS", "counter_names", "counters_of", "engines_of"]

ENGINES = ("load_a", "load_b", "execute", "store")
"""The engines of a product."""
ALL_ENGINES = (*ENGINES, "vector")
"""And the vector engine, which is there with `vector_lanes`."""
_CAUSES = {
    "load_a": {
        "BUSY": "a word of A arrives",
        "MEMORY": "words of A are due from the bus, or wait for their turn on it",
        "SPACE": "both halves of the A panel are in use",
        "DEPENDENCY": "fence: earlier descriptors are not complete",
        "IDLE": "no descriptor to work on",
    },
    "load_b": {
        "BUSY": "a word of B arrives",
        "MEMORY": "words of B are due from the bus, or wait for their turn on it",
        "SPACE": "the B ring is full",
        "DEPENDENCY": "fence: earlier descriptors are not complete",
        "IDLE": "no descriptor to work on",
    },
    "execute": {
        "BUSY": "a word of activations enters the tile: all multipliers work",
        "MEMORY": "the next chunk of A or B is not there",
        "SPACE": "both banks of accumulators are in use",
        "DEPENDENCY": "the next weights are still entering the tile (blocks of fewer rows than cols)",
        "IDLE": "no descriptor to work on",
    },
    "store": {
        "BUSY": "sums leave the accumulators",
        "MEMORY": "parameters or old C are due, the bus does not take more, or the last writes are not answered",
        "SPACE": "the results before must leave the epilogue first",
        "DEPENDENCY": "no sums are complete",
        "IDLE": "no descriptor to work on",
    },
    "vector": {
        "BUSY": "elements enter the lanes",
        "MEMORY": "words of x or y are due, the bus does not take more, or the last writes are not answered",
        "SPACE": "the results before must leave the lanes first",
        "DEPENDENCY": "earlier descriptors are not complete",
        "IDLE": "no descriptor to work on",
    },
}


def _causes(engine: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{engine}_{cause.lower()}", f"{engine.replace('_', ' ')}: {_CAUSES[engine][cause]}")
        for cause in Activity.__members__
    )


COUNTERS = (
    ("cycles", "cycles with STATUS.busy, since the counters were cleared"),
    *(counter for engine in ENGINES for counter in _causes(engine)),
    ("read_words", "words that the bus has delivered"),
    ("write_words", "words that the bus has taken"),
)
"""Name and meaning of each counter, in the order of their registers. For each engine the five add up to `cycles`."""

VECTOR_COUNTERS = _causes("vector")
"""What follows them with `vector_lanes`."""


def counter_names(*, vector: bool) -> list[str]:
    """Names of the counters, in the order of their registers, with or without a vector engine; not in `compact`."""
    return [name for name, _ in COUNTERS + (VECTOR_COUNTERS if vector else ())]


def counters_of(config: AcceleratorConfig) -> list[str]:
    """Names of the counters that a configuration has, in the order of their registers."""
    return counter_names(vector=config.vector_lanes > 0) if config.has_counters else ["cycles"]


def engines_of(config: AcceleratorConfig) -> tuple[str, ...]:
    """The engines of a configuration, in the order of the fields of the register ENGINES."""
    return ALL_ENGINES if config.vector_lanes else ENGINES
