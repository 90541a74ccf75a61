"""An AXI manager for tests of the SDRAM controller: random bursts on both channels, checked byte by byte."""

import random
from collections import deque
from dataclasses import dataclass, field

from amaranth.hdl import Cat

from tilewright.memory.sdram import Sdram
from tilewright_sim.models.sdram import SdramChip
from tilewright_sim.models.sdram_figures import ChipFigures
from tilewright_sim.testbench import pysim


@dataclass
class Transfer:
    """A burst; ``stop_bytes`` is the first address beyond it."""

    address: int
    beats: int
    write: bool
    data: list = field(default_factory=list)
    strobes: list = field(default_factory=list)
    identifier: int = 0
    size: int | None = None  # the bus's
    kind: int = 1
    response: int = 0
    alone: bool = False  # asked for when everything before it in its direction, and in the other, is done

    def span(self, word):
        start = self.address // word * word
        return start, start + self.beats * word

    def addresses(self, word):
        """The addresses of all bytes; they go round within 4 KiB."""
        start, stop = self.span(word)
        return [start // 4096 * 4096 + a % 4096 for a in range(start, stop)]


class Manager:
    """Do transfers, those of each direction in order; compare what is read with `memory`, as of when it was asked for.

    A burst waits until none of the other direction that has a byte in common is unanswered. One of the channels ``w``
    and ``r`` may be ``silent``: then nothing moves there, and the direction is not waited for.
    """

    def __init__(self, dut, chip, transfers, *, stall=0.0, seed=0, most=4, after=0, silent=""):
        self.after, self.silent = after, silent
        self.dut, self.chip, self.transfers, self.stall, self.seed, self.most = dut, chip, transfers, stall, seed, most
        self.word = dut.config.word_bytes
        self.begin()

    def begin(self):
        self.random = random.Random(self.seed)
        self.memory = {}
        self.queues = {write: deque(t for t in self.transfers if t.write is write) for write in (False, True)}
        self.asked = {False: deque(), True: deque()}  # unanswered
        self.wanted = deque()  # data, last, response and identifier of every beat of R
        self.words = deque()  # beats of W
        self.cycle = 0
        self.beat_cycles, self.ask_cycles, self.answer_cycles = [], [], []

    def byte(self, address):
        return self.memory.get(address) if address in self.memory else self.chip.read(address, 1)[0]

    def done(self):
        waited = [write for write in (False, True) if self.silent != "rw"[write]]
        return not any(self.queues[write] or self.asked[write] for write in waited)

    def ask(self, transfer):
        """The transfer's address was accepted: what must be read is known, and what is written."""
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
        return len(self.asked[transfer.write]) < self.most and all(stop <= a or b <= start for a, b in others)

    async def run(self, ctx):
        self.begin()
        axi, word_log2 = self.dut.s_axi, self.word.bit_length() - 1
        names = ("awready", "wready", "arready", "bvalid", "bid", "bresp", "rvalid", "rid", "rresp", "rlast", "rdata")
        widths = [len(getattr(axi, name)) for name in names]
        everything = Cat(getattr(axi, name) for name in names)
        offers = {True: None, False: None}
        offered_word = False
        bready = rready = False
        held = {}
        # Everything is set at once, and only what changes: each call costs the simulator a pass over the design.
        inputs = (
            "awvalid",
            "awaddr",
            "awlen",
            "awid",
            "awsize",
            "awburst",
            "wvalid",
            "wdata",
            "wstrb",
            "wlast",
            "bready",
        )
        inputs += ("arvalid", "araddr", "arlen", "arid", "arsize", "arburst", "rready")
        values = dict.fromkeys(inputs, 0)
        driven, before = Cat(getattr(axi, name) for name in inputs), 0
        input_widths = [len(getattr(axi, name)) for name in inputs]
        quiet = 0
        while quiet < self.after + 8:
            quiet = quiet + 1 if self.done() else 0
            _, _, bits = await ctx.tick().sample(everything)
            seen = {}
            for name, width in zip(names, widths, strict=True):
                seen[name] = bits & (1 << width) - 1
                bits >>= width
            for write, prefix in ((True, "aw"), (False, "ar")):
                if offers[write] and seen[f"{prefix}ready"]:
                    offers[write] = None
            if offered_word and seen["wready"]:
                self.words.popleft()
                self.beat_cycles.append(self.cycle)
                offered_word = False
            for channel, ready in (("b", bready), ("r", rready)):
                payload = tuple(value for name, value in seen.items() if name[0] == channel)
                assert channel not in held or held[channel] == payload, f"{channel}: an offer was changed or withdrawn"
                held.pop(channel, None)
                if seen[f"{channel}valid"] and not ready:
                    held[channel] = payload
            if seen["bvalid"] and bready:
                assert self.asked[True], "a response to nothing"
                transfer = self.asked[True].popleft()
                assert (seen["bid"], seen["bresp"]) == (transfer.identifier, transfer.response)
                assert sum(len(t.data) for t in self.asked[True]) >= len(self.words), "a response before the data"
                self.answer_cycles.append(self.cycle)
            if seen["rvalid"] and rready:
                assert self.wanted, "a beat that nobody asked for"
                data, last, response, identifier = self.wanted.popleft()
                assert (seen["rlast"], seen["rresp"], seen["rid"]) == (last, response, identifier)
                assert response or seen["rdata"] == data, f"{seen['rdata']:#x} was read, not {data:#x}"
                self.beat_cycles.append(self.cycle)
                if last:
                    self.asked[False].popleft()
                    self.answer_cycles.append(self.cycle)
            self.cycle += 1
            for write, prefix in ((True, "aw"), (False, "ar")):
                if offers[write] is None and self.queues[write] and self.goes() and self.may_ask(self.queues[write][0]):
                    transfer = offers[write] = self.queues[write].popleft()
                    self.ask(transfer)
                    if write:
                        self.words += zip(transfer.data, transfer.strobes, range(1 - transfer.beats, 1), strict=True)
                    size = word_log2 if transfer.size is None else transfer.size
                    for name, value in (
                        ("addr", transfer.address),
                        ("len", transfer.beats - 1),
                        ("id", transfer.identifier),
                        ("size", size),
                        ("burst", transfer.kind),
                    ):
                        values[prefix + name] = value
                values[f"{prefix}valid"] = offers[write] is not None
            if not offered_word and self.words and self.silent != "w" and self.goes():
                offered_word = True
                values["wdata"], values["wstrb"], last = self.words[0]
                values["wlast"] = last == 0
            values["wvalid"] = offered_word
            bready, rready = values["bready"], values["rready"] = self.goes(), self.silent != "r" and self.goes()
            packed = place = 0
            for value, bits_here in zip(values.values(), input_widths, strict=True):
                packed |= value << place
                place += bits_here
            if packed != before:
                ctx.set(driven, packed)
                before = packed

    def goes(self):
        return self.stall == 0 or self.random.random() >= self.stall


def run(config, transfers, *, stall=0.0, seed=0, most=4, figures=None, limit=200_000, after=0, silent="", cls=Sdram):
    """Run the transfers, and compare all that they touched with the chip's contents; return manager and chip."""
    dut = cls(config)
    chip = SdramChip(
        figures or ChipFigures.of(config), config.clock_khz, config.cas_latency, config.burst_length, seed=seed
    )
    manager = Manager(dut, chip, transfers, stall=stall, seed=seed, most=most, after=after, silent=silent)

    async def serve(ctx):
        await chip.run(ctx, dut.pins, late=config.capture_cycles)

    pysim.run(dut, manager.run, background=(serve,), limit_cycles=limit)
    for address, byte in () if silent else manager.memory.items():
        assert chip.read(address, 1)[0] == byte, f"byte {address:#x}"
    return manager, chip


def write(config, address, beats, chance=random, **more):
    """A burst that writes random words."""
    data = [chance.getrandbits(config.data_bits) for _ in range(beats)]
    return Transfer(address, beats, True, data, [(1 << config.word_bytes) - 1] * beats, **more)


def random_transfers(config, count, seed, *, write=None, strange=0.0):
    """Bursts of all lengths, whose addresses are in few rows of all banks, at their ends above all."""
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
        if chance.random() < strange:
            beyond, kind, size = chance.choice([(True, 1, None), (False, 0, None), (False, 2, None), (False, 1, 0)])
            transfer.address += beyond << config.size_log2
            transfer.kind, transfer.size, transfer.response = kind, size, 3 if beyond else 2
        result.append(transfer)
    return result
