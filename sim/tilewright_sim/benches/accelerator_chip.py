"""The accelerator on its testbench: the memory behind it, the host in front, and the memory as it should be."""

import logging
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig, Activity
from tilewright.accelerator.registers import COUNTERS, ENGINES, REGISTERS
from tilewright_sim.testbench import PERIOD_NS, Timing
from tilewright_sim.testbench.cocotb import AxiMemory, cycle, cycles

from . import setup
from .jobs import Job, Space

HANG_CYCLES = 3000
"""So many without a word on the bus are too many."""
_REGISTERS = {register.name: register for register in REGISTERS}


TIMINGS = {
    "prompt": Timing(),
    "late": Timing(latency=60, answer=20),
    "late_acks": Timing(latency=3, answer=200),
    "stalled": Timing(stall=0.6, port_stall=0.5),
    "uneven": Timing(stall=0.2, latency=40, answer=40, uneven=True),
}


def pause(channel, chance: random.Random, stall: float) -> None:
    """Let a channel pause in so many cycles."""
    channel.set_pause_generator(iter(lambda: chance.random() < stall, None) if stall else None)
    channel.pause = False


class Chip:
    """The design, the memory, the host's port, and the memory as it should be: ``want``.

    ``free`` are the bytes that may be anything.
    """

    def __init__(self, dut, config: AcceleratorConfig, space: Space, seed: int):
        self.dut, self.config, self.space = dut, config, space
        self.chance = random.Random(seed)
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)

    async def start(self, timing: Timing) -> None:
        """Start the clock, and reset."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
        dut.rst.value = 1
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.memory = AxiMemory(dut, self.config, timing, self.chance, self.space.size, whole_bursts=True)
        self.want = bytearray(self.memory.contents)
        self.free: set[int] = set()
        self.ring_log2 = 3
        await cycles(dut, 3)
        dut.rst.value = 0
        await cycles(dut, 2)
        self.serving = cocotb.start_soon(self._serve())
        self.set_timing(timing)

    async def _serve(self) -> None:
        """The memory at every rising edge."""
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.rst.value == 1:
                self.memory.forget()
            else:
                self.memory.step()

    def set_timing(self, timing: Timing) -> None:
        """Change all pauses and latencies."""
        self.memory.timing = timing
        write, read = self.lite.write_if, self.lite.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
            pause(channel, self.chance, timing.port_stall)

    async def hard_reset(self) -> None:
        """Reset for one cycle, once all channels have taken what the last edge moved."""
        await Timer(PERIOD_NS // 2, "ns")
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
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
        setup.cover(ring=f"{1 << ring_log2} descriptors")
        await self.write("RING_BASE_LO", self.space.ring)
        await self.write("RING_BASE_HI", 0)
        await self.write("RING_LOG2", ring_log2)
        await self.set("IRQ_ENABLE", "error", "empty")
        await self.set("CONTROL", "enable")

    def entry(self, index: int) -> int:
        """The address of a descriptor in the ring."""
        return self.space.ring + index % (1 << self.ring_log2) * DESCRIPTOR_BYTES

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""
        self.memory.contents[address : address + len(data)] = data
        self.want[address : address + len(data)] = data

    async def submit(self, jobs: list[Job]) -> None:
        """Put descriptors into the ring; there must be room."""
        tail = await self.read("TAIL")
        for number, job in enumerate(jobs):
            self.put(self.entry(tail + number), job.descriptor.pack())
            job.index = (tail + number) & 0xFFFF
        await self.write("TAIL", (tail + len(jobs)) & 0xFFFF)

    async def submit_direct(self, job: Job) -> None:
        """Write a descriptor to the registers: word 0 first, the last one last, the others in any order."""
        while not (await self.fields("STATUS"))["direct_ready"]:
            await cycles(self.dut, self.chance.randrange(1, 20))
        job.index = await self.read("TAIL")
        words = list(enumerate(np.frombuffer(job.descriptor.pack(), "<u4").tolist()))
        first, *others, last = words
        self.chance.shuffle(others)
        for number, word in [first, *others, last]:
            assert await self.write(f"DESCRIPTOR_{number}", word) == AxiResp.OKAY

    async def feed(self, jobs: list[Job]) -> None:
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

    async def finish(self, jobs: list[Job]) -> None:
        """Wait for the last of these; then compare the memory, and see that the counters close."""
        while True:
            status = await self.interrupt()
            assert not status["error"], f"failed: {await self.fields('ERROR')}"
            if status["empty"] and await self.read("HEAD") == (jobs[-1].index + 1) & 0xFFFF:
                break
        for job in jobs:
            job.apply(self.want)
            setup.cover(**job.bins())
        self.compare()
        await self.check_counters()
        status = await self.fields("STATUS")
        assert status == {"busy": 0, "failed": 0, "stopping": 0, "direct_ready": 1}, status

    async def resume(self) -> None:
        """Nothing has run since the failure; go on."""
        before = bytes(self.memory.contents)
        await cycles(self.dut, 40)
        assert self.memory.contents == before
        await self.set("COMMAND", "resume")

    async def stopped(self) -> dict[str, int]:
        """Wait until an abort or a soft reset is done; return the status."""
        for _ in range(200):
            status = await self.fields("STATUS")
            if not status["stopping"]:
                return status
        raise AssertionError("it does not stop")

    async def settle(self) -> None:
        """Wait until nothing runs any more, and clear the interrupts."""
        for _ in range(20_000 if self.config.compact else 2000):
            if not (await self.fields("STATUS"))["busy"]:
                break
            await cycles(self.dut, 20)
        else:
            raise AssertionError(f"it hangs; engines: {await self.fields('ENGINES')}")
        await self.set("IRQ_STATUS", "done", "error", "empty")

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

    def accept(self, job: Job) -> None:
        """Take the job's C as it is."""
        for place in job.places():
            self.want[place] = self.memory.contents[place]


def bits(register: str, *names: str) -> int:
    """Ones in the fields of a register."""
    places = {field.name: field.low for field in _REGISTERS[register].fields}
    return sum(1 << places[name] for name in names)
