"""The host's side of the link, against a model of the device, over lines that lose and corrupt bytes."""

import os
import random
import sys
import tty
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.base import TilewrightError
from tilewright.link.protocol import MAGIC, MAX_BYTES, REPEATS, SPACE_LOW, SYNCHRONIZE, WRITE, Space, Status
from tilewright_sim.host.serial.device import SerialDevice, SerialLine
from tilewright_sim.host.serial.frames import Unframer, cobs, frame, uncobs
from tilewright_sim.host.serial.link import Link, LinkError

SIZE = 1 << 14
INFORMATION = (MAGIC, 12_000_000, 0, SIZE, 0x1234)


class Device:
    """What `link_protocol` says of the device, and a line to it with faults.

    ``fault`` is asked for every byte in both directions and returns the bytes that arrive instead.
    """

    def __init__(self, fault=lambda byte: bytes([byte])):
        self.fault = fault
        self.memory = bytearray(SIZE)
        self.registers = dict.fromkeys(range(0, 64, 4), 0)
        self.register_writes: list[tuple[int, int]] = []
        self.expected = 0
        self.write_status = Status.OKAY
        self.sequence = 0
        self.irq = False
        self.now = 0.0
        self.cycles = 0
        self.dead = False
        self.frames = 0
        self._unframer = Unframer()
        self._bad = 0
        self._out = bytearray()

    def clock(self) -> float:
        return self.now

    def send(self, data: bytes) -> None:
        self.now += len(data) * 1e-5
        if self.dead:
            return
        arrived = b"".join(self.fault(byte) for byte in data)
        payloads = self._unframer.push(arrived)
        for _ in range(self._unframer.bad - self._bad):
            self._answer(b"", Status.GARBLED)
        self._bad = self._unframer.bad
        for payload in payloads:
            self._execute(payload)

    def receive(self, seconds: float) -> bytes:
        if not self._out:
            self.now += seconds
            return b""
        data, self._out = bytes(self._out[:100]), self._out[100:]
        self.now += len(data) * 1e-5
        return b"".join(self.fault(byte) for byte in data)

    def close(self) -> None:
        self.dead = True

    def _answer(self, data: bytes, status: Status) -> None:
        self._out += frame(bytes([self.sequence, self.expected]) + data + bytes([status.value | 0x80 * self.irq]))

    def _execute(self, payload: bytes) -> None:
        self.frames += 1
        operation, self.sequence, count = payload[:3]
        address, data = int.from_bytes(payload[3:7], "little"), payload[7:]
        write, space = operation & WRITE, Space(operation >> SPACE_LOW & 3)
        if operation & SYNCHRONIZE:
            self.expected = self.sequence
        if not 1 <= count <= MAX_BYTES or len(data) != (count if write else 0):
            return self._answer(b"", Status.REFUSED)
        behind = (self.expected - self.sequence) % 256
        if behind > REPEATS:
            return self._answer(b"", Status.OUT_OF_ORDER)
        if write and behind:
            return self._answer(b"", self.write_status)
        if not behind:
            self.expected = (self.expected + 1) % 256
        data, status = self._access(space, address, count, data if write else None)
        if write:
            self.write_status = status
        return self._answer(data, status)

    def _access(self, space, address, count, data):
        self.cycles += 1000
        if space is Space.MEMORY:
            if address + count > SIZE:
                return (b"" if data is not None else bytes(count)), Status.BUS_ERROR
            if data is None:
                return bytes(self.memory[address : address + count]), Status.OKAY
            self.memory[address : address + count] = data
            return b"", Status.OKAY
        if space is Space.REGISTERS:
            if address not in self.registers:
                return (b"" if data is not None else bytes(count)), Status.BUS_ERROR
            if data is None:
                return b"".join(
                    self.registers[address + n].to_bytes(4, "little") for n in range(0, count, 4)
                ), Status.OKAY
            self.registers[address] = int.from_bytes(data, "little")
            self.register_writes.append((address, self.registers[address]))
            return b"", Status.OKAY
        words = b"".join(word.to_bytes(4, "little") for word in (*INFORMATION, self.cycles))
        return words[address : address + count], Status.OKAY


def linked(device: Device) -> Link:
    link = Link(device, clock=device.clock)
    link.synchronize()
    return link


@given(st.binary(max_size=600))
def test_cobs_has_no_zero_and_is_undone(data):
    coded = cobs(data)
    assert 0 not in coded
    assert uncobs(coded) == data
    assert len(coded) <= len(data) + len(data) // 254 + 1


@pytest.mark.parametrize(
    ("data", "coded"),
    [(b"", b"\1"), (b"\0", b"\1\1"), (b"\5", b"\2\5"), (b"\0\5\0", b"\1\2\5\1"), (b"ab\0c", b"\3ab\2c"),
     (bytes(range(1, 255)), b"\xff" + bytes(range(1, 255)) + b"\1")],
)  # fmt: skip
def test_cobs_is_as_published(data, coded):
    assert cobs(data) == coded


def test_the_crc_is_that_of_zlib():
    assert uncobs(frame(b"123456789")[1:-1]) == b"123456789" + (0xCBF43926).to_bytes(4, "little")
    assert zlib.crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize("size", [0, 1, 239, 240, 241, 5000])
