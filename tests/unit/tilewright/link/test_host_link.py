"""The host link's hardware: requests on the line become accesses, and nothing else does."""

import random

import pytest
from support.serial_bench import SerialEnd

from tilewright.link import MAGIC, MAX_BYTES, READ_WINDOW, HostLink, Space, Status
from tilewright_sim.host.serial.frames import Request, Response, Unframer, frame
from tilewright_sim.testbench import AxiMemory, ReadMemory, WriteMemory, pysim

DIVISOR = 4
LONG = pytest.mark.long
INFORMATION = (MAGIC, 12_000_000, 0, 1 << 12, 0xC0FFEE00)
SIZE = 1 << 12


class Registers:
    """An AXI4-Lite subordinate of 32 registers; those from 16 on refuse."""

    def __init__(self, lite):
        self.lite = lite
        self.values = [0x01020304 * n & 0xFFFF_FFFF for n in range(32)]
        self.writes: list[tuple[int, int]] = []

    async def run(self, ctx):
        lite = self.lite
        self.writes.clear()
        address = data = None
        for ready in (lite.arready, lite.awready, lite.wready):
            ctx.set(ready, 1)
        while True:
            names = ("arvalid", "araddr", "awvalid", "awaddr", "wvalid", "wdata", "wstrb")
            _, _, ar, raddr, aw, waddr, w, wdata, wstrb = await ctx.tick().sample(*(getattr(lite, n) for n in names))
            ctx.set(lite.rvalid, ar)
            if ar:
                ctx.set(lite.rdata, self.values[raddr // 4 % 32])
                ctx.set(lite.rresp, 2 * (raddr // 4 >= 16))
            address, data = waddr if aw else address, (wdata, wstrb) if w else data
            done = address is not None and data is not None
            ctx.set(lite.bvalid, done)
            if done:
                ctx.set(lite.bresp, 2 * (address // 4 >= 16))
                assert data[1] == 15
                self.writes.append((address, data[0]))
                address = data = None


class Board:
    """A `HostLink` with its memory and registers, and the host's end of the line."""

    def __init__(self, data_bits: int = 32, latency: int = 3):
        self.dut = HostLink(DIVISOR, data_bits, 32, 1, INFORMATION, 16)
        self.contents = bytearray(n * 7 + (n >> 8) & 0xFF for n in range(SIZE))
        self.reads: AxiMemory = ReadMemory(self.dut.m_axi, self.contents, latency=latency)
        self.writes: AxiMemory = WriteMemory(self.dut.m_axi, self.contents, latency=latency)
        self.registers = Registers(self.dut.m_axil)
        self.line = SerialEnd(self.dut, DIVISOR)

    def run(self, *sends: bytes, bench=None, more=(), limit: int = 200_000) -> list[Response]:
        """Send, one after the other; return the responses, which are all good frames."""

        async def host(ctx):
            for data in sends:
                await self.line.send(ctx, data)
            if bench:
                await bench(ctx)
            quiet = 0
            while quiet < 200:
                quiet = 0 if ctx.get(self.dut.busy) else quiet + 1
                await ctx.tick()

        background = (self.reads.run, self.writes.run, self.registers.run, self.line.receive, *more)
        pysim.run(self.dut, host, background=background, limit_cycles=limit)
        unframer = Unframer()
        payloads = unframer.push(bytes(self.line.received))
        assert unframer.bad == 0
        responses = [Response.of(payload) for payload in payloads]
        assert None not in responses
        return responses  # type: ignore[return-value]


def request(sequence: int, space: Space, address: int, what: int | bytes, synchronize: bool = False) -> bytes:
    data = what if isinstance(what, bytes) else None
    count = what if isinstance(what, int) else len(what)
    return frame(Request(space, address, count, data, synchronize).payload(sequence))


def test_it_describes_the_board_and_adopts_the_hosts_sequence():
    board = Board()
    first, second = board.run(
        request(77, Space.INFORMATION, 0, 24, synchronize=True), request(78, Space.INFORMATION, 16, 4)
    )
    words = [int.from_bytes(first.data[n : n + 4], "little") for n in range(0, 24, 4)]
    assert words[:5] == list(INFORMATION)
    assert 0 < words[5] < 10_000
    assert (first.sequence, first.expected, first.status) == (77, 78, Status.OKAY)
    assert (second.sequence, second.expected, second.data) == (78, 79, INFORMATION[4].to_bytes(4, "little"))


@LONG
@pytest.mark.parametrize("data_bits", [32, 64])
def test_bytes_are_written_and_read_at_any_address(data_bits):
    board = Board(data_bits)
    want = bytearray(board.contents)
    chance = random.Random(data_bits)
    sends, reads = [], []
    for sequence, (address, size) in enumerate([(0, 1), (3, 1), (5, 2), (7, 3), (64, 8), (1021, 13), (2051, 30)]):
        data = chance.randbytes(size)
        sends += [request(2 * sequence, Space.MEMORY, address, data, synchronize=sequence == 0)]
        sends += [request(2 * sequence + 1, Space.MEMORY, max(address - 2, 0), size + 3)]
        want[address : address + size] = data
        reads.append(bytes(want[max(address - 2, 0) :][: size + 3]))
    responses = board.run(*sends)
    assert [response.status for response in responses] == [Status.OKAY] * len(sends)
    assert [response.data for response in responses[1::2]] == reads
    assert board.contents == want


@LONG
def test_the_longest_frames_go_both_ways():
    board = Board(64)
    data = bytes([0, 255, 0, 1] * (MAX_BYTES // 4))
    write, read = board.run(request(0, Space.MEMORY, 512, data, True), request(1, Space.MEMORY, 512, MAX_BYTES))
    assert write.status is read.status is Status.OKAY
    assert read.data == data


def test_registers_are_read_and_written_in_bursts():
    board = Board()
    responses = board.run(
        request(0, Space.REGISTERS, 4, (0xDEADBEEF).to_bytes(4, "little") + (5).to_bytes(4, "little"), True),
        request(1, Space.REGISTERS, 8, 12),
        request(2, Space.REGISTERS, 64, 4),
        request(3, Space.REGISTERS, 64, bytes(4)),
        request(4, Space.INFORMATION, 0, bytes(4)),
    )
    assert board.registers.writes == [(4, 0xDEADBEEF), (8, 5), (64, 0)]
    assert responses[1].data == b"".join((0x01020304 * n).to_bytes(4, "little") for n in (2, 3, 4))
    assert [r.status for r in responses] == [Status.OKAY] * 2 + [Status.BUS_ERROR] * 3


def test_a_repeated_write_is_executed_once():
    board = Board()
    write = request(9, Space.REGISTERS, 4, (1).to_bytes(4, "little"))
    responses = board.run(
        request(8, Space.REGISTERS, 64, bytes(4), True), write, write, request(10, Space.REGISTERS, 4, 4), write,
        request(9, Space.REGISTERS, 8, 4), request(8, Space.REGISTERS, 64, bytes(4)),
    )  # fmt: skip
    assert board.registers.writes == [(64, 0), (4, 1)]
    assert [r.expected for r in responses] == [9, 10, 10, 11, 11, 11, 11]
    assert [r.status for r in responses] == [Status.BUS_ERROR] + [Status.OKAY] * 6
    assert len(responses[5].data) == 4  # a read is done again


def test_requests_out_of_order_are_ignored():
    board = Board()
    responses = board.run(
        request(0, Space.INFORMATION, 0, 4, True), request(2, Space.REGISTERS, 4, bytes(4)),
        request(200, Space.REGISTERS, 4, bytes(4)), request(2, Space.MEMORY, 4, 4),
    )  # fmt: skip
    assert [r.status for r in responses[1:]] == [Status.OUT_OF_ORDER] * 3
    assert [r.expected for r in responses] == [1] * 4
    assert [r.data for r in responses[1:]] == [b""] * 3
    assert not board.registers.writes


@pytest.mark.parametrize("count", [0, MAX_BYTES + 1, 255])
def test_impossible_counts_are_refused(count):
    board = Board()
    payload = Request(Space.MEMORY, 0, count).payload(1)
    (response,) = board.run(frame(payload))
    assert response.status is Status.REFUSED
    assert response.data == b""


def test_a_write_with_a_wrong_length_is_refused():
    board = Board()
    before = bytes(board.contents)
    payload = Request(Space.MEMORY, 0, 5, b"abcdef", True).payload(1)
    (response,) = board.run(frame(payload))
    assert response.status is Status.REFUSED
    assert board.contents == before


@pytest.mark.parametrize("how", ["garbled", pytest.param("lost", marks=LONG), pytest.param("doubled", marks=LONG)])
def test_a_corrupt_write_is_dropped_and_the_next_frame_is_executed(how):
    """Each byte of a frame in turn, or each third; the good frame right behind it is executed."""
    good = request(1, Space.MEMORY, 3, b"\1\0\3", True)
    bad = request(0, Space.MEMORY, 0, b"\5\6\7\0", True)
    chance = random.Random(1)
    board = Board()
    want = bytearray(board.contents)
    want[3:6] = b"\1\0\3"
    sends = []
    for place in range(1, len(bad) - 1, 3 if how == "garbled" else 1):
        changed = bytes([bad[place] ^ (1 << chance.randrange(8))])
        instead = {"garbled": changed, "lost": b"", "doubled": 2 * changed}[how]
        sends.append(bad[:place] + instead + bad[place + 1 :] + good)
    responses = board.run(*sends)
    assert board.contents == want
    assert sum(r.status is Status.OKAY for r in responses) == len(sends)
    assert {r.status for r in responses} == {Status.OKAY, Status.GARBLED}


def test_a_lost_end_of_frame_loses_no_other_frame():
    board = Board()
    good = request(1, Space.MEMORY, 3, b"\1\0\3", True)
    responses = board.run(good[:-1] + good)
    assert [r.status for r in responses] == [Status.OKAY, Status.OKAY]


def test_the_link_recovers_from_a_pulled_cable_and_a_stuck_host():
    """Half a frame; then the line is low for long, as an open one may be; then a long pause; then a new host."""
    board = Board()
    half = request(5, Space.MEMORY, 0, bytes(range(40)), True)[:30]
    before = bytes(board.contents)

    async def later(ctx):
        for level in (0, 1):
            ctx.set(board.dut.rx, level)
            await ctx.tick().repeat(1500)
        await board.line.send(ctx, half)
        await ctx.tick().repeat(1500)
        await board.line.send(ctx, request(9, Space.INFORMATION, 16, 4, True))

    responses = board.run(half, bench=later)
    assert responses[-1].data == INFORMATION[4].to_bytes(4, "little")
    assert {r.status for r in responses[:-1]} <= {Status.GARBLED}
    assert board.contents == before


@LONG
def test_a_frame_that_is_too_long_is_ignored():
    board = Board()
    before = bytes(board.contents)
    responses = board.run(frame(bytes(range(1, 250)) * 2), request(3, Space.INFORMATION, 16, 4, True))
    assert responses[-1].status is Status.OKAY
    assert board.contents == before


@LONG
def test_frames_that_do_not_fit_are_dropped_and_reported():
    """Requests for long responses sent at once: as many as the window are kept, of more some are not."""
    board = Board()
    sends = [request(n, Space.MEMORY, 0, MAX_BYTES, n == 0) for n in range(9)]
    responses = board.run(*sends, request(2, Space.INFORMATION, 16, 4))
    okay = [r.sequence for r in responses if r.status is Status.OKAY]
    assert okay[:READ_WINDOW] == list(range(READ_WINDOW))
    assert len(responses) < len(sends) + 1
    assert all(r.status in (Status.OKAY, Status.GARBLED, Status.OUT_OF_ORDER) for r in responses)


@LONG
def test_responses_follow_each_other_without_a_gap():
    """While reads are queued the line to the host is never idle: 10 bits for each byte."""
    board = Board()
    board.run(*(request(n, Space.MEMORY, 64 * n, 200, n == 0) for n in range(READ_WINDOW)), more=[board.line.count])
    starts = board.line.starts
    assert starts[-1] - starts[0] <= (len(starts) - 1) * 10 * DIVISOR + 4
    data = READ_WINDOW * 200
    assert data / len(starts) >= 0.9
