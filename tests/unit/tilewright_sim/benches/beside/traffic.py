"""Legal traffic of each core, and what breaks each of its rules."""

from support.traffic import Traffic, changed, one
from unit.tilewright_sim.benches.beside.accelerator import ACC, ACCELERATOR, accelerator
from unit.tilewright_sim.benches.beside.dma import COMMON, DMA, READER, WRITER, aborted, dma_reader, dma_writer

__all__ = ["CASES", "PARAMETERS"]

PARAMETERS = {
    "accelerator": ACCELERATOR,
    "block-tile": {"ACT_BITS": 72, "WGT_BITS": 72, "RESULT_BITS": 53, "COLS": 8, "LATENCY": 6},
    "dma-reader": DMA,
    "dma-writer": DMA | {"UNALIGNED": 0},
    "sdram": {"ADDR_BITS": 23, "DATA_BITS": 32, "ID_BITS": 4, "DQ_BITS": 16, "ROW_BITS": 11, "BANK_BITS": 2},
    "tile": {"ACT_BITS": 16, "WGT_BITS": 16, "RESULT_BITS": 17, "COLS": 2, "LATENCY": 3},
}


def sdram():
    t = Traffic(40, s_axi_arready=1, s_axi_awready=1, s_axi_wready=1, s_axi_rready=1, s_axi_bready=1, s_axi_arsize=2,
                s_axi_awsize=2, s_axi_arburst=1, s_axi_awburst=1, started=1, sdram_cs_n=1, sdram_cas_n=1)  # fmt: skip
    for cycle, name in enumerate((5, 9)):
        t.at(4 + cycle, s_axi_arvalid=1, s_axi_arid=name, s_axi_arlen=cycle)
        t.at(4 + cycle, s_axi_awvalid=1, s_axi_awid=name, s_axi_awlen=cycle)
    t.over(4, 6, s_axi_wvalid=1, s_axi_wstrb=15)
    t.at(4, s_axi_wlast=1)
    t.at(6, s_axi_wlast=1)
    t.over(8, 9, s_axi_bvalid=1, s_axi_bid=5)
    t.at(8, s_axi_bready=0)
    t.at(10, s_axi_bvalid=1, s_axi_bid=9)
    t.over(12, 13, s_axi_rvalid=1, s_axi_rid=5, s_axi_rlast=1)
    t.at(12, s_axi_rready=0)
    t.over(14, 15, s_axi_rvalid=1, s_axi_rid=9)
    t.at(15, s_axi_rlast=1)
    t.at(20, sdram_cs_n=0, sdram_we_n=1)
    t.at(21, sdram_cs_n=0, sdram_ras_n=1, sdram_cas_n=0, sdram_dq_oe=1)
    return t


SDRAM = [
    ("withdrawn", [one(9, s_axi_bvalid=0)]),
    ("changed", [one(9, s_axi_bresp=2)]),
    ("withdrawn", [one(13, s_axi_rvalid=0)]),
    ("changed", [one(13, s_axi_rresp=2)]),
    ("changed", [one(13, s_axi_rdata=2)]),
    ("not the identifier", [(12, 13, {"s_axi_rid": 9})]),
    ("not the identifier", [(8, 9, {"s_axi_bid": 9})]),
    ("wrong beat", [one(14, s_axi_rlast=1)]),
    ("without a request", [one(17, s_axi_bvalid=1, s_axi_bid="x")]),
    ("data without a request", [one(17, s_axi_rvalid=1)]),
    ("not started any more", [one(17, started=0)]),
    ("X in an address", [one(20, sdram_ba="x")]),
    ("X where", [one(21, sdram_dq_o="x")]),
    ("", [one(21, sdram_dq_o="x", sdram_dqm=3)]),
    ("", [one(22, sdram_a="x")]),
]


