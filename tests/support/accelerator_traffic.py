"""Traffic for the bench of the accelerator: memory, host, random descriptors, and what they make of the memory."""

import logging
import random
from dataclasses import dataclass, field, replace

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.triggers import RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.axi.axi_channels import (
    AxiARBus,
    AxiARSink,
    AxiAWBus,
    AxiAWSink,
    AxiBBus,
    AxiBSource,
    AxiBTransaction,
    AxiRBus,
    AxiRSource,
    AxiRTransaction,
    AxiWBus,
    AxiWSink,
)

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARAMETER_PITCH_BYTES, AcceleratorConfig, Activity
from tilewright.accelerator.registers import COUNTERS, ENGINES, FLAGS, REGISTERS
from tilewright_sim.host.descriptor import Descriptor, flag_bits
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench.cocotb_streams import PERIOD_NS, cycle, cycles, written_word

SIZE = 1 << 18
"""Bytes of the memory; addresses beyond go round."""
RING = SIZE - 64 * DESCRIPTOR_BYTES
"""Where the ring is, below 64 entries of descriptors."""
HANG_CYCLES = 3000
"""So many without a word on the bus are too many."""
_REGISTERS = {register.name: register for register in REGISTERS}


@dataclass(frozen=True)
class Manners:
    """How the bench's side of each channel behaves.

    ``stall`` is the chance of a pause on each memory channel in each cycle, ``lite`` that on the host's channels.
    ``latency`` is the number of cycles from an address to its data, ``answer`` that from data to their response; where
    ``uneven``, the most.
    """

    stall: float = 0.0
    lite: float = 0.0
    latency: int = 0
    answer: int = 0
    uneven: bool = False


MANNERS = {
    "prompt": Manners(),
    "late": Manners(latency=60, answer=20),
    "late_answers": Manners(latency=3, answer=200),
    "stalled": Manners(stall=0.6, lite=0.5),
    "uneven": Manners(stall=0.2, latency=40, answer=40, uneven=True),
}


