"""The registers behind AXI4-Lite, under pauses and in every order of address and data."""

import random

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import COUNTERS, REGISTER_ADDRESS_BITS, REGISTERS, registers_of
from tilewright.accelerator.registers.constants import constants
from tilewright.accelerator.registers.register_file import RegisterFile
from tilewright.accelerator.registers.register_port import RegisterPort
from tilewright_sim.testbench import pysim
from tilewright_sim.testbench.axi_lite_host import BusError, LiteHost, offset_of

SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
LONG = SMALL.model_copy(update={"addr_bits": 48})
ACCESS = {register.offset: register.access for register in REGISTERS}
# What is driven from outside, and where it is read.
SHOWN = {"engines": ("ENGINES", 16), "irq_status": ("IRQ_STATUS", 3), "error": ("ERROR", 7), "head": ("HEAD", 16),
         "tail": ("TAIL", 16)}  # fmt: skip
SHOWN_WITH_ECC = {"ecc_corrected": ("ECC_CORRECTED", 16), "ecc_corrupt": ("ECC_CORRUPT", 16)}
# What is kept: bits that can be written.
KEPT = {"CONTROL": 1, "IRQ_ENABLE": 7, "RING_BASE_LO": 0xFFFF_FFC0, "RING_LOG2": 15}
PULSES = ("tail_write", "abort", "resume", "soft_reset", "clear_counters", "irq_clear", "descriptor_write")


def run(config, bench, seed=None):
    dut = RegisterFile(config)

    async def host_bench(ctx):
        host = LiteHost(dut.s_axil, None if seed is None else random.Random(seed))
        await bench(ctx, host, dut)
        over.append(1)

    async def counters(ctx):
        """Give counter n, after a while, as ``1000 + n``."""
        over.clear()
        waited = 0
        while not over:
            _, _, request, slot = await ctx.tick().sample(dut.counter_request, dut.counter_slot)
            waited = waited + 1 if request and not ctx.get(dut.counter_done) else 0
            ctx.set(dut.counter_done, waited == 5 + slot)
            ctx.set(dut.counter_value, 1000 + slot if waited == 5 + slot else 77)

    over = []
    pysim.run(dut, counters, host_bench, limit_cycles=40_000)


def test_constants_by_hand():
    assert constants(SMALL) == {
        "ID": 0x54574D4D,
        "VERSION": 0x0101,
        "CAP_TILE": 0x080808 | SMALL.requant_lanes << 24,
        "CAP_BUS": 0x0A102008,
        "CAP_BUFFERS": 11 | 9 << 5 | 6 << 10 | 1 << 15 | 4 << 18,
        "K_LIMIT": 16384,
    }


@pytest.mark.parametrize(("seed", "ecc"), [(None, False), (1, False), (2, True)])
def test_every_offset(seed, ecc):
    """All that can be read is read; everything else is refused."""
    config = LONG.model_copy(update={"ecc": ecc})

    async def bench(ctx, host, dut):
        shown = {}
        for name, (register, bits) in (SHOWN | (SHOWN_WITH_ECC if ecc else {})).items():
            shown[register] = random.getrandbits(bits)
            ctx.set(getattr(dut, name), shown[register])
        ctx.set(dut.error_address, 0x1234_5678_9ABC)
        ctx.set(dut.failed, 1)
        want = shown | constants(config) | {
            "STATUS": 0b0010,
            "ERROR_INDEX": shown["HEAD"],
            "ERROR_ADDRESS_LO": 0x5678_9ABC,
            "ERROR_ADDRESS_HI": 0x1234,
        }  # fmt: skip
        want |= {f"COUNT_{name.upper()}": 1000 + place for place, (name, _) in enumerate(COUNTERS)}
        names = {register.offset: register.name for register in registers_of(config)}
        for offset in range(0, 1 << REGISTER_ADDRESS_BITS, 4):
            if offset in names:
                assert await host.read(ctx, offset) == want.get(names[offset], 0), names[offset]
            else:
                with pytest.raises(BusError):
                    await host.read(ctx, offset)
            if ACCESS.get(offset, "ro") == "ro":
                with pytest.raises(BusError):
                    await host.write(ctx, offset, 0xFFFF_FFFF)

    run(config, bench, seed)


def pulses(dut):
    return [getattr(dut, name) for name in PULSES]


@pytest.mark.parametrize("seed", range(4))
def test_random_accesses_against_a_model(seed):
    rng = random.Random(seed)

    async def bench(ctx, host, dut):
        model = dict.fromkeys(KEPT, 0)
        assembling = False  # word 0 has been taken, and direct_ready has been 1 since
        for _ in range(150):
            name = rng.choice([*KEPT, "TAIL", "COMMAND", "IRQ_STATUS", "HEAD", "DESCRIPTOR_0", "DESCRIPTOR_3",
                               "RING_BASE_HI"])  # fmt: skip
            value = rng.getrandbits(32)
            strobes = rng.choice([15, 15, 15, 15, 0, 1, 14])
            ready = rng.random() < 0.8
            ctx.set(dut.direct_ready, ready)
            assembling &= ready
            allowed = {"HEAD": False, "DESCRIPTOR_0": ready, "DESCRIPTOR_3": assembling}.get(name, True)
            refused = strobes != 15 or not allowed
            assembling |= name == "DESCRIPTOR_0" and not refused
            if refused:
                with pytest.raises(BusError):
                    await host.write(ctx, name, value, strobes)
            else:
                await host.write(ctx, name, value)
                if name in KEPT:
                    model[name] = value & KEPT[name]
            if rng.random() < 0.05:
                ctx.set(dut.clear, 1)
                await ctx.tick()
                ctx.set(dut.clear, 0)
                model = dict.fromkeys(KEPT, 0)
            name = rng.choice(list(KEPT))
            assert await host.read(ctx, name) == model[name], name
        assert ctx.get(dut.ring_base) == model["RING_BASE_LO"] >> 6
        assert ctx.get(dut.enable) == model["CONTROL"]

    run(SMALL, bench, seed)


