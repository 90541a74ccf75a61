"""A whole board in Verilator, its serial line a pseudo-terminal, and the host program at the other end."""

import json
import random
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner
from support.ice40_primitives import ice40_models

from tilewright.base import TilewrightError, load_config
from tilewright.boards import BOARDS, BoardConfig
from tilewright.cores import BOARD
from tilewright.flows.fpga import SYNTHESIS, build_bitstream
from tilewright.flows.fpga.surroundings import on_board
from tilewright.link import MAGIC, Space
from tilewright.tools import run_yosys
from tilewright.verilog import generate
from tilewright_sim.cli.main import cli
from tilewright_sim.host.serial import Board
from tilewright_sim.host.serial.device import SerialDevice, SerialLine
from tilewright_sim.host.serial.link import Link
from tilewright_sim.models import gemm as golden
from tilewright_sim.nn import digits
from tilewright_sim.nn.digits import on_accelerator
from tilewright_sim.verilated import BoardSimulator, simulated_board_config

LINE_CYCLES_PER_BYTE = 120
NAME = "colorlight-i5"


@pytest.fixture(scope="module")
def board():
    with BoardSimulator(simulated_board_config(NAME)) as simulated:
        yield simulated


class BadLine(SerialLine):
    """A serial port that loses, garbles and doubles bytes in both directions."""

    def __init__(self, port: str, rate: float, seed: int):
        super().__init__(port, 1_000_000)
        self.rate, self.random = rate, random.Random(seed)

    def spoil(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self.random.random() < self.rate:
                garbled = bytes([byte ^ 1 << self.random.randrange(8)])
                out += self.random.choice([b"", garbled, bytes([byte, byte]), b"\0", garbled])
            else:
                out.append(byte)
        return bytes(out)

    def send(self, data: bytes) -> None:
        super().send(self.spoil(data))

    def receive(self, seconds: float) -> bytes:
        return self.spoil(super().receive(seconds))


def test_the_board_reports_its_configuration(board):
    with SerialDevice(board.port) as device:
        config = board.config
        assert device.memory == range(config.memory_bytes)
        assert device.information.clock_hz == config.clock_hz
        assert device.information.identity == config.information[4]
        assert device.link.read(Space.INFORMATION, 0, 4) == MAGIC.to_bytes(4, "little")


def test_transfers_use_nine_tenths_of_the_line_and_more(board):
    data = random.Random(1).randbytes(12_000)
    with SerialDevice(board.port) as device:
        for move in (lambda: device.write_memory(8192, data), lambda: device.read_memory(8192, len(data))):
            start = board.cycles
            moved = move()
            cycles = board.cycles - start
            assert moved in (None, data)
            assert len(data) * LINE_CYCLES_PER_BYTE / cycles >= 0.9
        assert device.link.repeated == 0


def test_digits_are_recognized_bit_for_bit_as_by_the_golden_model(board):
    network = digits.Network.load()
    pixels, _ = digits.test_set()
    pixels = pixels[:30]
    with Board(board.port) as chip:
        logits, run = on_accelerator.forward(network, chip, pixels)
        want = on_accelerator.expected(network, pixels, chip.config.roundings[0])
    assert np.array_equal(logits, want)
    assert run.descriptors == 2


def test_the_command_line_multiplies_on_the_board(board, tmp_path):
    rng = np.random.default_rng(3)
    a, b = (rng.integers(-128, 128, (rows, 37), dtype=np.int8) for rows in (9, 13))
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    arguments = ["gemm", str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), "--save", str(tmp_path / "c.npy")]
    result = CliRunner().invoke(cli, [*arguments, "--port", board.port, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert np.array_equal(np.load(tmp_path / "c.npy"), golden.gemm(a, b))
    assert json.loads(result.output.splitlines()[-1])["clock_hz"] == board.config.clock_hz


@pytest.mark.parametrize(("seed", "size"), [(1, 1000), pytest.param(2, 5000, marks=pytest.mark.long)])
def test_a_bad_line_only_costs_time(board, seed, size):
    """One byte of 300 goes wrong, either way: what is written and read is right all the same."""
    data = random.Random(seed).randbytes(size)
    line = SerialLine(board.port, 1_000_000)
    link = Link(line, patience=0.2)
    link.synchronize()
    link.write(Space.MEMORY, 0x2000, bytes(size + 512))
    line.close()
    bad = BadLine(board.port, 1 / 300, seed)
    link = Link(bad, patience=0.2)
    link.synchronize()
    link.write(Space.MEMORY, 0x2100, data)
    got = link.read(Space.MEMORY, 0x2100, len(data))
    assert link.repeated > 0
    bad.close()
    assert got == data
    with SerialDevice(board.port) as device:
        assert device.read_memory(0x2000, size + 512) == bytes(256) + data + bytes(256)


def test_a_host_that_ends_in_a_frame_leaves_the_board_usable(board):
    with SerialDevice(board.port) as device:
        device.write_memory(0x3000, bytes(64))
    line = SerialLine(board.port, 1_000_000)
    line.send(b"\0\x30\x01\x02" + bytes(range(1, 100)))
    line.close()
    with SerialDevice(board.port) as device:
        assert device.read_memory(0x3000, 64) == bytes(64)
        device.write_memory(0x3000, b"again")
        assert device.read_memory(0x3000, 5) == b"again"


def test_the_next_host_recovers_an_accelerator_left_with_an_error(board):
    with Board(board.port) as chip:
        a = chip.array(np.ones((4, 8), np.int8))
        c = chip.empty((4, 4))
        wrong = chip.descriptor(a, chip.array(np.ones((4, 8), np.int8)), c)
        object.__setattr__(wrong, "b_address", 1 << 31)
        with pytest.raises(TilewrightError, match="DECERR"):
            chip.submit([wrong])
        chip.driver.submit([wrong])
        time.sleep(0.05)
    with Board(board.port) as chip:
        a, b = np.ones((5, 6), np.int8), np.full((7, 6), 2, np.int8)
        assert np.array_equal(chip.gemm(a, b).c, golden.gemm(a, b))


def test_switching_the_board_off_is_an_error_that_names_the_step():
    with BoardSimulator(simulated_board_config(NAME)) as simulated:
        device = SerialDevice(simulated.port, patience=0.2)
        threading.Timer(0.3, simulated._library.board_stop, [simulated._board]).start()
        with pytest.raises(TilewrightError, match=r"writing 60000 bytes at 0x0 stalled, \d+ of 250|takes no more"):
            _write_for_ever(device)
        device.close()


def _write_for_ever(device):
    while True:
        device.write_memory(0, bytes(60_000))


@pytest.mark.long
@pytest.mark.parametrize(("name", "size"), [("ulx3s-85f", 1 << 25), ("tang-nano-20k", 1 << 23)])
def test_a_board_multiplies_from_its_sdram(name, size):
    rng = np.random.default_rng(4)
    a, b = (rng.integers(-128, 128, (rows, 40), dtype=np.int8) for rows in (20, 24))
    with BoardSimulator(simulated_board_config(name)) as simulated, Board(simulated.port) as chip:
        assert np.array_equal(chip.gemm(a, b).c, golden.gemm(a, b))
        assert len(chip.serial.memory) == size


@pytest.mark.long
def test_the_netlist_does_what_the_rtl_does(tmp_path):
    """Yosys's netlist for the iCE40, with the vendor's cells as its library models them, under the same test."""
    config = simulated_board_config("icebreaker")
    generate(BOARD, config, tmp_path, "ice40")
    options = on_board(BOARDS["icebreaker"], config).synthesis
    run_yosys(
        ["read_verilog board.v", f"{SYNTHESIS['ice40']} {options} -top board", "write_verilog -noattr netlist.v"],
        tmp_path,
    )
    (tmp_path / "cells.v").write_text(ice40_models())
    with BoardSimulator(config, [tmp_path / "netlist.v", tmp_path / "cells.v"]) as simulated:
        network = digits.Network.load()
        pixels = digits.test_set()[0][:4]
        with Board(simulated.port, patience=5) as chip:
            logits, _ = on_accelerator.forward(network, chip, pixels)
            want = on_accelerator.expected(network, pixels, chip.config.roundings[0])
    assert np.array_equal(logits, want)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "mhz"), [("colorlight-i5", 80), ("ulx3s-85f", 80), ("icebreaker", 12), ("tang-nano-20k", 54)]
)
def test_the_bitstream_is_built_and_meets_timing(name, mhz, tmp_path):
    config = BoardConfig.preset(name)
    report = build_bitstream(BOARDS[name], config, tmp_path, [1, 2, 3])
    assert report.clock_mhz >= mhz
    assert report.reached_mhz >= report.clock_mhz
    assert (tmp_path / BOARDS[name].bitstream).stat().st_size > 10_000


@pytest.mark.long
def test_the_fast_variant_is_too_large_for_the_icebreaker(tmp_path):
    settings = ("variant=fast", "max_burst=8", "outstanding=4")
    with pytest.raises(
        TilewrightError, match=r"does not fit ice40-up5k \(iCE40UP5K\): it takes .* of 5,280 .*; make it smaller"
    ):
        build_bitstream(BOARDS["icebreaker"], load_config(BoardConfig, "icebreaker", None, settings), tmp_path, [1])


@pytest.mark.long
def test_the_icebreaker_reads_digits():
    network = digits.Network.load()
    pixels = digits.test_set()[0][:40]
    with BoardSimulator(simulated_board_config("icebreaker")) as simulated, Board(simulated.port) as chip:
        logits, _ = on_accelerator.forward(network, chip, pixels)
        want = on_accelerator.expected(network, pixels, chip.config.roundings[0])
        assert len(chip.serial.memory) == 1 << 17
    assert np.array_equal(logits, want)
