"""Legal traffic of the accelerator, and what breaks each of its rules."""

from functools import partial

from support.traffic import Traffic, changed, one

from tilewright.accelerator.registers import REGISTERS

OFFSET = {register.name: register.offset for register in REGISTERS}
AR, AW = {"m_axi_arsize": 4, "m_axi_arburst": 1}, {"m_axi_awsize": 4, "m_axi_awburst": 1}
ACCELERATOR = {
    "ADDR_BITS": 32, "DATA_BITS": 128, "ID_BITS": 4, "MAX_BURST": 4, "OUTSTANDING": 2, "LITE_BITS": 9,
    "SIZE_BITS": 16, "STRIDE_BITS": 24, "UNALIGNED": 0, "FLAGS": 8, "VERSION": 1, "ROUNDINGS": 1,
    "ECC": 0, "CONVOLUTION": 0, "VECTOR_LANES": 0, "RECORD_BYTES": 0,
    "SCALED": 0, "B_FORMATS": 1, "INTEGER": 255, "A_RECORD": 1, "B_RECORDS": 1, "VARIABLES": 0,
    "SIZE_LIMIT": 65535, "K_LIMIT": 64,
    "READABLE": sum(1 << r.offset // 4 for r in REGISTERS),
    "WRITABLE": sum(1 << r.offset // 4 for r in REGISTERS if r.access != "ro"),
}  # fmt: skip


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
        ("more descriptors are in progress", changed(many, fetches=6)),
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