WRITES = [
    ("TAIL", 0x1234_5678, {"tail_write": 1}),
    ("COMMAND", 0b0001, {"abort": 1}),
    ("COMMAND", 0b0010, {"resume": 1}),
    ("COMMAND", 0b0100, {"soft_reset": 1}),
    ("COMMAND", 0xFFFF_FFF8, {"clear_counters": 1}),
    ("IRQ_STATUS", 0b101, {"irq_clear": 0b101}),
    ("DESCRIPTOR_0", 5, {"descriptor_write": 1}),
    ("DESCRIPTOR_15", 6, {"descriptor_write": 1}),
    ("HEAD", 7, {}),
    ("IRQ_ENABLE", 3, {}),
]


@pytest.mark.parametrize("seed", [None, 5])
def test_each_write_pulses_once(seed):
    async def bench(ctx, host, dut):
        ctx.set(dut.direct_ready, 1)
        for name, value, want in WRITES:
            seen.clear()
            try:
                await host.write(ctx, name, value)
            except BusError:
                assert name == "HEAD"
            await ctx.tick()
            assert seen == [(key, number, value) for key, number in want.items()]

    seen = []

    async def watch(ctx):
        while True:
            *_, data, word, t, d, i, a, r, s, c = await ctx.tick().sample(
                dut.data, dut.descriptor_word, dut.tail_write, dut.descriptor_write, dut.irq_clear, dut.abort,
                dut.resume, dut.soft_reset, dut.clear_counters)  # fmt: skip
            names = ("tail_write", "descriptor_write", "irq_clear", "abort", "resume", "soft_reset", "clear_counters")
            for name, value in zip(names, (t, d, i, a, r, s, c), strict=True):
                if value:
                    seen.append((name, value, data))
                if value and name == "descriptor_write":
                    assert word == {5: 0, 6: 15}[data]
            if over:
                return

    over = []
    dut = RegisterFile(SMALL)

    async def host_bench(ctx):
        over.clear()
        await bench(ctx, LiteHost(dut.s_axil, None if seed is None else random.Random(seed)), dut)
        over.append(1)

    pysim.run(dut, host_bench, watch)


def test_reads_and_writes_do_not_wait_for_each_other():
    """A read goes through while a write has only its address, or its answer is not taken."""

    async def bench(ctx, host, dut):
        bus = dut.s_axil
        ctx.set(bus.awaddr, offset_of("RING_LOG2"))
        ctx.set(bus.awvalid, 1)
        await ctx.tick()
        ctx.set(bus.awvalid, 0)
        assert await host.read(ctx, "ID") == 0x54574D4D
        ctx.set(bus.wdata, 9)
        ctx.set(bus.wstrb, 15)
        ctx.set(bus.wvalid, 1)
        await ctx.tick()
        ctx.set(bus.wvalid, 0)
        for _ in range(4):
            await ctx.tick()
        assert ctx.get(bus.bvalid)
        assert await host.read(ctx, "RING_LOG2") == 9
        assert ctx.get(bus.bvalid)
        # A second write waits for the answer of the first.
        ctx.set(bus.awvalid, 1)
        ctx.set(bus.wvalid, 1)
        ctx.set(bus.wdata, 3)
        await ctx.tick()
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.wvalid, 0)
        for _ in range(5):
            await ctx.tick()
        assert await host.read(ctx, "RING_LOG2") == 9
        ctx.set(bus.bready, 1)
        for _ in range(5):
            await ctx.tick()
        ctx.set(bus.bready, 0)
        assert await host.read(ctx, "RING_LOG2") == 3

    run(SMALL, bench)


def test_latencies_of_the_port():
    dut = RegisterPort(9)

    async def bench(ctx):
        bus = dut.s_axil
        ctx.set(dut.read_data, 42)
        ctx.set(dut.read_done, 1)
        for signal in (bus.awvalid, bus.wvalid, bus.arvalid, bus.bready, bus.rready):
            ctx.set(signal, 1)
        trace = []
        for _ in range(12):
            _, _, *values = await ctx.tick().sample(dut.write, bus.bvalid, dut.read, bus.rvalid)
            trace.append(values)
        assert [n for n, values in enumerate(trace) if values[0]] == [2, 6, 10]
        assert [n for n, values in enumerate(trace) if values[1]] == [4, 8]
        assert [n for n, values in enumerate(trace) if values[2]] == [1, 4, 7, 10]
        assert [n for n, values in enumerate(trace) if values[3]] == [2, 5, 8, 11]

    pysim.run(dut, bench)