def test_memory_is_written_and_read(size):
    device = Device()
    link = linked(device)
    data = random.Random(size).randbytes(size)
    link.write(Space.MEMORY, 77, data)
    assert link.read(Space.MEMORY, 77, size) == data
    assert link.repeated == 0


@pytest.mark.parametrize("seed", range(8))
def test_writes_arrive_once_and_in_order_over_a_bad_line(seed):
    """One byte of 500 is lost, garbled or doubled, in both directions."""
    chance = random.Random(seed)

    def fault(byte: int) -> bytes:
        if chance.random() > 0.002:
            return bytes([byte])
        return chance.choice([b"", bytes([byte ^ 1 << chance.randrange(8)]), bytes([byte, byte]), b"\0"])

    device = Device()
    link = linked(device)
    device.fault = fault
    data = chance.randbytes(6000)
    link.write(Space.MEMORY, 100, data)
    for number in range(30):
        link.write(Space.REGISTERS, 4 * (number % 16), number.to_bytes(4, "little"))
    assert link.read(Space.MEMORY, 100, 6000) == data
    assert link.repeated > 0
    assert device.memory == bytes(100) + data + bytes(SIZE - 6100)
    assert device.register_writes == [(4 * (number % 16), number) for number in range(30)]


def test_a_new_host_takes_over_whatever_the_last_one_left():
    device = Device()
    linked(device).write(Space.MEMORY, 0, bytes(3000))
    device.send(frame(b"\1\2\3abc")[:4])
    device.receive(1)
    second = linked(device)
    second.write(Space.MEMORY, 0, b"abc")
    assert second.read(Space.MEMORY, 0, 3) == b"abc"


def test_errors_of_the_bus_name_the_step():
    device = Device()
    link = linked(device)
    with pytest.raises(LinkError, match=r"reading 4 bytes at 0x100: the board's bus responded with an error"):
        link.read(Space.REGISTERS, 0x100, 4)
    with pytest.raises(LinkError, match=r"writing 4 bytes at 0x100: the board's bus"):
        link.write(Space.REGISTERS, 0x100, bytes(4))
    assert link.read(Space.MEMORY, 0, 4) == bytes(4)


def test_a_transfer_that_stalls_says_at_which_step():
    device = Device()
    link = linked(device)
    limit = device.frames + 4
    device.fault = lambda byte: bytes([byte]) if device.frames < limit else b""
    with pytest.raises(LinkError, match=r"writing 5000 bytes at 0x0 stalled, \d of 21 frames done: no response in 5"):
        link.write(Space.MEMORY, 0, bytes(5000))


def test_silence_and_nonsense_have_different_messages():
    silent = Device(lambda byte: b"")
    with pytest.raises(LinkError, match=r"no response within 2.5 s: check that the bitstream is loaded"):
        Link(silent, clock=silent.clock).synchronize()

    class Nonsense(Device):
        def receive(self, seconds):
            return b"\0login: \0" if super().receive(seconds) else b""

    other = Nonsense()
    with pytest.raises(LinkError, match=r"of another protocol, or the baud rate is wrong"):
        Link(other, clock=other.clock).synchronize()


def test_the_device_waits_by_the_boards_clock_and_for_its_interrupt(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    device = Device()
    board = SerialDevice(device)
    before = device.cycles
    assert not board.wait(50_000)
    assert device.cycles - before >= 50_000
    device.irq = True
    assert board.wait(1 << 40)


def test_the_device_keeps_to_its_memory():
    board = SerialDevice(Device())
    assert board.memory == range(SIZE)
    board.write_memory(SIZE - 4, b"abcd")
    assert board.read_memory(SIZE - 4, 4) == b"abcd"
    board.write_register(8, 0xDEADBEEF)
    assert board.read_register(8) == 0xDEADBEEF
    with pytest.raises(TilewrightError, match="outside the board's memory"):
        board.read_memory(SIZE - 4, 5)
    with pytest.raises(TilewrightError, match="outside the board's memory"):
        board.write_memory(SIZE, b"a")


def test_a_port_that_is_not_there_is_named():
    with pytest.raises(TilewrightError, match=r"there is no port /dev/ttyNONE; ports here: "):
        SerialDevice("/dev/ttyNONE")


def test_a_port_without_permission_and_a_missing_package_say_what_to_do(monkeypatch, tmp_path):
    port = tmp_path / "tty"
    port.touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(TilewrightError, match=r"no permission for .*tty: run `sudo usermod -aG dialout \$USER`"):
        SerialDevice(str(port))
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(
        TilewrightError, match=r"pyserial, which connects to boards, is missing: run `pip install 'tilewright\[sim\]'`"
    ):
        SerialDevice(str(port))


def test_a_port_in_use_and_one_that_is_no_serial_port_are_told(tmp_path):
    host, slave = os.openpty()
    tty.setraw(slave)
    first = SerialLine(os.ttyname(slave), 1_000_000)
    with pytest.raises(TilewrightError, match=r"/dev/pts/\d+ is in use by another program: close that first"):
        SerialLine(os.ttyname(slave), 1_000_000)
    first.close()
    os.close(host)
    os.close(slave)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(TilewrightError, match=r"cannot open .*file at 1000000 baud: "):
        SerialLine(str(file), 1_000_000)
