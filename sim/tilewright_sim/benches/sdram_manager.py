"""An AXI manager for the SDRAM controller: random bursts on both channels, checked byte by byte."""

import random
from collections import deque
from dataclasses import dataclass, field

from tilewright_sim.models import AxiRules


@dataclass
class Transfer:
    """A burst."""

    address: int
    beats: int
    write: bool
    data: list = field(default_factory=list)
    strobes: list = field(default_factory=list)
    identifier: int = 0
    size: int | None = None  # AxSIZE; None for that of whole words
    kind: int = 1
    response: int = 0
    alone: bool = False  # issued after all earlier transfers of its direction and all of the other

    def span(self, word):
        start = self.address // word * word
        return start, start + self.beats * word

    def addresses(self, word):
        """Return the addresses of all bytes; they wrap within 4 KiB."""
        start, stop = self.span(word)
        return [start // 4096 * 4096 + a % 4096 for a in range(start, stop)]


class Manager:
    """Perform the transfers of each direction in order; compare read data with `memory` at the time of the request.

    A burst waits for all outstanding bursts of the other direction that overlap it. One of the channels ``w`` and ``r``
    may be ``silent``: it transfers nothing, and the end of the transfers does not depend on its direction. `step`
    performs one clock cycle, in any simulator.
    """

    INPUTS = (
        "awvalid", "awaddr", "awlen", "awid", "awsize", "awburst", "wvalid", "wdata", "wstrb", "wlast", "bready",
        "arvalid", "araddr", "arlen", "arid", "arsize", "arburst", "rready",
    )  # fmt: skip
    """Signals that the manager drives on the controller's port."""
    READIES = ("awready", "wready", "arready")
    PAYLOADS = {"b": ("bid", "bresp"), "r": ("rid", "rresp", "rlast", "rdata")}  # noqa: RUF012  # a constant

    def __init__(self, config, chip, transfers, *, stall=0.0, seed=0, outstanding=4, after=0, silent=""):
        self.after, self.silent = after, silent
        self.config, self.chip, self.transfers, self.stall, self.seed, self.outstanding = (
            config, chip, transfers, stall, seed, outstanding,
        )  # fmt: skip
        self.word = config.word_bytes
        self.begin()

    def begin(self):
        """Restore the initial state, because a simulation may run twice."""
        self.random = random.Random(self.seed)
        self.memory = {}
        self.queues = {write: deque(t for t in self.transfers if t.write is write) for write in (False, True)}
        self.asked: dict[bool, deque] = {False: deque(), True: deque()}  # unanswered
        self.wanted: deque = deque()  # data, last, response and identifier of every beat of R
        self.words: deque = deque()  # beats of W
        self.cycle = self.quiet = 0
        self.beat_cycles, self.ask_cycles, self.answer_cycles = [], [], []
        self.offers = {True: None, False: None}
        self.offered_word = False
        self.rules = AxiRules(self.word)
        self.values = dict.fromkeys(self.INPUTS, 0)

    def byte(self, address):
        return self.memory.get(address) if address in self.memory else self.chip.read(address, 1)[0]

    def done(self):
        waited = [write for write in (False, True) if self.silent != "rw"[write]]
        return not any(self.queues[write] or self.asked[write] for write in waited)

    @property
    def ended(self):
        """Whether all transfers have been complete for some cycles."""
        return self.quiet >= self.after + 8

    def check(self):
        """Check that the chip contains all bytes written."""
        for address, byte in () if self.silent else self.memory.items():
            assert self.chip.read(address, 1)[0] == byte, f"byte {address:#x}"

    def ask(self, transfer):
        """Record a transfer: the beats expected from a read, or the bytes changed by a write."""
        addresses = transfer.addresses(self.word)
        self.asked[transfer.write].append(transfer)
        self.ask_cycles.append(self.cycle)
        if not transfer.write:
            values = [self.byte(a) if transfer.response == 0 else 0 for a in addresses]
            for beat in range(transfer.beats):
                value = bytes(values[beat * self.word : (beat + 1) * self.word])
                last = beat == transfer.beats - 1
                self.wanted.append((int.from_bytes(value, "little"), last, transfer.response, transfer.identifier))
        elif transfer.response == 0:
            for beat, (value, strobes) in enumerate(zip(transfer.data, transfer.strobes, strict=True)):
                for n in range(self.word):
                    address = addresses[beat * self.word + n]
                    self.memory[address] = value >> 8 * n & 0xFF if strobes >> n & 1 else self.byte(address)

    def may_ask(self, transfer):
        start, stop = transfer.span(self.word)
        if transfer.alone and (any(self.asked.values()) or self.words or self.queues[not transfer.write]):
            return False
        others = [other.span(self.word) for other in self.asked[not transfer.write]]
        return len(self.asked[transfer.write]) < self.outstanding and all(stop <= a or b <= start for a, b in others)

    def step(self, seen):
        """Take the controller's outputs at a clock edge, by name, and return the new values of `INPUTS`."""
        self.quiet = self.quiet + 1 if self.done() else 0
        for write, prefix in ((True, "aw"), (False, "ar")):
            if self.offers[write] and seen[f"{prefix}ready"]:
                self.offers[write] = None
        if self.offered_word and seen["wready"]:
            self.words.popleft()
            self.beat_cycles.append(self.cycle)
            self.offered_word = False
        for channel, take in (("b", self._answered), ("r", self._came)):
            valid = seen[f"{channel}valid"]
            payload = tuple(seen[name] for name in self.PAYLOADS[channel]) if valid else ()
            if self.rules.transfer(channel.upper(), valid, self.values[f"{channel}ready"], payload):
                take(*payload)
        self.cycle += 1
        self._ask()
        values = self.values
        if not self.offered_word and self.words and self.silent != "w" and self.goes():
            self.offered_word = True
            values["wdata"], values["wstrb"], last = self.words[0]
            values["wlast"] = last == 0
        values["wvalid"] = self.offered_word
        values["bready"], values["rready"] = self.goes(), self.silent != "r" and self.goes()
        return values

    def _answered(self, identifier, response):
        assert self.asked[True], "a response without a request"
        transfer = self.asked[True].popleft()
        assert (identifier, response) == (transfer.identifier, transfer.response)
        assert sum(len(t.data) for t in self.asked[True]) >= len(self.words), "a response before the data"
        self.answer_cycles.append(self.cycle)

    def _came(self, identifier, response, last, data):
        assert self.wanted, "a beat without a request"
        wanted = self.wanted.popleft()
        assert (last, response, identifier) == wanted[1:]
        assert response or data == wanted[0], f"{data:#x} was read, not {wanted[0]:#x}"
        self.beat_cycles.append(self.cycle)
        if last:
            self.asked[False].popleft()
            self.answer_cycles.append(self.cycle)

    def _ask(self):
        """Offer the next address of each direction."""
        for write, prefix in ((True, "aw"), (False, "ar")):
            queue = self.queues[write]
            if self.offers[write] is None and queue and self.goes() and self.may_ask(queue[0]):
                transfer = self.offers[write] = queue.popleft()
                self.ask(transfer)
                if write:
                    self.words += zip(transfer.data, transfer.strobes, range(1 - transfer.beats, 1), strict=True)
                size = self.word.bit_length() - 1 if transfer.size is None else transfer.size
                self.values |= {
                    f"{prefix}addr": transfer.address, f"{prefix}len": transfer.beats - 1,
                    f"{prefix}id": transfer.identifier, f"{prefix}size": size, f"{prefix}burst": transfer.kind,
                }  # fmt: skip
            self.values[f"{prefix}valid"] = self.offers[write] is not None

    def goes(self):
        return self.stall == 0 or self.random.random() >= self.stall


def write(config, address, beats, chance=random, **more):
    """Return a burst that writes random words."""
    data = [chance.getrandbits(config.data_bits) for _ in range(beats)]
    return Transfer(address, beats, True, data, [(1 << config.word_bytes) - 1] * beats, **more)


def random_transfers(config, count, seed, *, write=None, invalid=0.0):
    """Return bursts of all lengths in a few rows of all banks, mostly near the ends of the rows."""
    chance = random.Random(seed)
    word = config.word_bytes
    row_bytes = (1 << config.col_bits) * config.dq_bits // 8
    result = []
    for _ in range(count):
        row = chance.choice([0, 1, (1 << config.row_bits) - 1]) << config.bank_bits | chance.randrange(
            1 << config.bank_bits
        )
        edge = chance.choice([0, row_bytes // 2, row_bytes])
        address = row * row_bytes + edge + chance.randint(-12, 12) * word + chance.choice([0] * 7 + [1])
        address = min(max(address, 0), (1 << config.size_log2) - word)
        room = (4096 - address % 4096 // word * word) // word
        beats = min(room, chance.choice([1, 2, 3, 4, 8, 16, 17, 64, 256, chance.randint(1, 256)]), 256)
        direction = chance.random() < 0.5 if write is None else write
        transfer = Transfer(address, beats, direction, identifier=chance.getrandbits(config.id_bits))
        if direction:
            transfer.data = [chance.getrandbits(8 * word) for _ in range(beats)]
            full = (1 << word) - 1
            masks = [full, full, full, 0, chance.getrandbits(word)]
            transfer.strobes = [chance.choice(masks) for _ in range(beats)]
        if chance.random() < invalid:
            kinds = [(True, 1, None), (False, 0, None), (False, 2, None), (False, 1, 0)]
            # If the chip uses all address bits, no address is beyond it.
            beyond, kind, size = chance.choice(kinds[config.addr_bits <= config.size_log2 :])
            transfer.address += beyond << config.size_log2
            transfer.kind, transfer.size, transfer.response = kind, size, 3 if beyond else 2
        result.append(transfer)
    return result
