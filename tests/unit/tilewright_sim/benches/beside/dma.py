"""Legal traffic of the DMA engines, and what breaks each of their rules."""

from support.traffic import Traffic, changed, one

DMA = {
    "ADDR_BITS": 16, "DATA_BITS": 32, "ID_BITS": 4, "MAX_BURST": 4, "OUTSTANDING": 2, "LENGTH_BITS": 8, "ROWS_BITS": 4,
    "STRIDE_BITS": 8, "COUNTER_BITS": 8,
}  # fmt: skip


def request(t, cycle, **fields):
    """A request of two rows of 6 bytes, unless otherwise said; it waits for a cycle."""
    fields = {"address": 0x100, "bytes": 6, "rows": 2, "stride": 16} | fields
    t.over(cycle, cycle + 1, request_valid=1, **{f"request_{name}": value for name, value in fields.items()})
    t.at(cycle, request_ready=0)


def dma_reader():
    t = Traffic(40, m_axi_arready=1, m_axi_rready=1, m_axis_tready=1, status_ready=1, request_ready=1,
                m_axi_arsize=2, m_axi_arburst=1)  # fmt: skip
    request(t, 4)
    t.over(6, 25, busy=1)
    t.at(7, m_axi_arvalid=1, m_axi_araddr=0x100, m_axi_arlen=1)
    t.at(8, m_axi_arvalid=1, m_axi_araddr=0x110, m_axi_arlen=1)
    t.over(10, 13, m_axi_rvalid=1)
    t.at(11, m_axi_rlast=1)
    t.at(13, m_axi_rlast=1)
    t.over(14, 18, m_axis_tvalid=1)
    t.at(14, m_axis_tready=0)
    t.at(16, m_axis_tuser=1)
    t.at(18, m_axis_tuser=1, m_axis_tlast=1)
    t.over(24, 25, status_valid=1)
    t.at(24, status_ready=0)
    return t


def dma_writer(**fields):
    t = Traffic(40, m_axi_awready=1, m_axi_wready=1, m_axi_bready=1, s_axis_tready=1, status_ready=1, request_ready=1,
                m_axi_awsize=2, m_axi_awburst=1)  # fmt: skip
    request(t, 4, **fields)
    t.over(6, 25, busy=1)
    t.over(5, 9, s_axis_tvalid=1)
    t.at(5, s_axis_tready=0)
    t.at(10, m_axi_awvalid=1, m_axi_awaddr=0x100, m_axi_awlen=1)
    t.at(11, m_axi_awvalid=1, m_axi_awaddr=0x110, m_axi_awlen=1)
    for cycle in (10, 12):
        t.at(cycle, m_axi_wvalid=1, m_axi_wstrb=15)
        t.at(cycle + 1, m_axi_wvalid=1, m_axi_wstrb=3, m_axi_wlast=1)
    t.over(16, 17, m_axi_bvalid=1)
    t.over(24, 25, status_valid=1)
    t.at(24, status_ready=0)
    return t


def aborted(traffic):
    """An abort cuts a request short."""
    return changed(traffic, one(12, abort=1))


COMMON = [
    ("busy is not 1", [one(12, busy=0)]),
    ("busy is not 1", [one(26, busy=1)]),
    ("withdrawn", [one(25, status_valid=0)]),
    ("changed", [one(25, status_address=4)]),
    ("without a request", [one(27, status_valid=1)]),
    ("withdrawn", [one(5, request_valid=0)]),
]
READER = [
    ("withdrawn", [one(15, m_axis_tvalid=0)]),
    ("changed", [one(15, m_axis_tdata=1)]),
    ("tuser", [one(15, m_axis_tuser=1)]),
    ("tuser", [one(16, m_axis_tuser=0)]),
    ("tlast", [one(16, m_axis_tlast=1)]),
    ("tlast", [one(18, m_axis_tlast=0)]),
    ("a word without a request", [one(20, m_axis_tvalid=1)]),
    ("before the last word", [one(17, status_valid=1)]),
]
WRITER = [
    ("withdrawn", [one(6, s_axis_tvalid=0)]),
    ("more bytes", [one(13, m_axi_wstrb=7)]),
    ("before the last byte", [one(13, m_axi_wstrb=1)]),
    ("data without a request", [one(15, m_axi_wvalid=1, m_axi_wstrb=1)]),
]
