"""What a host does with the registers of the command side."""

from types import SimpleNamespace

from unit.tilewright.accelerator.frontend.descriptors import BASE

from tilewright.accelerator.contract import Activity, Unit
from tilewright.accelerator.registers import COUNTERS, ENGINES, ERRORS

BUSY, FAILED, STOPPING, DIRECT_READY = 1, 2, 4, 8
ABORT, RESUME, SOFT_RESET, CLEAR = 1, 2, 4, 8


async def start(ctx, host, base=BASE, log2=3, tail=0):
    await host.write(ctx, "RING_BASE_LO", base & 0xFFFF_FFFF)
    await host.write(ctx, "RING_BASE_HI", base >> 32)
    await host.write(ctx, "RING_LOG2", log2)
    await host.write(ctx, "IRQ_ENABLE", 0b111)
    await host.write(ctx, "TAIL", tail)
    await host.write(ctx, "CONTROL", 1)


async def wait_idle(ctx, host):
    """Wait until nothing is in work; return STATUS."""
    while (status := await host.read(ctx, "STATUS")) & (BUSY | STOPPING):
        pass
    return status


async def read_error(ctx, host):
    low, high = [await host.read(ctx, f"ERROR_ADDRESS_{half}") for half in ("LO", "HI")]
    error = await host.read(ctx, "ERROR")
    code = next(name for name, (number, _) in ERRORS.items() if number == error & 15)
    return code, Unit(error >> 4), await host.read(ctx, "ERROR_INDEX"), high << 32 | low


async def check_counters(ctx, host, outside=None):
    """Read all counters; they must close, and be what the world counted."""
    if outside and outside.dut.config.compact:
        return SimpleNamespace(cycles=await host.read(ctx, "COUNT_CYCLES"))
    counts = {name: await host.read(ctx, f"COUNT_{name.upper()}") for name, _ in COUNTERS}
    for engine in ENGINES:
        causes = {cause: counts[f"{engine}_{cause.name.lower()}"] for cause in Activity}
        assert sum(causes.values()) == counts["cycles"], (engine, counts)
        if outside:
            for cause in set(Activity) - {Activity.IDLE}:
                assert causes[cause] == outside.activities[engine][cause], (engine, cause)
    if outside:
        assert counts["read_words"] == outside.words_moved
    return SimpleNamespace(**counts)


async def words(ctx, host, descriptor, numbers):
    """Write some words of a descriptor through the registers."""
    data = descriptor.pack()
    for word in numbers:
        await host.write(ctx, f"DESCRIPTOR_{word}", int.from_bytes(data[4 * word : 4 * word + 4], "little"))


async def submit(ctx, host, descriptor, order=range(16)):
    await words(ctx, host, descriptor, order)
