"""AMBA AXI4 and AXI4-Lite as Amaranth interfaces with the standard signal names."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import enum
from amaranth.lib.wiring import In, Out, PureInterface, Signature

from tilewright.base import ConfigError

__all__ = ["BOUNDARY_BYTES", "Axi4", "Axi4Read", "Axi4Write", "AxiLite", "Burst", "Response", "connect_channels"]

BOUNDARY_BYTES = 4096
"""No burst touches two blocks of this size."""


class Burst(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """How addresses go on within a burst (`arburst`, `awburst`)."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Response(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's keyword
    """The result of a transfer (`rresp`, `bresp`)."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class _Axi4(Signature):
    """The channels given by ``members``, and the three widths they were made from."""

    def __init__(self, members: dict, data_bits: int, addr_bits: int, id_bits: int):
        check_widths(data_bits, addr_bits)
        if id_bits < 1:
            raise ConfigError("id_bits", id_bits, "must be at least 1", 1)
        self.data_bits = data_bits
        self.addr_bits = addr_bits
        self.id_bits = id_bits
        super().__init__(members)

    __hash__ = None  # type: ignore[assignment]  # as Amaranth's own signatures

    def __eq__(self, other):
        return type(self) is type(other) and self.members == other.members

    def __repr__(self):
        widths = f"data_bits={self.data_bits}, addr_bits={self.addr_bits}, id_bits={self.id_bits}"
        return f"{type(self).__name__}({widths})"


class Axi4Read(_Axi4):
    """The read half of AXI4 (channels AR and R), seen from the manager.

    Parameters
    ----------
    data_bits : int
        Width of a beat, 8 to 1024, a power of two.
    addr_bits : int
        Width of an address, 1 to 64.
    id_bits : int
        Width of a transaction identifier, at least 1.

    Members
    -------
    arid, araddr, arlen, arsize, arburst, arlock, arcache, arprot, arqos, arvalid : Out
        A burst of ``arlen + 1`` beats of ``2**arsize`` bytes.
    arready : In(1)
        The address is accepted at the end of this cycle.
    rid, rdata, rresp, rlast, rvalid : In
        A beat; `rresp` is a `Response`.
    rready : Out(1)
        The beat is taken at the end of this cycle.
    """

    def __init__(self, *, data_bits: int, addr_bits: int, id_bits: int):
        super().__init__(_read(data_bits, addr_bits, id_bits), data_bits, addr_bits, id_bits)


class Axi4Write(_Axi4):
    """The write half of AXI4 (channels AW, W and B), seen from the manager.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        See `Axi4Read`.

    Members
    -------
    awid, awaddr, awlen, awsize, awburst, awlock, awcache, awprot, awqos, awvalid : Out
        A burst of ``awlen + 1`` beats of ``2**awsize`` bytes.
    awready : In(1)
        The address is accepted at the end of this cycle.
    wdata, wstrb, wlast, wvalid : Out
        A beat; bit n of `wstrb` says that byte n is written.
    wready : In(1)
        The beat is accepted at the end of this cycle.
    bid, bresp, bvalid : In
        The response to a whole burst; `bresp` is a `Response`.
    bready : Out(1)
        The response is taken at the end of this cycle.
    """

    def __init__(self, *, data_bits: int, addr_bits: int, id_bits: int):
        super().__init__(_write(data_bits, addr_bits, id_bits), data_bits, addr_bits, id_bits)


class Axi4(_Axi4):
    """AXI4 with all five channels, seen from the manager.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        See `Axi4Read`.

    Members
    -------
    The members of `Axi4Write` and `Axi4Read`.
    """

    def __init__(self, *, data_bits: int, addr_bits: int, id_bits: int):
        members = _write(data_bits, addr_bits, id_bits) | _read(data_bits, addr_bits, id_bits)
        super().__init__(members, data_bits, addr_bits, id_bits)


class AxiLite(Signature):
    """AXI4-Lite, seen from the manager: single beats, no identifiers.

    Parameters
    ----------
    data_bits : int
        Width of a register, 32 or 64.
    addr_bits : int
        Width of an address, 1 to 64.

    Members
    -------
    awaddr, awprot, awvalid, wdata, wstrb, wvalid, bready, araddr, arprot, arvalid, rready : Out
        What the manager drives: address and data of a write, `bready` for its response, address of a read, `rready`
        for its data. What is offered with a `valid` stays until the `ready` of the same channel is 1.
    awready, wready, bresp, bvalid, arready, rdata, rresp, rvalid : In
        What the subordinate drives; `bresp` and `rresp` are a `Response`, valid with `bvalid` and `rvalid`.
    """

    def __init__(self, *, data_bits: int = 32, addr_bits: int):
        check_widths(data_bits, addr_bits)
        if data_bits not in (32, 64):
            raise ConfigError("data_bits", data_bits, "must be 32 or 64 for AXI4-Lite", 32 if data_bits < 48 else 64)
        self.data_bits = data_bits
        self.addr_bits = addr_bits
        super().__init__({
            "awaddr": Out(addr_bits),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(data_bits),
            "wstrb": Out(data_bits // 8),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(addr_bits),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(data_bits),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        })

    __hash__ = None  # type: ignore[assignment]  # as Amaranth's own signatures

    def __eq__(self, other):
        return type(self) is type(other) and self.members == other.members

    def __repr__(self):
        return f"AxiLite(data_bits={self.data_bits}, addr_bits={self.addr_bits})"


def check_widths(data_bits: int, addr_bits: int) -> None:
    """Raise `ConfigError` unless AXI has beats and addresses of these widths."""
    if data_bits not in (8, 16, 32, 64, 128, 256, 512, 1024):
        nearest = min((8 << n for n in range(8)), key=lambda bits: abs(bits - data_bits))
        raise ConfigError("data_bits", data_bits, "must be a power of two from 8 to 1024", nearest)
    if not 1 <= addr_bits <= 64:
        raise ConfigError("addr_bits", addr_bits, "must be 1 to 64", min(max(addr_bits, 1), 64))


def _address(channel: str, addr_bits: int, id_bits: int) -> dict:
    return {
        f"{channel}id": Out(id_bits),
        f"{channel}addr": Out(addr_bits),
        f"{channel}len": Out(8),
        f"{channel}size": Out(3),
        # Plain vectors, not `Burst`: enumerations cannot be ports of a simulator's top level everywhere.
        f"{channel}burst": Out(unsigned(2)),
        f"{channel}lock": Out(1),
        f"{channel}cache": Out(4),
        f"{channel}prot": Out(3),
        f"{channel}qos": Out(4),
        f"{channel}valid": Out(1),
        f"{channel}ready": In(1),
    }


def _read(data_bits: int, addr_bits: int, id_bits: int) -> dict:
    return _address("ar", addr_bits, id_bits) | {
        "rid": In(id_bits),
        "rdata": In(data_bits),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }


def _write(data_bits: int, addr_bits: int, id_bits: int) -> dict:
    return _address("aw", addr_bits, id_bits) | {
        "wdata": Out(data_bits),
        "wstrb": Out(data_bits // 8),
        "wlast": Out(1),
        "wvalid": Out(1),
        "wready": In(1),
        "bid": In(id_bits),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
    }


def connect_channels(m: Module, part: PureInterface, whole: PureInterface) -> None:
    """Connect an AXI4 interface that has some of the channels to the same channels of one that has all.

    Parameters
    ----------
    part : interface of a submodule
    whole : interface of the component around it, of the same direction
    """
    for name, member in part.signature.members.items():
        inner, outer = getattr(part, name), getattr(whole, name)
        m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