class Memory:
    """The memory behind ``m_axi``, which checks the rules of the bus, and fails where it is told to.

    ``errors`` are ranges of addresses with the response to any burst that touches them; such a burst writes nothing
    and reads noise. ``failed`` notes the address and the response of each.
    """

    def __init__(self, dut, config: AcceleratorConfig, manners: Manners, chance: random.Random):
        self.dut, self.config, self.manners, self.chance = dut, config, manners, chance
        self.contents = bytearray(chance.randbytes(SIZE))
        self.errors: list[tuple[int, int, AxiResp]] = []
        self.failed: list[tuple[int, AxiResp]] = []
        self.read_words = self.written_words = 0
        sink, source = (dut.clk, dut.rst), (dut.clk, dut.rst)
        self.ar = AxiARSink(AxiARBus.from_prefix(dut, "m_axi"), *sink)
        self.aw = AxiAWSink(AxiAWBus.from_prefix(dut, "m_axi"), *sink)
        self.w = AxiWSink(AxiWBus.from_prefix(dut, "m_axi"), *sink)
        self.r = AxiRSource(AxiRBus.from_prefix(dut, "m_axi"), *source)
        self.b = AxiBSource(AxiBBus.from_prefix(dut, "m_axi"), *source)
        self.r.queue_occupancy_limit = 2
        self.tasks: list = []
        self.reset()
        cocotb.start_soon(self._watch())

    def set_manners(self, manners: Manners) -> None:
        """Change the pauses and latencies of the memory."""
        self.manners = manners
        for channel in (self.ar, self.aw, self.w, self.r, self.b):
            pause(channel, self.chance, manners.stall)

    def reset(self) -> None:
        """Forget what is in flight."""
        for task in self.tasks:
            task.cancel()
        for channel in (self.ar, self.aw, self.w, self.r, self.b):
            channel.clear()
        self.reading, self.answering = Queue(), Queue()
        self.level = {"ar": 0, "aw": 0}
        workers = (self._take_reads, self._read, self._write, self._answer)
        self.tasks = [cocotb.start_soon(worker()) for worker in workers]

    def _due(self, latency: int) -> int:
        return cycle() + (self.chance.randint(0, latency) if self.manners.uneven else latency)

    def _take(self, name: str, burst) -> tuple[int, int, AxiResp]:
        """Check an address; return it with the number of its beats and its response."""
        address, beats, size, kind, number = (
            int(getattr(burst, name + part)) for part in ("addr", "len", "size", "burst", "id")
        )
        beats += 1
        word = self.config.word_bytes
        assert (1 << size, kind, number) == (word, 1, 0), "not an INCR burst of whole words with identifier 0"
        assert beats <= self.config.max_burst, f"a burst of {beats} beats"
        assert address % word == 0, f"address {address:#x} is not a word's"
        end = address + beats * word
        assert address // 4096 == (end - 1) // 4096, f"the burst at {address:#x} passes 4 KiB"
        self.level[name] += 1
        assert self.level[name] <= self.config.outstanding, f"{self.level[name]} bursts are outstanding"
        hits = [answer for low, high, answer in self.errors if low < end and address < high]
        self.failed += [(address, answer) for answer in hits[:1]]
        return address, beats, hits[0] if hits else AxiResp.OKAY

    async def _take_reads(self) -> None:
        while True:
            burst = self._take("ar", await self.ar.recv())
            self.reading.put_nowait((self._due(self.manners.latency), *burst))

    async def _read(self) -> None:
        word = self.config.word_bytes
        while True:
            due, address, beats, answer = await self.reading.get()
            await until(due)
            for beat in range(beats):
                place = (address + beat * word) % SIZE
                value = int.from_bytes(self.contents[place : place + word], "little")
                if answer != AxiResp.OKAY:
                    value = self.chance.getrandbits(8 * word)
                if beat == beats - 1:
                    self.level["ar"] -= 1
                await self.r.send(AxiRTransaction(rid=0, rdata=value, rresp=answer, rlast=beat == beats - 1))
                self.read_words += 1

    async def _write(self) -> None:
        word = self.config.word_bytes
        while True:
            address, beats, answer = self._take("aw", await self.aw.recv())
            for beat in range(beats):
                data = await self.w.recv()
                self.written_words += 1
                assert int(data.wlast) == (beat == beats - 1), f"WLAST is wrong at beat {beat} of {beats}"
                if answer != AxiResp.OKAY:
                    continue
                place, strobes = (address + beat * word) % SIZE, int(data.wstrb)
                value = written_word(data.wdata, strobes)
                for lane, byte in enumerate(value.to_bytes(word, "little")):
                    if strobes >> lane & 1:
                        self.contents[place + lane] = byte
            self.answering.put_nowait((self._due(self.manners.answer), answer))

    async def _answer(self) -> None:
        while True:
            due, answer = await self.answering.get()
            await until(due)
            self.level["aw"] -= 1
            await self.b.send(AxiBTransaction(bid=0, bresp=answer))

    async def _watch(self) -> None:
        """Check that an offer stays as it is until it is accepted."""
        dut = self.dut
        payloads = {
            "ar": (dut.m_axi_araddr, dut.m_axi_arlen),
            "aw": (dut.m_axi_awaddr, dut.m_axi_awlen),
            "w": (dut.m_axi_wdata, dut.m_axi_wstrb, dut.m_axi_wlast),
        }
        ports = [
            (name, getattr(dut, f"m_axi_{name}valid"), getattr(dut, f"m_axi_{name}ready"), payload)
            for name, payload in payloads.items()
        ]
        held: dict[str, list[str]] = {}
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value == 1:
                held.clear()
                continue
            for name, valid, ready, payload in ports:
                if valid.value == 1:
                    now = [str(part.value) for part in payload]
                    assert held.pop(name, now) == now, f"{name.upper()} changes an offer that is not accepted"
                    if ready.value == 0:
                        held[name] = now
                else:
                    assert name not in held, f"{name.upper()} withdraws an offer that is not accepted"


async def until(due: int) -> None:
    """Wait for a cycle."""
    if (wait := due - cycle()) > 0:
        await Timer(wait * PERIOD_NS, "ns")


