"""Model of a single-data-rate SDRAM chip that checks every rule of its datasheet in every clock."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat

from .sdram_figures import ChipFigures, SdramError

__all__ = ["ChipFigures", "SdramChip", "SdramError"]

NOTHING = -(10**12)
"""A clock so long ago that no rule reaches back to it."""


@dataclass
class _Bank:
    row: int | None = None
    activated: int = NOTHING
    precharged: int = NOTHING
    written: int = NOTHING  # the last data
    read_end: int = NOTHING  # the first clock in which PRECHARGE does not cut the burst


@dataclass
class _Transfer:
    """A burst on the data pins."""

    bank: int
    row: int
    column: int
    begin: int
    write: bool


class SdramChip:
    """State and contents of the chip; `clock` models one clock edge.

    In every clock it checks: the start-up sequence (pause, CKE and DQM high, PRECHARGE of all banks, refreshes, mode
    register), tRC, tRAS, tRP, tRCD, tRRD, tWR, tRFC, tMRD, the refresh interval, bank states, interrupted bursts, and
    that the data pins never have two drivers, or another driver without a clock in between. It computes with
    nanoseconds and shares nothing with the controller, which counts clocks.

    Undriven data pins have random values. So have the initial contents; `page` creates them on first access.

    Parameters
    ----------
    figures : ChipFigures
    clock_khz : int
    cas_latency, burst_length : int
        The values to which the mode register must be set.
    """

    PINS = ("cke", "cs_n", "ras_n", "cas_n", "we_n", "dq_oe", "ba", "a", "dqm", "dq_o")

    def __init__(self, figures: ChipFigures, clock_khz: int, cas_latency: int, burst_length: int, seed: int = 0):
        self.figures, self.clock_khz = figures, clock_khz
        self.cas_latency, self.burst_length, self.seed = cas_latency, burst_length, seed
        self.begin()

    def begin(self) -> None:
        """Return to the state before power-up."""
        self.random = random.Random(self.seed)
        self.pages: dict[tuple[int, int], list[int]] = {}
        self.now = -1
        self.banks = [_Bank() for _ in range(1 << self.figures.bank_bits)]
        self.refreshed = self.mode_set = self.activated = NOTHING
        self.refreshes = 0
        self.precharged_all = self.started = False
        self.transfers: list[_Transfer] = []
        self.masks = [0, 0]  # in this clock and in the previous one
        self.driver = ""
        self.noise = self.quiet = 0
        self.counts: dict[str, int] = {}
        """Number of commands of each kind."""
        self.longest_refresh = 0
        """Maximum number of clocks between two REFRESH commands since the start."""

    def page(self, bank: int, row: int) -> list[int]:
        """Return the contents of a row, by column."""
        key = bank, row
        if key not in self.pages:
            chance = random.Random(f"{self.seed} {bank} {row}")
            bits, columns = self.figures.dq_bits, 1 << self.figures.col_bits
            self.pages[key] = [chance.getrandbits(bits) for _ in range(columns)]
        return self.pages[key]

    def read(self, address: int, size: int) -> bytes:
        """Return bytes by the controller's addresses: row, bank, column, byte."""
        found = []
        for n in range(address, address + size):
            page, column, shift = self._byte(n)
            found.append(page[column] >> shift & 0xFF)
        return bytes(found)

    def write(self, address: int, contents: bytes) -> None:
        """Write bytes by the controller's addresses; see `read`."""
        for n, byte in enumerate(contents):
            page, column, shift = self._byte(address + n)
            page[column] = page[column] & ~(0xFF << shift) | byte << shift

    def _byte(self, address: int) -> tuple[list[int], int, int]:
        figures = self.figures
        width = figures.dq_bits // 8
        column = address // width
        bank = column >> figures.col_bits
        row = bank >> figures.bank_bits
        page = self.page(bank % len(self.banks), row % (1 << figures.row_bits))
        return page, column % (1 << figures.col_bits), address % width * 8

    async def run(self, ctx: Any, pins: Any, late: int = 0) -> None:
        """Return a background testbench for the ``pins`` of a controller; its `dq_i` is delayed by ``late`` clocks."""
        self.begin()
        everything = Cat(getattr(pins, name) for name in self.PINS)
        widths = [len(getattr(pins, name)) for name in self.PINS]
        before = 0
        on_the_way = deque([0] * late)
        while True:
            _, _, bits = await ctx.tick().sample(everything)
            values = []
            for width in widths:
                values.append(bits & (1 << width) - 1)
                bits >>= width
            on_the_way.append(self.clock(*values))
            dq = on_the_way.popleft()
            if dq != before:
                ctx.set(pins.dq_i, dq)
                before = dq

    def clock(self, cke, cs_n, ras_n, cas_n, we_n, dq_oe, ba, a, dqm, dq_o) -> int:
        """Take the pins at a clock edge, and return the values of the data pins until the next edge."""
        self.now += 1
        self._check_always(cke, dqm)
        command = 7 if cs_n else ras_n << 2 | cas_n << 1 | we_n
        if command != 7:
            self._check_started(command)
            name, act = {
                0: ("SET MODE", self._set_mode),
                1: ("REFRESH", self._refresh),
                2: ("PRECHARGE", self._precharge),
                3: ("ACTIVATE", self._activate),
                4: ("WRITE", self._move),
                5: ("READ", self._move),
            }.get(command, ("BURST STOP", None))
            if act is None:
                raise self._violation("command", f"{name} is not used by this controller")
            self.counts[name] = self.counts.get(name, 0) + 1
            act(command, ba, a)
        self._write_data(dq_oe, dqm, dq_o)
        return self._read_data(dq_oe, dqm)

    # The rules

    def _violation(self, rule: str, text: str) -> SdramError:
        return SdramError(f"{rule}: {text}, in clock {self.now}")

    def _passed(self, rule: str, since: int) -> None:
        """Check that at least the time of the rule has passed since a clock."""
        minimum, clocks = getattr(self.figures, rule), self.now - since
        if clocks * 1_000_000 < minimum * self.clock_khz or clocks < self.figures.clocks.get(rule, 1):
            raise self._violation(rule, f"{clocks} clocks = {clocks * 1e6 / self.clock_khz:.1f} ns, not {minimum} ns")

    def _check_always(self, cke, dqm):
        figures = self.figures
        if self.now > 0 and not cke:
            raise self._violation("cke", "it must stay up")
        if not self.started and dqm != (1 << figures.dq_bits // 8) - 1:
            raise self._violation("start", "DQM must be up")
        since = self.now - self.refreshed
        if self.started and since * 1_000_000 << figures.row_bits > figures.refresh_us * 1000 * self.clock_khz:
            raise self._violation("refresh_us", f"{since} clocks since the last refresh")
        for number, bank in enumerate(self.banks):
            if (
                bank.row is not None
                and (self.now - bank.activated) * 1_000_000 > figures.t_ras_most_ns * self.clock_khz
            ):
                raise self._violation("t_ras_most_ns", f"bank {number} is open for too long")

    def _check_started(self, command):
        if self.now * 1000 < self.figures.power_up_us * self.clock_khz:
            raise self._violation("power_up_us", "a command in the pause after power-up")
        if not self.precharged_all and command != 2:
            raise self._violation("start", "PRECHARGE of all banks must come first")
        if not self.started and command in (3, 4, 5):
            raise self._violation("start", "traffic before the mode register is set")
        self._passed("t_mrd_ns", self.mode_set)

    def _all_closed(self):
        for number, bank in enumerate(self.banks):
            if bank.row is not None:
                raise self._violation("state", f"bank {number} is open")
            self._passed("t_rp_ns", bank.precharged)
            self._passed("t_rc_ns", bank.activated)
        self._passed("t_rfc_ns", self.refreshed)

    def _set_mode(self, _, ba, a):
        self._all_closed()
        if self.refreshes < self.figures.start_refreshes:
            raise self._violation("start", f"{self.refreshes} refreshes before the mode register is set")
        want = self.cas_latency << 4 | self.burst_length.bit_length() - 1
        if (ba, a) != (0, want):
            raise self._violation("mode", f"it is {a:#x} (bank address {ba}), not {want:#x}")
        self.mode_set, self.started = self.now, True

    def _refresh(self, *_):
        self._all_closed()
        if self.started:
            self.longest_refresh = max(self.longest_refresh, self.now - self.refreshed)
        self.refreshed = self.now
        self.refreshes += 1

    def _precharge(self, _, ba, a):
        self._passed("t_rfc_ns", self.refreshed)
        if a >> 10 & 1:
            self.precharged_all = True
        elif not self.precharged_all:
            raise self._violation("start", "PRECHARGE of all banks must come first")
        for number, bank in enumerate(self.banks):
            if number != ba and not a >> 10 & 1:
                continue
            if bank.row is not None:
                self._passed("t_ras_ns", bank.activated)
                if bank.written >= self.now or bank.read_end > self.now:
                    raise self._violation("burst", f"PRECHARGE of bank {number} cuts its burst")
                self._passed("t_wr_ns", bank.written)
            bank.row, bank.precharged = None, self.now

    def _activate(self, _, ba, a):
        bank = self.banks[ba]
        if bank.row is not None:
            raise self._violation("state", f"bank {ba} is open already")
        if a >> self.figures.row_bits:
            raise self._violation("address", f"there is no row {a:#x}")
        self._passed("t_rfc_ns", self.refreshed)
        self._passed("t_rp_ns", bank.precharged)
        self._passed("t_rc_ns", bank.activated)
        self._passed("t_rrd_ns", self.activated)
        bank.row, bank.activated, self.activated = a, self.now, self.now

    def _move(self, command, ba, a):
        bank, write, length = self.banks[ba], command == 4, self.burst_length
        if bank.row is None:
            raise self._violation("state", f"bank {ba} is closed")
        self._passed("t_rcd_ns", bank.activated)
        if a >> self.figures.col_bits or a % length:
            raise self._violation("address", f"no burst of {length} begins at column {a:#x}")
        begin = self.now if write else self.now + self.cas_latency
        if any(t.write and t.begin + length > self.now for t in self.transfers):
            raise self._violation("burst", "a WRITE is cut by another command")
        if any(not t.write and t.begin + length > self.now + self.cas_latency for t in self.transfers):
            raise self._violation("burst", "a READ is cut by another command")
        self.transfers.append(_Transfer(ba, bank.row, a, begin, write))
        if write:
            bank.written = begin + length - 1
        else:
            bank.read_end = begin + length - self.cas_latency

    # The data pins

    def _write_data(self, dq_oe, dqm, dq_o):
        if self.transfers and self.transfers[0].begin + self.burst_length <= self.now:
            self.transfers.pop(0)
        current = next((t for t in self.transfers if t.write), None)
        if current is None:
            return
        if not dq_oe:
            raise self._violation("data", "the controller does not drive what it writes")
        page, column = self.page(current.bank, current.row), current.column + self.now - current.begin
        for byte in range(self.figures.dq_bits // 8):
            if not dqm >> byte & 1:
                mask = 0xFF << 8 * byte
                page[column] = page[column] & ~mask | dq_o & mask

    def _read_data(self, dq_oe, dqm):
        """Return the driven value until the next clock, at which the controller samples it."""
        reading = [t for t in self.transfers if not t.write and 0 <= self.now + 1 - t.begin < self.burst_length]
        drives = any(not t.write and 0 <= self.now - t.begin < self.burst_length for t in self.transfers)
        driver = "both" if drives and dq_oe else "chip" if drives else "controller" if dq_oe else ""
        if driver == "both" or {driver, self.driver} == {"chip", "controller"}:
            raise self._violation("turn", "both drive the data pins, or one right after the other")
        self.driver = driver
        self.masks = [dqm, self.masks[0]]
        if reading and self.masks[1]:
            raise self._violation("dqm", "it masks what is read")
        if not reading:
            if self.quiet == 0:
                self.noise = self.random.getrandbits(self.figures.dq_bits)
            self.quiet = (self.quiet + 1) % 4  # data that stay unchanged for long make the simulation faster
            return self.noise
        self.quiet = 0
        transfer = reading[0]
        return self.page(transfer.bank, transfer.row)[transfer.column + self.now + 1 - transfer.begin]
