"""Bench of the SDRAM controller, between an AXI manager and a chip model that checks every rule."""

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from tilewright.memory.sdram import SdramConfig
from tilewright_sim.models import sdram as chip_model
from tilewright_sim.testbench import PERIOD_NS
from tilewright_sim.testbench.cocotb import cycles

from . import setup
from .sdram_manager import Manager, Transfer, random_transfers, write

CONFIG = setup.load(SdramConfig)
TRANSFERS = setup.effort(12, 40, 200)
NOT_ALWAYS = ("ba", "a", "dq_o")
"""Pins that are unused, and may be X, in most clock cycles."""

each_test = cocotb.test(timeout_time=100, timeout_unit="ms")


class Bench:
    """The controller after a reset, and a chip that has just been powered up."""

    def __init__(self, dut):
        self.dut, self.chance = dut, random.Random(random.getrandbits(32))
        figures = chip_model.ChipFigures.of(CONFIG)
        self.chip = chip_model.SdramChip(
            figures, CONFIG.clock_khz, CONFIG.cas_latency, CONFIG.burst_length, seed=self.chance.getrandbits(32)
        )

    async def start(self):
        """Reset the controller and start the chip."""
        Clock(self.dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
        await self.reset()
        cocotb.start_soon(self._serve())

    async def reset(self):
        """Reset for one cycle, with all inputs of the port 0."""
        for name in Manager.INPUTS:
            getattr(self.dut, f"s_axi_{name}").value = 0
        self.dut.rst.value = 1
        await cycles(self.dut, 1)
        self.dut.rst.value = 0

    async def run(self, transfers, *, limit=None, **options):
        """Perform the transfers and check the contents of the chip, or stop after ``limit`` cycles."""
        manager = Manager(CONFIG, self.chip, transfers, seed=self.chance.getrandbits(32), **options)
        driven = dict.fromkeys(Manager.INPUTS, 0)
        while not manager.ended:
            await RisingEdge(self.dut.clk)
            seen = {name: self._get(name) for name in Manager.READIES}
            for channel, names in Manager.PAYLOADS.items():
                seen[f"{channel}valid"] = valid = self._get(f"{channel}valid")
                # Data of an error response are undefined.
                error = valid and self._get(f"{channel}resp")
                seen |= {name: 0 if name == "rdata" and error else self._get(name) for name in names if valid}
            for name, value in manager.step(seen).items():
                if driven[name] != value:
                    getattr(self.dut, f"s_axi_{name}").value = driven[name] = int(value)
            if limit is not None and manager.cycle >= limit:
                return manager
        manager.check()
        return manager

    def _get(self, name):
        return int(getattr(self.dut, f"s_axi_{name}").value)

    async def _serve(self):
        """Step the chip at every clock edge out of reset; its data arrive ``capture_cycles`` later."""
        pins = {name: getattr(self.dut, f"sdram_{name}") for name in self.chip.PINS}
        on_the_way = deque([0] * CONFIG.capture_cycles)
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.rst.value == 1:
                self.chip.begin()
                continue
            values = {name: pin.value for name, pin in pins.items()}
            for name in NOT_ALWAYS:
                if not values[name].is_resolvable:
                    values[name] = self.chance.getrandbits(len(values[name]))
            on_the_way.append(self.chip.clock(*map(int, values.values())))
            self.dut.sdram_dq_i.value = on_the_way.popleft()


@each_test
@cocotb.parametrize(stall=[0, 30, 70])
async def moves_every_byte_and_keeps_every_rule(dut, stall):
    """Bursts of all lengths in both directions, some of them invalid: all bytes and responses are correct."""
    bench = Bench(dut)
    await bench.start()
    transfers = random_transfers(CONFIG, TRANSFERS, bench.chance.getrandbits(32), invalid=0.15)
    await bench.run(transfers, stall=stall / 100)
    assert bench.chip.counts["SET MODE"] == 1


@each_test
@cocotb.parametrize(silent=["w", "r"])
async def neither_direction_waits_for_the_other(dut, silent):
    """If write data never arrive, or read data are never accepted, the other direction continues."""
    bench = Bench(dut)
    await bench.start()
    beats = min(64, 4096 // CONFIG.word_bytes)
    stuck = write(CONFIG, 0, 16, bench.chance) if silent == "w" else Transfer(0, beats, False)
    others = [
        Transfer(8192 + 4096 * n, beats, False)
        if silent == "w"
        else write(CONFIG, 8192 + 4096 * n, beats, bench.chance)
        for n in range(4)
    ]
    manager = await bench.run([stuck, *others], silent=silent)
    assert len(manager.answer_cycles) == 4


@each_test
async def a_burst_past_4_kib_stays_within(dut):
    """An INCR burst that passes 4 KiB, which AXI forbids, wraps within the 4 KiB; other bytes do not change."""
    bench = Bench(dut)
    await bench.start()
    word = CONFIG.word_bytes
    await bench.run([
        write(CONFIG, 4096 - 2 * word, 4, bench.chance),
        Transfer(4096 - 3 * word, 8, False, alone=True),
        Transfer(4096, 2, False),
    ])


@each_test
async def restarts_after_a_reset(dut):
    """A reset at any time, with bursts in flight, clears all state; the chip is initialised again."""
    bench = Bench(dut)
    await bench.start()
    for _ in range(setup.effort(1, 2, 6)):
        transfers = random_transfers(CONFIG, 8, bench.chance.getrandbits(32))
        start = CONFIG.power_up_cycles
        await bench.run(transfers, limit=bench.chance.choice([9, start, start + bench.chance.randrange(600)]))
        await bench.reset()
        await bench.run(random_transfers(CONFIG, 8, bench.chance.getrandbits(32)))
        await bench.reset()
