"""Legal traffic of each core, and what breaks each of its rules."""

from functools import partial

from support.traffic import Traffic

from tilewright.accelerator.registers import REGISTERS

__all__ = ["CASES", "PARAMETERS"]

OFFSET = {register.name: register.offset for register in REGISTERS}
AR, AW = {"m_axi_arsize": 4, "m_axi_arburst": 1}, {"m_axi_awsize": 4, "m_axi_awburst": 1}
ACCELERATOR = {
    "ADDR_BITS": 32, "DATA_BITS": 128, "ID_BITS": 4, "MAX_BURST": 4, "OUTSTANDING": 2, "LITE_BITS": 9,
    "SIZE_BITS": 16, "STRIDE_BITS": 24, "UNALIGNED": 0, "FLAGS": 8, "VERSION": 1, "ROUNDINGS": 1,
    "ECC": 0, "CONVOLUTION": 0, "VECTOR_LANES": 0, "RECORD_BYTES": 0,
    "SIZE_LIMIT": 65535, "K_LIMIT": 64,
    "READABLE": sum(1 << r.offset // 4 for r in REGISTERS),
    "WRITABLE": sum(1 << r.offset // 4 for r in REGISTERS if r.access != "ro"),
}  # fmt: skip
DMA = {
    "ADDR_BITS": 16, "DATA_BITS": 32, "ID_BITS": 4, "MAX_BURST": 4, "OUTSTANDING": 2, "LENGTH_BITS": 8, "ROWS_BITS": 4,
    "STRIDE_BITS": 8, "COUNTER_BITS": 8,
}  # fmt: skip
PARAMETERS = {
    "accelerator": ACCELERATOR,
    "block-tile": {"ACT_BITS": 72, "WGT_BITS": 72, "RESULT_BITS": 53, "COLS": 8, "LATENCY": 6},
    "dma-reader": DMA,
    "dma-writer": DMA | {"UNALIGNED": 0},
    "sdram": {"ADDR_BITS": 23, "DATA_BITS": 32, "ID_BITS": 4, "DQ_BITS": 16, "ROW_BITS": 11, "BANK_BITS": 2},
    "tile": {"ACT_BITS": 16, "WGT_BITS": 16, "RESULT_BITS": 17, "COLS": 2, "LATENCY": 3},
}


def descriptor(
    *, version=1, flags=0x40, m=2, n=8, k=16, a=0x2000, b=0x3000, c=0x4000, p=0, strides=(16, 16, 32), last=0
):
    """The bytes of a descriptor, as a number. By default C has 64 bytes, and completion interrupts."""
    low = version | flags << 16 | m << 32 | n << 64 | k << 96
    return (
        low
        | a << 128
        | b << 192
        | c << 256
        | p << 320
        | sum(s << 384 + 32 * i for i, s in enumerate(strides))
        | last << 504
    )


def write(t, cycle, offset, data, response=0, strobes=15):
    """The host writes a register; address before data."""
    t.at(cycle, s_axil_awvalid=1, s_axil_awaddr=offset)
    t.values[cycle + 1] |= {"s_axil_wvalid": 1, "s_axil_wdata": data, "s_axil_wstrb": strobes}
    t.at(cycle + 5, s_axil_bvalid=1, s_axil_bresp=response)


def read(t, cycle, offset, data, response=0):
    """The host reads a register; the answer waits for a cycle."""
    t.at(cycle, s_axil_arvalid=1, s_axil_araddr=offset)
    t.over(cycle + 3, cycle + 4, s_axil_rvalid=1, s_axil_rdata=data, s_axil_rresp=response)
    t.at(cycle + 3, s_axil_rready=0)


def fetch(t, cycle, address, value):
    """A descriptor is read, in a burst of 4 words; the address waits for a cycle."""
    t.over(cycle, cycle + 1, m_axi_arvalid=1, m_axi_araddr=address, m_axi_arlen=3)
    t.at(cycle, m_axi_arready=0)
    for beat in range(4):
        t.at(cycle + 4 + beat, m_axi_rvalid=1, m_axi_rdata=value >> 128 * beat, m_axi_rlast=beat == 3)


def accelerator(*, first=None, second=None, enable=1, log2=1, submitted=2):
    """Two descriptors from the ring: one is carried out, the other refused."""
    t = Traffic(150, m_axi_arready=1, m_axi_awready=1, m_axi_wready=1, m_axi_rready=1, m_axi_bready=1, s_axil_awready=1,
                s_axil_wready=1, s_axil_bready=1, s_axil_arready=1, s_axil_rready=1, **AR, **AW)  # fmt: skip
    for number, (name, value) in enumerate([
        ("IRQ_ENABLE", 7),
        ("RING_BASE_LO", 0x1000),
        ("RING_LOG2", log2),
        ("CONTROL", enable),
        ("TAIL", submitted),
    ]):
        write(t, 4 + 6 * number, OFFSET[name], value)
    fetch(t, 37, 0x1000, descriptor() if first is None else first)
    t.at(46, m_axi_arvalid=1, m_axi_araddr=0x2000, m_axi_arlen=1)
    t.at(47, m_axi_arvalid=1, m_axi_araddr=0x3000, m_axi_arlen=3)
    t.over(50, 55, m_axi_rvalid=1)
    t.at(51, m_axi_rlast=1)
    t.at(55, m_axi_rlast=1)
    fetch(t, 57, 0x1040, descriptor(version=2) if second is None else second)
    t.over(66, 69, m_axi_wvalid=1, m_axi_wstrb=0xFFFF)
    t.at(66, m_axi_wready=0)
    t.at(70, m_axi_wvalid=1, m_axi_wstrb=0xFFFF, m_axi_wlast=1)
    t.over(68, 69, m_axi_awvalid=1, m_axi_awaddr=0x4000, m_axi_awlen=3)
    t.at(68, m_axi_awready=0)
    t.over(73, 74, m_axi_bvalid=1)
    t.at(73, m_axi_bready=0)
    t.over(78, 150, irq=1)
    for number, (name, value) in enumerate([
        ("HEAD", 1),
        ("TAIL", submitted),
        ("STATUS", 2),
        ("ERROR", 1),
        ("ERROR_INDEX", 1),
        ("HEAD", 1),
    ]):
        read(t, 82 + 6 * number, OFFSET[name], value)
    write(t, 120, OFFSET["COMMAND"], 2)
    read(t, 130, OFFSET["HEAD"], 2)
    write(t, 138, OFFSET["ID"], 1, response=2)
    read(t, 138, 0x7C, 0, response=2)
    return t


def many(fetches):
    """Six descriptors are submitted, and fetched before any is complete."""
    t = accelerator(log2=3, submitted=6)
    for cycle in range(35, 151):
        t.values.pop(cycle, None)
    for number in range(fetches):
        fetch(t, 37 + 12 * number, 0x1000 + 64 * number, descriptor(c=0x4000 + 256 * number))
    return t


def changed(traffic, *changes, **options):
    """Traffic with changes: cycle and ports of each."""
    t = traffic(**options)
    for first, last, values in changes:
        t.over(first, last, **values)
    return t


def one(cycle, **values):
    return cycle, cycle, values


acc = partial(changed, accelerator)


def direct(t, cycle, value):
    """A whole descriptor through the registers."""
    for word in range(16):
        write(t, cycle + 6 * word, 0x80 + 4 * word, value >> 32 * word & 0xFFFF_FFFF)


def directly(read_at=0x2000, head_at=0x4000):
    """After the first, one descriptor comes through the registers."""
    t = accelerator(submitted=1)
    for cycle in range(56, 66):
        t.values.pop(cycle, None)
    for cycle in range(88, 151):
        t.values.pop(cycle, None)
    t.cycles = 240
    t.over(78, 240, irq=1)
    direct(t, 100, descriptor(flags=0x07 & ~4, n=16, p=0x5000, strides=(16, 16, 16)))
    for number, (address, length) in enumerate([(read_at, 1), (0x5000, 3), (0x50C0 - 0x40, 3)]):
        t.at(204 + 10 * number, m_axi_arvalid=1, m_axi_araddr=address, m_axi_arlen=length)
        t.over(206 + 10 * number, 206 + 10 * number + length, m_axi_rvalid=1)
        t.at(206 + 10 * number + length, m_axi_rlast=1)
    t.at(232, m_axi_awvalid=1, m_axi_awaddr=head_at, m_axi_awlen=1)
    t.over(232, 233, m_axi_wvalid=1, m_axi_wstrb=0xFFFF)
    t.at(233, m_axi_wlast=1)
    t.at(236, m_axi_bvalid=1)
    return t


def refused(code, **fields):
    """The second descriptor is refused; another error than its own is reported."""
    return acc((103, 104, {"s_axil_rdata": code}), second=descriptor(**fields))


REFUSED = [
    (1, {"version": 0}), (2, {"flags": 0x80}), (2, {"flags": 0x81, "p": 0x5000}), (2, {"flags": 0x100}),
    (2, {"last": 1}), (2, {"flags": 5}), (2, {"flags": 6}),
    (3, {"m": 0}), (3, {"n": 0}), (3, {"k": 0}), (3, {"k": 65}), (3, {"m": 65536}), (3, {"n": 65536}),
    (3, {"a": 1 << 32}), (3, {"c": 1 << 32}), (3, {"strides": (16, 1 << 24, 32)}), (4, {"a": 8}), (4, {"b": 8}),
    (4, {"c": 4}), (4, {"strides": (16, 16, 8)}), (4, {"flags": 2, "p": 8}), (7, {"a": 0xFFFF_FFF0}),
    (7, {"c": 0xFFFF_FFE0}), (7, {"flags": 3, "p": 0xFFFF_FF80}), (3, {"flags": 2, "p": 1 << 32}),
]  # fmt: skip
"""Error and fields of descriptors that are refused."""
W4 = {"m_axi_wvalid": 1, "m_axi_wstrb": 0xFFFF}
ACC = {
    "bus": [
        ("withdrawn", acc(one(38, m_axi_arvalid=0))),
        ("changed", acc(one(37, m_axi_araddr=0x1040))),
        ("unaligned", acc(one(46, m_axi_araddr=0x2008))),
        ("passes 4 KiB", acc(one(47, m_axi_araddr=0x2FF0))),
        ("more than MAX_BURST", acc((37, 38, {"m_axi_arlen": 4}))),
        ("whole words", acc((37, 38, {"m_axi_arsize": 1}))),
        ("not an INCR", acc((37, 38, {"m_axi_arburst": 0}))),
        ("identifier is not 0", acc((37, 38, {"m_axi_arid": 1}))),
        ("OUTSTANDING", acc(one(48, m_axi_arvalid=1, m_axi_araddr=0x3040, m_axi_arlen=1))),
        ("without a request", acc(one(75, m_axi_rvalid=1, m_axi_rlast=1))),
        ("wrong beat", acc(one(50, m_axi_rlast=1))),
        ("number of beats", acc((66, 67, {"m_axi_wlast": 1}))),
        ("wrong beat", acc((66, 67, {"m_axi_awvalid": 1, "m_axi_awlen": 3, "m_axi_awaddr": 0x4000}),
                           one(66, m_axi_awready=0), (68, 69, {"m_axi_awvalid": 0}), one(69, m_axi_wlast=1))),
        ("without a request", acc(one(75, m_axi_bvalid=1))),
        ("withdrawn", acc(one(67, m_axi_wvalid=0))),
        ("changed", acc(one(66, m_axi_wdata=1))),
        ("withdrawn", acc(one(74, m_axi_bvalid=0))),
        ("without a request", acc(one(80, s_axil_bvalid=1))),
        ("without a request", acc(one(30, s_axil_rvalid=1))),
        ("withdrawn", acc(one(86, s_axil_rvalid=0))),
        ("changed", acc(one(86, s_axil_rdata=5))),
        ("changed", acc((50, 51, {"m_axi_rready": 0}), one(51, m_axi_rdata=1))),
    ],
    "registers": [
        ("not answered as documented", acc(one(4, s_axil_awaddr=0))),
        ("not answered as documented", acc(one(5, s_axil_wstrb=7))),
        ("neither OKAY nor SLVERR", acc(one(9, s_axil_bresp=3))),
        ("not answered as documented", acc(one(9, s_axil_bresp=2))),
        ("not answered as documented", acc(one(82, s_axil_araddr=0x7C))),
        ("not answered as documented", acc((85, 86, {"s_axil_rresp": 2}))),
        ("not answered as documented", acc((141, 142, {"s_axil_rresp": 0}))),
    ],
    "descriptors": [
        ("", changed(many, fetches=5)),
        ("more than 5", changed(many, fetches=6)),
        ("", changed(directly)),
        ("neither a descriptor nor an operand", changed(directly, read_at=0x2010)),
        ("not within C", changed(directly, head_at=0x4010)),
        ("neither a descriptor nor an operand", acc(enable=0)),
        ("neither a descriptor nor an operand", acc(submitted=0)),
        ("neither a descriptor nor an operand", acc((37, 38, {"m_axi_araddr": 0x1040}))),
        ("neither a descriptor nor an operand", acc(one(46, m_axi_araddr=0x2010))),
        ("neither a descriptor nor an operand", acc(one(47, m_axi_araddr=0x3050))),
        ("not within C", acc((68, 69, {"m_axi_awaddr": 0x4010}))),
        ("not within C", acc((68, 69, {"m_axi_awaddr": 0x3F80}))),
        ("not within C", acc(first=descriptor(n=4))),
        ("more bytes", acc(
            (68, 70, W4), one(70, m_axi_wlast=1), one(71, m_axi_wlast=1, **W4),
            one(72, m_axi_awvalid=1, m_axi_awaddr=0x4050),
            first=descriptor(strides=(16, 16, 64)))),
        ("not within C", acc(one(76, m_axi_awvalid=1, m_axi_awaddr=0x4000))),  # after it is complete
        ("HEAD counts what is not complete", acc((85, 86, {"s_axil_rdata": 2}))),
        ("HEAD counts what is not complete", acc((66, 70, {"m_axi_wstrb": 0x7FFF}))),
        ("HEAD goes back", acc((115, 116, {"s_axil_rdata": 0}))),
        ("TAIL is not", acc((91, 92, {"s_axil_rdata": 3}))),
        ("fails without a cause", acc(second=descriptor(c=0x6000))),
        ("before its turn", acc((73, 74, {"m_axi_bvalid": 0}), (85, 86, {"s_axil_rdata": 0}), (78, 100, {"irq": 0}))),
        ("not the number", acc((109, 110, {"s_axil_rdata": 0}))),
        ("interrupt without a cause", acc(one(72, irq=1))),
        ("interrupt without a cause", acc((5, 5, {"s_axil_wdata": 0}))),
        ("taken while another", acc(one(48, s_axil_awvalid=1, s_axil_awaddr=0x80),
                                    one(49, s_axil_wvalid=1, s_axil_wstrb=15), one(53, s_axil_bvalid=1))),
        *(("", refused(code, **fields)) for code, fields in REFUSED),
        *(("not the error", refused(code % 7 + 1, **fields)) for code, fields in REFUSED),
        *(("fails without a cause", acc(second=descriptor(**fields))) for fields in (
            {"k": 64}, {"a": 0xFFFF_FFE0}, {"flags": 3, "p": 0xFFFF_FF40}, {"p": 8}, {"flags": 0x3C},
            {"m": 1, "a": 0xFFFF_FFF0})),
    ],
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
