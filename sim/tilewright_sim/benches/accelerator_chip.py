"""The testbench of the accelerator: its memory, its host, and the expected contents of the memory."""

import logging
import random
from collections.abc import Awaitable, Callable

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig, Activity
from tilewright.accelerator.registers import REGISTERS, counters_of, engines_of
from tilewright_sim.testbench import PERIOD_NS, Timing
from tilewright_sim.testbench.cocotb import AxiMemory, cycle, cycles

from . import setup
from .jobs import Job, Space

HANG_CYCLES = 10_000
"""Cycles without a word on the bus after which it is a hang; the vector engine computes a strip for some thousands."""
_REGISTERS = {register.name: register for register in REGISTERS}


TIMINGS = {
    "prompt": Timing(),
    "late": Timing(latency=60, answer=20),
    "late_acks": Timing(latency=3, answer=200),
    "stalled": Timing(stall=0.6, port_stall=0.5),
    "uneven": Timing(stall=0.2, latency=40, answer=40, uneven=True),
}


def pause(channel, chance: random.Random, stall: float) -> None:
    """Make a channel pause with a probability of ``stall`` in each cycle."""
    channel.set_pause_generator(iter(lambda: chance.random() < stall, None) if stall else None)
    channel.pause = False


class Chip:
    """The design, its memory, and its host; ``want`` holds the expected contents of the memory."""

    base = 0

    def __init__(self, dut, config: AcceleratorConfig, space: Space, seed: int):
        self.dut, self.config, self.space = dut, config, space
        self.variables: tuple[int, ...] = ()
        self.chance = random.Random(seed)
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)

    async def start(self, timing: Timing) -> None:
        """Start the clock and reset the design."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
        dut.rst.value = 1
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.memory = AxiMemory(dut, self.config, timing, self.chance, self.space.size, whole_bursts=True)
        self.want = bytearray(self.memory.contents)
        self.ring_log2 = 3
        await cycles(dut, 3)
        dut.rst.value = 0
        await cycles(dut, 2)
        self.serving = cocotb.start_soon(self._serve())
        self.set_timing(timing)

    async def _serve(self) -> None:
        """Step the memory at every rising edge."""
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.rst.value == 1:
                self.memory.forget()
            else:
                self.memory.step()

    def set_timing(self, timing: Timing) -> None:
        """Set all pauses and latencies."""
        self.memory.timing = timing
        write, read = self.lite.write_if, self.lite.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
            pause(channel, self.chance, timing.port_stall)

    async def hard_reset(self) -> None:
        """Reset for one cycle, after all channels have handled the transfers of the last edge."""
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
        """Write ones to the named fields of a register and zeros to the others."""
        assert await self.write(name, bits(name, *fields)) == AxiResp.OKAY

    async def set_up(self, ring_log2: int = 3) -> None:
        """Configure the ring and enable the accelerator, perhaps after a reset."""
        self.ring_log2 = ring_log2
        self.variables = ()
        setup.cover(ring=f"{1 << ring_log2} descriptors")
        await self.write("RING_BASE_LO", self.space.ring)
        await self.write("RING_BASE_HI", 0)
        await self.write("RING_LOG2", ring_log2)
        await self.set("IRQ_ENABLE", "error", "empty")
        await self.set("CONTROL", "enable")

    def entry(self, index: int) -> int:
        """Return the address of a descriptor in the ring."""
        return self.space.ring + index % (1 << self.ring_log2) * DESCRIPTOR_BYTES

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""
        self.memory.contents[address : address + len(data)] = data
        self.want[address : address + len(data)] = data

    async def _set_variables(self, jobs: list[Job]) -> None:
        """Write the variables of jobs, unless they have these values."""
        values = jobs[0].variables
        if values != self.variables:
            for number, value in enumerate(values):
                await self.write(f"VARIABLE_{number}", value)
            self.variables = values

    async def submit(self, jobs: list[Job]) -> None:
        """Write descriptors to the ring, which must have room for them."""
        await self._set_variables(jobs)
        tail = await self.read("TAIL")
        for number, job in enumerate(jobs):
            self.put(self.entry(tail + number), job.stored().pack())
            job.index = (tail + number) & 0xFFFF
        await self.write("TAIL", (tail + len(jobs)) & 0xFFFF)

    async def submit_direct(self, job: Job) -> None:
        """Write a descriptor to the registers: word 0 first, the last word last, the others in any order."""
        while not (await self.fields("STATUS"))["direct_ready"]:
            await cycles(self.dut, self.chance.randrange(1, 20))
        await self._set_variables([job])
        job.index = await self.read("TAIL")
        words = list(enumerate(np.frombuffer(job.stored().pack(), "<u4").tolist()))
        first, *others, last = words
        self.chance.shuffle(others)
        for number, word in [first, *others, last]:
            assert await self.write(f"DESCRIPTOR_{number}", word) == AxiResp.OKAY

    async def feed(self, jobs: list[Job]) -> None:
        """Submit jobs in batches; there may be more of them than the ring can hold."""
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

        async def raised() -> bool:
            return self.dut.irq.value == 1

        await self._wait(raised, pause=4)
        status = await self.fields("IRQ_STATUS")
        await self.set("IRQ_STATUS", *(name for name, value in status.items() if value))
        return status

    async def _wait(self, done: Callable[[], Awaitable[bool]], pause: int) -> None:
        """Wait, looking every so many cycles; it is a hang if the memory moves no word for `HANG_CYCLES`."""
        moved, since = -1, cycle()
        while not await done():
            if moved != (now := self.memory.read_words + self.memory.written_words):
                moved, since = now, cycle()
            if cycle() >= since + HANG_CYCLES:
                engines, head = await self.fields("ENGINES"), await self.read("HEAD")
                raise AssertionError(f"the accelerator hangs; engines: {engines}, head {head}")
            await cycles(self.dut, pause)

    async def finish(self, jobs: list[Job]) -> None:
        """Wait for the last job; then compare the memory and check the counters."""
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
        """Check that nothing has run since the failure, then resume."""
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
        raise AssertionError("the accelerator does not stop")

    async def settle(self) -> None:
        """Wait until the accelerator is idle, and clear the interrupts."""

        async def idle() -> bool:
            return not (await self.fields("STATUS"))["busy"]

        await self._wait(idle, pause=20)
        await self.set("IRQ_STATUS", "done", "error", "empty")

    async def check_counters(self) -> dict[str, int]:
        """Check that the causes of each engine add up to all cycles; return the counters."""
        if self.config.compact:
            assert (await self.lite.read(_REGISTERS["COUNT_READ_WORDS"].offset, 4)).resp == AxiResp.SLVERR
            return {"cycles": await self.read("COUNT_CYCLES")}
        counts = {name: await self.read(f"COUNT_{name.upper()}") for name in counters_of(self.config)}
        for engine in engines_of(self.config):
            causes = {cause: counts[f"{engine}_{cause.lower()}"] for cause in Activity.__members__}
            assert sum(causes.values()) == counts["cycles"], f"{engine}: {causes}, cycles {counts['cycles']}"
        return counts

    def compare(self) -> None:
        """Compare every byte of the memory with its expected value."""
        got, want = (np.frombuffer(bytes(part), np.uint8) for part in (self.memory.contents, self.want))
        wrong = np.flatnonzero(got != want).tolist()
        if wrong:
            first = ", ".join(f"{address:#x}: {got[address]:02x} is not {want[address]:02x}" for address in wrong[:6])
            raise AssertionError(f"{len(wrong)} bytes are wrong: {first}")

    def accept(self, job: Job) -> None:
        """Expect the current contents of the job's C."""
        for address in job.result_addresses():
            self.want[address] = self.memory.contents[address]


def bits(register: str, *names: str) -> int:
    """Return a register value with ones in the named fields."""
    lowest = {field.name: field.low for field in _REGISTERS[register].fields}
    return sum(1 << lowest[name] for name in names)
