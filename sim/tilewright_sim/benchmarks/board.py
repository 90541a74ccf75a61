"""Measure boards: their bitstreams, and the serial link of a simulated one."""

import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tilewright.base import TilewrightError
from tilewright.boards import BOARDS, BoardConfig
from tilewright.flows.fpga import build_bitstream
from tilewright_sim.host.serial import SerialDevice
from tilewright_sim.verilated import LINK_CYCLES, BoardSimulator, simulated_board_config

from .results import Measurement

__all__ = ["bench_board"]

COMMAND = "tilewright bench board"
TARGETS_MHZ = {"colorlight-i5": 80, "ulx3s-85f": 80, "icebreaker": 12, "tang-nano-20k": 54}
MAX_MINUTES = 20
BITS_PER_BYTE = 10
SIZE = 24_000


def bench_board() -> Iterator[Measurement]:
    """Measure the link and the bitstreams; yield each result as soon as it is known. Half an hour on two cores."""
    yield from _link("colorlight-i5")
    for name, mhz in TARGETS_MHZ.items():
        yield from _bitstream(name, mhz)


def _link(name: str) -> Iterator[Measurement]:
    """Measure the share of the line rate that carries data of the host, in both directions."""
    data = random.Random(1).randbytes(SIZE)
    with BoardSimulator(simulated_board_config(name)) as board, SerialDevice(board.port) as device:
        moves = {"written": lambda: device.write_memory(8192, data), "read": lambda: device.read_memory(8192, SIZE)}
        for what, move in moves.items():
            start = board.cycles
            moved = move()
            share = SIZE * BITS_PER_BYTE * LINK_CYCLES / (board.cycles - start)
            if moved not in (None, data):
                raise AssertionError("the data read differ from the data written")
            yield Measurement(
                f"host link, {SIZE:,} bytes {what}, simulated {name}: share of the line rate", "≥ 90 %",
                f"{share:.1%}", share >= 0.9, COMMAND,
            )  # fmt: skip


def _bitstream(name: str, mhz: int) -> Iterator[Measurement]:
    board, config = BOARDS[name], BoardConfig.preset(name)
    memory = f"{config.memory_bytes >> 10:,} KB {config.memory} memory"
    about = f"{board.title}: {config.tile.rows}×{config.tile.cols}, {memory}"
    command = f"tilewright bitstream --board {name}"
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        try:
            report = build_bitstream(board, config, Path(folder), [1, 2, 3, 4])
        except TilewrightError as error:
            said = re.sub(r"; (make it smaller|ask for).*", "", str(error))
            yield Measurement(f"{about}: timing met", f"≥ {mhz} MHz", said, False, command)
            return
    result = f"{report.clock_mhz:g} MHz met, Fmax {report.reached_mhz:.1f} MHz"
    yield Measurement(f"{about}: timing met", f"≥ {mhz} MHz", result, report.clock_mhz >= mhz, command)
    if name == "ulx3s-85f":
        minutes = report.seconds / 60
        yield Measurement(
            f"{board.title}: time to build", f"≤ {MAX_MINUTES} minutes", f"{minutes:.0f} minutes",
            minutes <= MAX_MINUTES, command,
        )  # fmt: skip
