"""Measure what the README promises of boards: bitstreams, and the serial link of a simulated one."""

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

from .figures import Figure

__all__ = ["bench_board"]

COMMAND = "tilewright bench board"
BARS_MHZ = {"colorlight-i5": 80, "ulx3s-85f": 80, "icebreaker": 12}
MOST_MINUTES = 20
BITS_PER_BYTE = 10
SIZE = 24_000


def bench_board() -> Iterator[Figure]:
    """Measure link and bitstreams; yield each figure when it is known. Half an hour on two cores."""
    yield from _link("colorlight-i5")
    for name, mhz in BARS_MHZ.items():
        yield from _bitstream(name, mhz)


def _link(name: str) -> Iterator[Figure]:
    """The share of the line's bytes that are the host's data."""
    data = random.Random(1).randbytes(SIZE)
    with BoardSimulator(simulated_board_config(name)) as board, SerialDevice(board.port) as device:
        moves = {"written": lambda: device.write_memory(8192, data), "read": lambda: device.read_memory(8192, SIZE)}
        for what, move in moves.items():
            start = board.cycles
            moved = move()
            share = SIZE * BITS_PER_BYTE * LINK_CYCLES / (board.cycles - start)
            if moved not in (None, data):
                raise AssertionError("what was read is not what was written")
            yield Figure(
                f"host link, {SIZE:,} bytes {what}, simulated {name}: share of what the baud rate allows", "≥ 90 %",
                f"{share:.1%}", share >= 0.9, COMMAND,
            )  # fmt: skip


def _bitstream(name: str, mhz: int) -> Iterator[Figure]:
    board, config = BOARDS[name], BoardConfig.preset(name)
    figure = f"{board.title}: {config.rows}×{config.cols}, {config.memory_bytes >> 10:,} KB {config.memory} memory"
    command = f"tilewright bitstream --board {name}"
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        try:
            report = build_bitstream(board, config, Path(folder), [1, 2, 3, 4])
        except TilewrightError as error:
            said = re.sub(r"; (make it smaller|ask for).*", "", str(error))
            yield Figure(f"{figure}: timing met", f"≥ {mhz} MHz", said, False, command)
            return
    met = f"{report.clock_mhz:g} MHz met, {report.reached_mhz:.1f} reached"
    yield Figure(f"{figure}: timing met", f"≥ {mhz} MHz", met, report.clock_mhz >= mhz, command)
    if name == "ulx3s-85f":
        minutes = report.seconds / 60
        yield Figure(
            f"{board.title}: time to build", f"≤ {MOST_MINUTES} minutes", f"{minutes:.0f} minutes",
            minutes <= MOST_MINUTES, command,
        )  # fmt: skip
