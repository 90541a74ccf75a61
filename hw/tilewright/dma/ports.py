"""The Verilog ports of the DMA engines."""

from amaranth.lib.wiring import Out

from tilewright.base import Port

from .reader import DmaReader
from .writer import DmaWriter

__all__ = ["reader_ports", "writer_ports"]


def reader_ports(reader: DmaReader) -> list[Port]:
    """Ports of a DMA reader: descriptors, AXI4 read channels, a stream of words, and what both engines have."""
    o = reader.o
    return [
        *_request_ports(reader),
        Port("output", "m_axis_tvalid", o.valid, "there is a word"),
        Port("input", "m_axis_tready", o.ready, "it is taken at this clock edge"),
        Port("output", "m_axis_tdata", o.payload.data, "bytes of the row, the first lowest, zero beyond its end"),
        Port("output", "m_axis_tlast", o.payload.last, "last word of the request"),
        Port("output", "m_axis_tuser", o.payload.row_last, "last word of its row"),
        *_control_ports(reader),
        *_bus_ports(reader),
    ]


def writer_ports(writer: DmaWriter) -> list[Port]:
    """Ports of a DMA writer: descriptors, a stream of words, AXI4 write channels, and what both engines have."""
    i = writer.i
    return [
        *_request_ports(writer),
        Port("input", "s_axis_tvalid", i.valid, "there is a word"),
        Port("output", "s_axis_tready", i.ready, "it is accepted at this clock edge"),
        Port("input", "s_axis_tdata", i.payload, "bytes of the row, the first lowest; any beyond its end"),
        *_control_ports(writer),
        *_bus_ports(writer),
    ]


def _request_ports(engine: DmaReader | DmaWriter) -> list[Port]:
    config, requests = engine.config, engine.requests
    place = "any" if config.unaligned else f"a multiple of {config.word_bytes}"
    return [
        Port("input", "request_valid", requests.valid, "there is a descriptor"),
        Port("output", "request_ready", requests.ready, "it is accepted at this clock edge"),
        Port("input", "request_address", requests.payload.address, f"of the first byte of the first row, {place}"),
        Port("input", "request_bytes", requests.payload.bytes, "bytes in each row, at least 1"),
        Port("input", "request_rows", requests.payload.rows, "rows, at least 1"),
        Port("input", "request_stride", requests.payload.stride, f"bytes from row to row, {place}"),
    ]


def _control_ports(engine: DmaReader | DmaWriter) -> list[Port]:
    status = engine.status
    causes = "0 none, 1 misaligned, 2 SLVERR, 3 DECERR, 4 wrapped, 6 empty, 7 aborted"
    counters = {
        "beats": "cycles in which data moved, so the beats",
        "bursts": "addresses accepted by the bus",
        "waiting_memory": "cycles in which the memory held the engine up",
        "waiting_stream": "cycles in which a stream held the engine up",
        "idle": "cycles without a request",
    }
    return [
        Port("output", "status_valid", status.valid, "a request has ended"),
        Port("input", "status_ready", status.ready, "its status is taken at this clock edge"),
        Port("output", "status_cause", status.payload.cause.as_value(), f"how it ended: {causes}"),
        Port("output", "status_address", status.payload.address, "of the burst that failed, or of the last one"),
        Port("input", "abort", engine.abort, "end all requests"),
        Port("output", "busy", engine.busy, "some request's status has not been taken"),
        Port("input", "clear_counters", engine.clear_counters, "set all counters to 0"),
        *(Port("output", f"counter_{name}", getattr(engine.counters, name), about) for name, about in counters.items()),
    ]


def _bus_ports(engine: DmaReader | DmaWriter) -> list[Port]:
    return [
        Port(
            "output" if member.flow == Out else "input",
            f"m_axi_{name}",
            getattr(engine.m_axi, name),
            f"AXI4, channel {_channel(name)}",
        )
        for name, member in engine.m_axi.signature.members.items()
    ]


def _channel(name: str) -> str:
    return name[:2].upper() if name[0] == "a" else name[0].upper()
