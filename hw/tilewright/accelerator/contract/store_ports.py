"""The ports of both engines that store."""

from amaranth.hdl import unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Member, Out

from .config import AcceleratorConfig
from .constants import INDEX_BITS, Activity
from .shapes import failure_shape, job_shape, transfer_shape
from .signatures import FlippedBits, SumsPort

__all__ = ["store_ports"]


def store_ports(config: AcceleratorConfig) -> dict[str, Member]:
    """Return the members of `Store` and `CompactStore`, whose docstrings say what each does there."""
    transfers = stream.Signature(transfer_shape(config))
    words = stream.Signature(config.dma.word_shape, always_ready=True)
    flipped = {f"{name}_flipped": Out(FlippedBits()) for name in ("sums", "parameters")} if config.ecc else {}
    return flipped | {
        "job": In(stream.Signature(job_shape(config))),
        "head": In(unsigned(INDEX_BITS)),
        "sums": Out(SumsPort(config)),
        "parameter_requests": Out(transfers),
        "parameter_words": In(words),
        "c_requests": Out(transfers),
        "c_words": In(words),
        "write_requests": Out(transfers),
        "write_words": Out(stream.Signature(config.result_word_bits)),
        "write_status": In(stream.Signature(config.dma.status_shape, always_ready=True)),
        "completed": Out(1),
        "failure": Out(stream.Signature(failure_shape(config), always_ready=True)),
        "activity": Out(Activity),
    }