def pause(channel, chance: random.Random, stall: float) -> None:
    """Let a channel pause in so many cycles."""
    channel.set_pause_generator(iter(lambda: chance.random() < stall, None) if stall else None)
    channel.pause = False


class Chip:
    """The design, the memory, the host's port, and the memory as it should be: ``want``.

    ``free`` are the bytes that may be anything.
    """

    def __init__(self, dut, config: AcceleratorConfig, seed: int):
        self.dut, self.config = dut, config
        self.chance = random.Random(seed)
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)

    async def start(self, manners: Manners) -> None:
        """Start the clock, and reset."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
        dut.rst.value = 1
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.memory = Memory(dut, self.config, manners, self.chance)
        self.want = bytearray(self.memory.contents)
        self.free: set[int] = set()
        self.ring_log2 = 3
        await cycles(dut, 3)
        dut.rst.value = 0
        await cycles(dut, 2)
        self.set_manners(manners)

    def set_manners(self, manners: Manners) -> None:
        """Change all pauses and latencies."""
        self.memory.set_manners(manners)
        write, read = self.lite.write_if, self.lite.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
            pause(channel, self.chance, manners.lite)

    async def hard_reset(self) -> None:
        """Reset for one cycle, once all channels have taken what the last edge moved."""
        await Timer(PERIOD_NS // 2, "ns")
        self.dut.rst.value = 1
        self.memory.reset()
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        self.memory.reset()
        await cycles(self.dut, 2)

    async def read(self, name: str) -> int:
        """Read a register."""
        answer = await self.lite.read(_REGISTERS[name].offset, 4)
        assert answer.resp == AxiResp.OKAY, f"reading {name}: {answer.resp.name}"
        return int.from_bytes(answer.data, "little")

    async def fields(self, name: str) -> dict[str, int]:
        """Read the fields of a register."""
        value = await self.read(name)
        return {field.name: value >> field.low & (1 << field.bits) - 1 for field in _REGISTERS[name].fields}

    async def write(self, name: str, value: int) -> AxiResp:
        """Write a register; return the response."""
        return (await self.lite.write(_REGISTERS[name].offset, value.to_bytes(4, "little"))).resp

    async def set(self, name: str, *fields: str) -> None:
        """Write ones to these fields of a register, zeros to the others."""
        assert await self.write(name, bits(name, *fields)) == AxiResp.OKAY

    async def set_up(self, ring_log2: int = 3) -> None:
        """Give the hardware its ring, and let it run."""
        self.ring_log2 = ring_log2
        await self.write("RING_BASE_LO", RING)
        await self.write("RING_BASE_HI", 0)
        await self.write("RING_LOG2", ring_log2)
        await self.set("IRQ_ENABLE", "error", "empty")
        await self.set("CONTROL", "enable")

    def entry(self, index: int) -> int:
        """The address of a descriptor in the ring."""
        return RING + index % (1 << self.ring_log2) * DESCRIPTOR_BYTES

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""
        self.memory.contents[address : address + len(data)] = data
        self.want[address : address + len(data)] = data

    async def submit(self, jobs: list["Job"]) -> None:
        """Put descriptors into the ring; there must be room."""
        tail = await self.read("TAIL")
        for number, job in enumerate(jobs):
            self.put(self.entry(tail + number), job.descriptor.pack())
            job.index = (tail + number) & 0xFFFF
        await self.write("TAIL", (tail + len(jobs)) & 0xFFFF)

    async def submit_direct(self, job: "Job") -> None:
        """Write a descriptor to the registers: word 0 first, the last one last, the others in any order."""
        while not (await self.fields("STATUS"))["direct_ready"]:
            await cycles(self.dut, self.chance.randrange(1, 20))
        job.index = await self.read("TAIL")
        words = list(enumerate(np.frombuffer(job.descriptor.pack(), "<u4").tolist()))
        first, *others, last = words
        self.chance.shuffle(others)
        for number, word in [first, *others, last]:
            assert await self.write(f"DESCRIPTOR_{number}", word) == AxiResp.OKAY

    async def feed(self, jobs: list["Job"]) -> None:
        """Submit more jobs than the ring may hold, some at a time."""
        sent = 0
        while sent < len(jobs):
            room = (1 << self.ring_log2) - ((await self.read("TAIL") - await self.read("HEAD")) & 0xFFFF)
            batch = jobs[sent : sent + self.chance.randint(min(1, room), room)]
            if batch:
                await self.submit(batch)
            else:
                await cycles(self.dut, self.chance.randrange(1, 60))
            sent += len(batch)

    async def interrupt(self) -> dict[str, int]:
        """Wait for the interrupt; return IRQ_STATUS, and clear it."""
        moved, since = -1, cycle()
        while cycle() < since + HANG_CYCLES:
            if self.dut.irq.value == 1:
                status = await self.fields("IRQ_STATUS")
                await self.set("IRQ_STATUS", *(name for name, value in status.items() if value))
                return status
            if moved != (now := self.memory.read_words + self.memory.written_words):
                moved, since = now, cycle()
            await cycles(self.dut, 4)
        raise AssertionError(f"it hangs; engines: {await self.fields('ENGINES')}, head {await self.read('HEAD')}")

    async def finish(self, jobs: list["Job"]) -> None:
        """Wait for the last of these; then compare the memory, and see that the counters close."""
        while True:
            status = await self.interrupt()
            assert not status["error"], f"failed: {await self.fields('ERROR')}"
            if status["empty"] and await self.read("HEAD") == (jobs[-1].index + 1) & 0xFFFF:
                break
        for job in jobs:
            job.apply(self.want)
        self.compare()
        await self.check_counters()
        status = await self.fields("STATUS")
        assert status == {"busy": 0, "failed": 0, "stopping": 0, "direct_ready": 1}, status

    async def check_counters(self) -> dict[str, int]:
        """The causes of each engine add up to all the cycles; the words are those of the bus."""
        if self.config.compact:
            assert (await self.lite.read(_REGISTERS["COUNT_READ_WORDS"].offset, 4)).resp == AxiResp.SLVERR
            return {"cycles": await self.read("COUNT_CYCLES")}
        counts = {name: await self.read(f"COUNT_{name.upper()}") for name, _ in COUNTERS}
        for engine in ENGINES:
            causes = {cause: counts[f"{engine}_{cause.lower()}"] for cause in Activity.__members__}
            assert sum(causes.values()) == counts["cycles"], f"{engine}: {causes}, cycles {counts['cycles']}"
        return counts

    def compare(self) -> None:
        """Every byte of the memory is as it should be."""
        got, want = (np.frombuffer(bytes(part), np.uint8) for part in (self.memory.contents, self.want))
        wrong = [place for place in np.flatnonzero(got != want).tolist() if place not in self.free]
        if wrong:
            first = ", ".join(f"{place:#x}: {got[place]:02x} is not {want[place]:02x}" for place in wrong[:6])
            raise AssertionError(f"{len(wrong)} bytes are wrong: {first}")

    def accept(self, job: "Job") -> None:
        """Take the job's C as it is."""
        for place in job.places():
            self.want[place] = self.memory.contents[place]