def tile():
    t = Traffic(30, s_axis_act_tready=1, s_axis_wgt_tready=1)
    t.at(4, s_axis_wgt_tvalid=1)
    t.at(5, s_axis_wgt_tvalid=1)
    t.over(5, 6, s_axis_act_tvalid=1)
    t.at(5, s_axis_act_tready=0)
    t.at(7, s_axis_act_tvalid=1, s_axis_act_tlast=1)
    t.at(8, s_axis_wgt_tvalid=1, s_axis_wgt_tlast=1)  # one column; the other keeps what it has
    t.over(9, 10, s_axis_wgt_tvalid=1)
    t.at(9, s_axis_wgt_tready=0)
    t.at(11, s_axis_act_tvalid=1, s_axis_act_tlast=1)
    t.over(9, 10, m_axis_res_tvalid=1)
    t.at(10, m_axis_res_tlast=1)
    t.at(14, m_axis_res_tvalid=1, m_axis_res_tlast=1)
    return t


TILE = [
    ("withdrawn", [one(6, s_axis_act_tvalid=0)]),
    ("changed", [one(6, s_axis_act_tdata=1)]),
    ("changed", [one(10, s_axis_wgt_tlast=1)]),
    ("before its weights", [one(8, s_axis_act_tvalid=1)]),
    ("too far ahead", [(9, 20, {"s_axis_wgt_tvalid": 1, "s_axis_wgt_tlast": 1}), one(9, s_axis_wgt_tready=1)]),
    ("not one result", [one(9, m_axis_res_tvalid=0)]),
    ("not one result", [one(11, m_axis_res_tvalid=1)]),
    ("tlast of a result", [one(9, m_axis_res_tlast=1)]),
    ("X in a sum", [one(9, m_axis_res_tdata="x")]),
    ("X in a sum", [one(14, m_axis_res_tdata="x")]),
]


def block_tile():
    t = Traffic(40, s_axis_act_tready=1, s_axis_wgt_tready=1, s_axis_act_tuser=1)
    t.over(2, 9, s_axis_wgt_tvalid=1)
    t.over(10, 11, s_axis_act_tvalid=1)
    t.at(10, s_axis_act_tready=0)
    t.over(12, 20, s_axis_wgt_tvalid=1)
    t.at(12, s_axis_wgt_tready=0)
    t.at(13, s_axis_act_tvalid=1, s_axis_act_tlast=1)
    t.at(21, s_axis_act_tvalid=1, s_axis_act_tuser=2)
    t.at(23, s_axis_act_tvalid=1, s_axis_act_tuser=2, s_axis_act_tlast=1)
    t.at(27, m_axis_res_tvalid=1)
    t.at(29, m_axis_res_tvalid=1, m_axis_res_tlast=1)
    return t


BLOCK_TILE = [
    ("withdrawn", [one(11, s_axis_act_tvalid=0)]),
    ("changed", [one(11, s_axis_act_tdata=1)]),
    ("changed", [one(11, s_axis_act_tuser=3)]),
    ("changed", [one(13, s_axis_wgt_tdata=1)]),
    ("before its weights", [one(16, s_axis_act_tvalid=1)]),
    ("not the first of its sums", [(10, 11, {"s_axis_act_tuser": 0})]),
    ("too far ahead", [(22, 38, {"s_axis_wgt_tvalid": 1}), one(21, s_axis_act_tvalid=0), one(23, s_axis_act_tvalid=0),
                       (14, 38, {"s_axis_wgt_tvalid": 1})]),
    ("not one result", [one(27, m_axis_res_tvalid=0)]),
    ("not one result", [one(17, m_axis_res_tvalid=1)]),
    ("tlast of a result", [one(27, m_axis_res_tlast=1)]),
    ("X in a sum", [one(29, m_axis_res_tdata="x")]),
]  # fmt: skip


def with_changes(traffic, table):
    return [(text, changed(traffic, *changes)) for text, changes in table]


CASES = {
    "accelerator": [("", accelerator()), *ACC["bus"], *ACC["registers"], *ACC["descriptors"]],
    "block-tile": [("", block_tile()), *with_changes(block_tile, BLOCK_TILE)],
    "dma-reader": [("", dma_reader()), ("", aborted(dma_reader)), *with_changes(dma_reader, COMMON + READER)],
    "dma-writer": [("", dma_writer()), ("", aborted(dma_writer)), ("", changed(dma_writer, stride=18)),
                   *with_changes(dma_writer, COMMON + WRITER)],
    "sdram": [("", sdram()), *with_changes(sdram, SDRAM)],
    "tile": [("", tile()), *with_changes(tile, TILE)],
}  # fmt: skip
"""By core: traffic, and what is reported of it; nothing where it is legal."""
