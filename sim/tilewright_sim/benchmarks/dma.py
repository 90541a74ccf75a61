"""Measure the DMA engines."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tilewright.cores import CORES
from tilewright.dma import DmaConfig, DmaReader, DmaWriter
from tilewright.flows.fpga import FpgaFlow
from tilewright_sim.models import Request, read_words, word_count, write_bytes
from tilewright_sim.testbench import AxiMemory, ReadMemory, WriteMemory, pysim

from .results import Measurement

__all__ = ["bench_dma"]

COMMAND = "tilewright bench dma"
CONFIG = DmaConfig()  # 64-bit data, 32-bit addresses, aligned, bursts of 16
SIZE = 1 << 16
QUEUED = [Request(address, SIZE // 4) for address in range(0, SIZE, SIZE // 4)]
ROWS = [Request(64 * part, 64, SIZE // 1024, 1024) for part in range(16)]
LUTS = {"dma-reader": 628, "dma-writer": 900}


def bench_dma() -> Iterator[Measurement]:
    """Measure both engines; yield each result as soon as it is known. Takes about three minutes on two cores."""
    for write, name in ((False, "read"), (True, "write")):
        yield _utilisation(f"{name} 64 KiB as 4 queued requests, 64-bit, bursts of 16", "100 %", 1, QUEUED, write)
    yield _utilisation("read 64 KiB, latency 100 cycles", "≥ 99.9 %", 0.999, [Request(0, SIZE)], False, latency=100)
    for write, name in ((False, "read"), (True, "write")):
        yield _utilisation(f"{name} 64 KiB in rows of 64 bytes, stride 1 KiB", "≥ 98 %", 0.98, ROWS, write)
    for core in LUTS:
        yield _first_address(core)
    for core, target in LUTS.items():
        luts = FpgaFlow(CORES[core], CONFIG, "ecp5").areas().total.lut4
        command = f"tilewright area {core} --target ecp5"
        yield Measurement(f"area of {core}", f"≤ {target} LUT4-equivalents", f"{luts}", luts <= target, command)
    for core in LUTS:
        best = max(placed.mhz for placed in FpgaFlow(CORES[core], CONFIG, "ecp5").placements([1, 2, 3]))
        name = f"Fmax of {core}, ECP5-85k speed 6, ports registered, best of 3 seeds"
        yield Measurement(name, "≥ 140 MHz", f"{best:.1f} MHz", best >= 140, f"tilewright fmax {core} --seeds 3")


def _utilisation(
    name: str, target: str, min_share: float, requests: list[Request], write: bool, latency: int = 0
) -> Measurement:
    """Measure the share of cycles with a beat, from the first beat on the bus to the last."""
    memory, _ = _run(requests, write, latency)
    beats, cycles = len(memory.beat_cycles), memory.beat_cycles[-1] - memory.beat_cycles[0] + 1
    share = beats / cycles
    result = f"{share:.2%} ({beats} beats in {cycles} cycles)"
    return Measurement(f"{name}: cycles with a beat", target, result, share >= min_share, COMMAND)


def _first_address(core: str) -> Measurement:
    """Measure the maximum number of cycles from the acceptance of a request to its first address.

    A writer has all words of its first burst before the request. The requests are shorter than the maximum burst, equal
    to it, and longer.
    """
    cycles = 0
    for request in (Request(0, 8), Request(120, 16), Request(0, 128), Request(0, 256)):
        memory, accepted = _run([request], core == "dma-writer", 0, after=40)
        cycles = max(cycles, memory.bursts[0][0] - accepted)
    return Measurement(f"{core}: descriptor accepted to first address", "≤ 2 cycles", f"{cycles}", cycles <= 2, COMMAND)


def _run(requests: list[Request], write: bool, latency: int, after: int = 0) -> tuple[AxiMemory, int]:
    """Execute the requests, offered from cycle ``after`` on, and check every byte.

    Return the memory, and the cycle in which the first request was accepted.
    """
    size, word = SIZE, CONFIG.word_bytes
    contents = bytearray(n * 181 + (n >> 8) & 0xFF for n in range(size))
    engine: Any = DmaWriter(CONFIG) if write else DmaReader(CONFIG)
    memory = (WriteMemory if write else ReadMemory)(engine.m_axi, contents[:], latency=latency)
    feeder = pysim.Feeder(engine.requests, [asdict(request) for request in requests])
    statuses = pysim.Taker(engine.status)
    data = [n * 0x9E3779B97F4A7C15 & (1 << CONFIG.data_bits) - 1 for n in range(_words(requests))]
    words: Any = pysim.Feeder(engine.i, data) if write else pysim.Taker(engine.o)

    async def offer(ctx):
        if after:
            await ctx.tick().repeat(after)
        await feeder.run(ctx)

    async def finish(ctx):
        while len(statuses.items) < len(requests):
            await ctx.tick()

    background = (memory.run, offer, words.run, statuses.run)
    pysim.run(engine, finish, background=background, limit_cycles=100_000)
    if write:
        want = contents[:]
        for request in requests:
            count = word_count(request, word_bytes=word)
            for address, byte in write_bytes(request, data[:count], word_bytes=word):
                want[address] = byte
            del data[:count]
        right = memory.contents == want
    else:
        moved = [(item.data, bool(item.row_last), bool(item.last)) for item in words.items]
        right = moved == [beat for request in requests for beat in read_words(request, contents, word_bytes=word)]
    if not right or any(status.cause.value for status in statuses.items):
        raise AssertionError("the data moved differ from those of the model")
    return memory, feeder.cycles[0] + after


def _words(requests: list[Request]) -> int:
    return sum(word_count(request, word_bytes=CONFIG.word_bytes) for request in requests)
