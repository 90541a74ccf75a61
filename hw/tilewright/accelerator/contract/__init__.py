"""Definitions shared by all parts of the accelerator: configuration, constants, payload shapes, interfaces."""

from .config import AcceleratorConfig, Rounding
from .constants import (
    ADDEND_BITS,
    DESCRIPTOR_BYTES,
    INDEX_BITS,
    PARAMETER_PITCH_BYTES,
    RESULT,
    SIZE_BITS,
    STRIDE_BITS,
    Activity,
    Unit,
)
from .job_slot import JobSlot, fork_job
from .shapes import (
    MAGNITUDE,
    SHIFT_BITS,
    arriving_shape,
    chunk_words,
    failure_shape,
    format_shape,
    job_shape,
    load_shape,
    loaded_shape,
    place_shape,
    tile_shape,
    transfer_shape,
)
from .signatures import PanelReader, PanelWriter, ResultsPort, RingReader, RingWriter, SumsPort

__all__ = [
    "ADDEND_BITS",
    "DESCRIPTOR_BYTES",
    "INDEX_BITS",
    "MAGNITUDE",
    "PARAMETER_PITCH_BYTES",
    "RESULT",
    "SHIFT_BITS",
    "SIZE_BITS",
    "STRIDE_BITS",
    "AcceleratorConfig",
    "Activity",
    "JobSlot",
    "PanelReader",
    "PanelWriter",
    "ResultsPort",
    "RingReader",
    "RingWriter",
    "Rounding",
    "SumsPort",
    "Unit",
    "arriving_shape",
    "chunk_words",
    "failure_shape",
    "fork_job",
    "format_shape",
    "job_shape",
    "load_shape",
    "loaded_shape",
    "place_shape",
    "tile_shape",
    "transfer_shape",
]