def bits(register: str, *names: str) -> int:
    """Ones in the fields of a register."""
    places = {field.name: field.low for field in _REGISTERS[register].fields}
    return sum(1 << places[name] for name in names)


@dataclass
class Job:
    """A descriptor, and its number once it is submitted."""

    config: AcceleratorConfig
    descriptor: Descriptor
    index: int = field(default=-1)

    def flag(self, name: str) -> bool:
        return bool(self.descriptor.flags >> FLAGS[name][0] & 1)

    @property
    def element_bytes(self) -> int:
        return 1 if self.flag("REQUANT") else 4

    @property
    def pitch(self) -> int:
        """Bytes from the biases to the multipliers, and on to the shifts."""
        return -(-4 * self.descriptor.n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES

    @property
    def busy_cycles(self) -> int:
        """Words of activations that enter the tile."""
        d = self.descriptor
        return d.m * -(-d.n // self.config.tile.cols) * -(-d.k // self.config.tile.rows)

    def places(self) -> set[int]:
        """The bytes of C."""
        d = self.descriptor
        rows = (range(d.c_address + row * d.c_stride, d.c_address + row * d.c_stride + d.n * self.element_bytes)
                for row in range(d.m))  # fmt: skip
        return {place % SIZE for row in rows for place in row}

    def apply(self, image: bytearray) -> None:
        """Do to a memory what the descriptor says."""
        d = self.descriptor
        a, b = (matrix(image, *part, np.int8) for part in ((d.a_address, d.a_stride, d.m, d.k),
                                                         (d.b_address, d.b_stride, d.n, d.k)))  # fmt: skip
        bias = requant = addend = None
        if self.flag("REQUANT") or self.flag("BIAS"):
            bias, multiplier, shift = (
                matrix(image, d.parameter_address + place * self.pitch, 0, 1, d.n, np.int32)[0] for place in range(3)
            )
        if self.flag("REQUANT"):
            requant = golden.Requant(
                multiplier=multiplier, shift=shift, zero_point=d.zero_point, minimum=d.minimum, maximum=d.maximum,
                rounding=self.config.rounding,
            )  # fmt: skip
        if self.flag("ACCUMULATE"):
            addend = matrix(image, d.c_address, d.c_stride, d.m, d.n, np.int32)
        result = golden.gemm(a, b, bias, requant, addend)
        for row, values in enumerate(result.astype("<i1" if self.element_bytes == 1 else "<i4")):
            start = d.c_address + row * d.c_stride
            image[start : start + values.nbytes] = values.tobytes()


def matrix(image: bytearray, address: int, stride: int, rows: int, columns: int, dtype) -> np.ndarray:
    """A matrix in memory."""
    size = columns * np.dtype(dtype).itemsize
    parts = [bytes(image[address + row * stride :][:size]) for row in range(rows)]
    return np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<")).reshape(rows, columns)


class Author:
    """Write random jobs, whose operands may be results of earlier ones: then with a fence."""

    def __init__(self, chip: Chip, *, longest: int = 40):
        self.chip, self.config, self.chance = chip, chip.config, chip.chance
        self.grain = 1 if chip.config.unaligned else chip.config.word_bytes
        self.longest = longest
        self.next = 0
        self.done: list[Job] = []

    def clear(self) -> None:
        """Begin again at the bottom of the memory, when all jobs are complete."""
        self.next = 0
        self.done.clear()

    def room(self, size: int) -> int:
        """The address of so many bytes that nothing else uses, nor the rest of their words."""
        apart = self.config.word_bytes if self.config.unaligned else 0
        address = self.next + apart + self.chance.randrange(9) * self.grain
        self.next = -(-(address + size) // self.grain) * self.grain
        assert self.next <= RING, "the memory is full"
        return address

    def size(self, *corners: int) -> int:
        return min(self.longest, max(1, self.chance.choice([*corners, self.chance.randint(1, self.longest)])))

    def stride(self, row: int, rows: int, *, overlap: bool = False) -> int:
        """Bytes from row to row: none, fewer than a row has (if ``overlap``), just as many, more."""
        least = -(-row // self.grain)
        choices = [least, least, least + self.chance.randrange(5)]
        if overlap:
            choices += [self.chance.randrange(least + 1)]
        return self.chance.choice(choices) * self.grain

    def fresh(self, rows: int, row: int, *, overlap: bool = False) -> tuple[int, int]:
        """Address and stride of a new matrix."""
        stride = self.stride(row, rows, overlap=overlap)
        return self.room((rows - 1) * stride + row), stride

    def log_uniform(self, bits: int) -> int:
        value = self.chance.getrandbits(self.chance.randrange(bits + 1)) * self.chance.choice((-1, 1))
        return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))

    def parameters(self, n: int, k: int) -> int:
        """Write biases, multipliers and shifts; most scale sums to about 8 bits, some are extreme."""
        pitch = -(-4 * n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES
        address = self.room(3 * pitch)
        sums = (k * 128 * 128).bit_length()
        for column in range(n):
            shift = self.chance.choice([-self.chance.randint(0, sums), self.chance.randint(-31, 30), -7])
            multiplier = self.chance.choice([
                self.chance.randrange(1 << 30, 1 << 31), 1 << 30, (1 << 31) - 1, self.chance.getrandbits(31), 0,
            ])  # fmt: skip
            bias = self.log_uniform(self.chance.choice([32, sums]))
            for place, value in enumerate((bias, multiplier, shift)):
                self.chip.put(address + place * pitch + 4 * column, value.to_bytes(4, "little", signed=True))
        return address

    def job(self, *, kind: str | None = None, alone: bool = False, flags: tuple[str, ...] = ()) -> Job:
        """Return a job that reads earlier results, unless ``alone``, only behind fences."""
        chance, config = self.chance, self.config
        kind = kind or chance.choice(["plain", "bias", "requant", "requant", "accumulate"])
        m = self.size(1, config.tile.cols - 1, config.tile.cols, config.acc_rows, config.acc_rows + 1)
        n = self.size(1, config.tile.cols, config.tile.cols + 1)
        k = self.size(1, config.tile.rows, config.tile.rows + 1, 2 * config.tile.rows * config.chunk_words)
        if chance.random() < 0.1:
            m, n, k = min(m, 5), min(n, 9), chance.choice([config.k_limit, chance.randint(1, config.k_limit)])
        names = set(flags)
        if kind != "plain":
            names.add(kind.upper())
        size = 1 if kind == "requant" else 4
        places: dict[str, int] = {}
        olds = {letter: None if alone else self.pick([], 0.3) for letter in "ab"}
        used = [old for old in olds.values() if old]
        k = min([k, *(old.descriptor.n * old.element_bytes for old in used)])
        for letter, old in olds.items():
            if old:
                places |= {f"{letter}_address": old.descriptor.c_address, f"{letter}_stride": old.descriptor.c_stride}
                names.add(f"FENCE_{letter.upper()}")
        m, n = (min(rows, old.descriptor.m) if old else rows for rows, old in zip((m, n), olds.values(), strict=True))
        for letter, rows in (("a", m), ("b", n)):
            if f"{letter}_address" not in places:
                address, stride = self.fresh(rows, k, overlap=True)
                places |= {f"{letter}_address": address, f"{letter}_stride": stride}
        old = self.pick(used, 0.7 if kind == "accumulate" else 0.2) if not alone else None
        if old and old.descriptor.n * old.element_bytes >= 4:
            m, n = min(m, old.descriptor.m), min(n, old.descriptor.n * old.element_bytes // size)
            places |= {"c_address": old.descriptor.c_address, "c_stride": old.descriptor.c_stride}
            names |= {"FENCE_C"} if kind == "accumulate" else set()
            used.append(old)
        else:
            places["c_address"], places["c_stride"] = self.fresh(m, n * size)
        if kind in ("bias", "requant"):
            old = self.pick(used, 0.4) if kind == "bias" and not alone else None
            if old and old.element_bytes == 4:
                row = chance.randrange(old.descriptor.m)
                n = min(n, old.descriptor.n)
                places["parameter_address"] = old.descriptor.c_address + row * old.descriptor.c_stride
                names.add("FENCE_C")
            else:
                places["parameter_address"] = self.parameters(n, k)
        names |= {name for name in ("FENCE_A", "FENCE_B", "FENCE_C") if chance.random() < 0.05}
        zero, low, high = chance.choice([
            (0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100), (5, -128, 127), (11, -70, 90),
        ])  # fmt: skip
        descriptor = Descriptor(
            m=m, n=n, k=k, flags=flag_bits(*names), zero_point=zero, minimum=low, maximum=high, **places,
        )  # fmt: skip
        job = Job(config, descriptor)
        self.done = [old for old in self.done if not old.places() & job.places()] + [job]
        return job

    def pick(self, but: list[Job], probability: float) -> Job | None:
        """An earlier job, whose C is still as it was left."""
        choices = [job for job in self.done if job not in but]
        return self.chance.choice(choices) if choices and self.chance.random() < probability else None


def spoiled(job: Job, **fields) -> Job:
    """The same job with other fields, which make no sense."""
    return Job(job.config, replace(job.descriptor, **fields))
