"""Timing diagrams that are recorded: components run in Amaranth's simulator, and what their ports do becomes WaveDrom.

`python docs/_ext/timing.py` records all of them into ``docs/timing``. The pages draw those files, and a test records
them again and compares.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Elaboratable, Value

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import RegisterFile
from tilewright.dma import DmaConfig, DmaReader, DmaWriter
from tilewright.memory.sdram import Sdram, SdramConfig
from tilewright.tile import MatmulTile, TileConfig
from tilewright_sim import packing
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import ReadMemory, WriteMemory, pysim
from tilewright_sim.testbench.axi_lite_host import LiteHost

__all__ = ["DIAGRAMS", "FOLDER", "text"]

FOLDER = Path(__file__).parents[1] / "timing"


@dataclass(frozen=True)
class Lane:
    """A line of a diagram: a bit, or with a ``label`` a bus whose value counts while ``valid`` is 1.

    While ``ready`` is 0 the bus keeps its word; otherwise the same value in the next cycle is another word.
    """

    name: str
    value: Value
    valid: Any = 1
    ready: Any = 1
    label: Callable[[int], str] | None = None


GAP = None
NO_COMMAND = 7
COMMANDS = {0: "MODE", 1: "REF", 2: "PRE", 3: "ACT", 4: "WR", 5: "RD"}


def record(
    dut: Elaboratable,
    lanes: list[Lane | None],
    cycles: int,
    benches: Iterable[Callable[[Any], Awaitable[None]]],
    *,
    start: Value | int = 1,
    skin: str = "default",
) -> dict:
    """Return the WaveDrom diagram of ``cycles`` cycles from when ``start`` is 1; a lane of None is a gap."""
    rows: list[tuple[int, ...]] = []
    signals = [signal for lane in lanes if lane for signal in (lane.value, lane.valid, lane.ready)]

    async def watch(ctx):
        rows.clear()
        while len(rows) < cycles:
            _, _, begins, *values = await ctx.tick().sample(start, *signals)
            if begins or rows:
                rows.append(tuple(values))

    pysim.run(dut, watch, background=[*benches], limit_cycles=cycles + 2000)
    columns = iter(zip(*rows, strict=True))
    drawn = [{"name": "clk", "wave": "p" + "." * (cycles - 1)}]
    for lane in lanes:
        samples = zip(next(columns), next(columns), next(columns), strict=True) if lane else ()
        drawn.append(_bus(lane, samples) if lane and lane.label else _bit(lane, samples) if lane else {})
    return {"signal": drawn, "head": {"tick": 0, "every": 1}, "config": {"skin": skin}}


def _bit(lane: Lane, samples: Iterable[tuple[int, int, int]]) -> dict:
    levels = [str(int(value)) for value, _, _ in samples]
    return {"name": lane.name, "wave": levels[0] + "".join(_kept(levels))}


def _kept(levels: list[str]) -> Iterable[str]:
    return ("." if level == before else level for before, level in pairwise(levels))


def _bus(lane: Lane, samples: Iterable[tuple[int, int, int]]) -> dict:
    assert lane.label
    wave, data, before, held = "", [], "", False
    for value, valid, ready in samples:
        word = lane.label(value) if valid else "x"
        same = word == before and (held or word == "x")
        wave += "." if same else "=" if valid else "x"
        data += [word] if valid and not same else []
        before, held = word, valid and not ready
    return {"name": lane.name, "wave": wave} | ({"data": data} if data else {})


def _tile(packet_words: int) -> dict:
    config = TileConfig(rows=4, cols=3, dot=4)
    dut = MatmulTile(config)
    rng = np.random.default_rng(1)
    tiles = rng.integers(-128, 128, (4, config.cols, config.rows))
    packets = rng.integers(-128, 128, (4, packet_words, config.rows))
    names: dict[int, str] = {}

    def words(arrays, bits, letter):
        sent = []
        for which, array in enumerate(arrays):
            data = packing.to_ints(packing.pack(array, bits))
            sent += [{"data": word, "last": n == len(data) - 1} for n, word in enumerate(data)]
            names.update({word: f"{chr(ord(letter) + which)}{n}" for n, word in enumerate(data)})
        return sent

    activations, weights = words(packets, 8, "A"), words(tiles, 8, "a")
    for which, (packet, tile) in enumerate(zip(packets, tiles, strict=True)):
        sums = packing.to_ints(packing.pack(golden.matmul(packet, tile), config.result_bits))
        names.update({word: f"{chr(ord('A') + which)}{n}" for n, word in enumerate(sums)})

    def lane(name, port):
        return Lane(name, port.payload.data, port.valid, port.ready, names.__getitem__)

    lanes = [
        Lane("i_weights.valid", dut.i_weights.valid),
        Lane("i_weights.ready", dut.i_weights.ready),
        lane("i_weights.data", dut.i_weights),
        GAP,
        Lane("i.valid", dut.i.valid),
        Lane("i.ready", dut.i.ready),
        lane("i.data", dut.i),
        Lane("i.last", dut.i.payload.last),
        GAP,
        Lane("o.valid", dut.o.valid),
        lane("o.data", dut.o),
        Lane("o.last", dut.o.payload.last),
    ]
    benches = [pysim.feeder(dut.i, activations), pysim.feeder(dut.i_weights, weights)]
    return record(dut, lanes, 20, benches, skin="narrow")


def _channel(bus: Any, prefix: str, field: str, label: Callable[[int], str] = "{:x}".format) -> list[Lane]:
    valid, ready = getattr(bus, f"{prefix}valid"), getattr(bus, f"{prefix}ready")
    return [
        Lane(f"{prefix}valid", valid),
        Lane(f"{prefix}ready", ready),
        Lane(f"{prefix}{field}", getattr(bus, f"{prefix}{field}"), valid, ready, label),
    ]


def byte(value: int) -> str:
    return f"{value & 0xFF:02x}"


REQUESTS = [
    {"address": 0x100, "bytes": 24, "rows": 1, "stride": 0},
    {"address": 0x200, "bytes": 6, "rows": 2, "stride": 0x40},
]


def _request_lanes(dut: DmaReader | DmaWriter) -> list[Lane | None]:
    requests = dut.requests
    return [
        Lane("requests.valid", requests.valid),
        Lane("requests.ready", requests.ready),
        Lane("requests.address", requests.payload.address, requests.valid, requests.ready, "{:x}".format),
        GAP,
    ]


def _reader() -> dict:
    dut = DmaReader(DmaConfig(data_bits=32, max_burst=4, outstanding=4))
    memory = ReadMemory(dut.m_axi, bytearray(n // 4 & 0xFF for n in range(1 << 12)), latency=2)
    feeder, words, statuses = (
        pysim.Feeder(dut.requests, REQUESTS), pysim.Taker(dut.o), pysim.Taker(dut.status),
    )  # fmt: skip
    lanes = [
        *_request_lanes(dut),
        *_channel(dut.m_axi, "ar", "addr"),
        Lane("arlen", dut.m_axi.arlen, dut.m_axi.arvalid, dut.m_axi.arready, str),
        GAP,
        *_channel(dut.m_axi, "r", "data", byte),
        GAP,
        Lane("o.valid", dut.o.valid),
        Lane("o.data", dut.o.payload.data, dut.o.valid, dut.o.ready, byte),
        Lane("o.row_last", dut.o.payload.row_last),
        Lane("o.last", dut.o.payload.last),
        Lane("status.valid", dut.status.valid),
    ]
    return record(dut, lanes, 26, [memory.run, feeder.run, words.run, statuses.run])


def _writer() -> dict:
    dut = DmaWriter(DmaConfig(data_bits=32, max_burst=4, outstanding=4))
    memory = WriteMemory(dut.m_axi, bytearray(1 << 12), latency=2)
    feeder, words, statuses = (
        pysim.Feeder(dut.requests, REQUESTS), pysim.Feeder(dut.i, list(range(0x40, 0x4A))), pysim.Taker(dut.status),
    )  # fmt: skip
    lanes = [
        *_request_lanes(dut),
        Lane("i.valid", dut.i.valid),
        Lane("i.ready", dut.i.ready),
        Lane("i.payload", dut.i.payload, dut.i.valid, dut.i.ready, byte),
        GAP,
        *_channel(dut.m_axi, "aw", "addr"),
        Lane("awlen", dut.m_axi.awlen, dut.m_axi.awvalid, dut.m_axi.awready, str),
        GAP,
        *_channel(dut.m_axi, "w", "data", byte),
        Lane("wstrb", dut.m_axi.wstrb, dut.m_axi.wvalid, dut.m_axi.wready, "{:04b}".format),
        Lane("wlast", dut.m_axi.wlast),
        GAP,
        Lane("bvalid", dut.m_axi.bvalid),
        Lane("status.valid", dut.status.valid),
    ]
    return record(dut, lanes, 26, [memory.run, feeder.run, words.run, statuses.run])


def _registers() -> dict:
    dut = RegisterFile(AcceleratorConfig.preset("small"))
    host = LiteHost(dut.s_axil)

    async def accesses(ctx):
        await host.write(ctx, "IRQ_ENABLE", 0b111)
        await host.read(ctx, "ID")
        while True:
            await ctx.tick()

    bus = dut.s_axil
    lanes = [
        *_channel(bus, "aw", "addr"),
        *_channel(bus, "w", "data"),
        Lane("bvalid", bus.bvalid),
        Lane("bready", bus.bready),
        GAP,
        *_channel(bus, "ar", "addr"),
        *_channel(bus, "r", "data"),
    ]
    return record(dut, lanes, 16, [accesses])


def _sdram() -> dict:
    dut = Sdram(SdramConfig(power_up_us=1))
    bus, pins = dut.s_axi, dut.pins

    async def reads(ctx):
        ctx.set(bus.rready, 1)
        ctx.set(bus.arsize, 3)
        ctx.set(bus.arburst, 1)
        ctx.set(bus.arlen, 1)
        _, _, started = await ctx.tick().sample(dut.started)
        while not started:
            _, _, started = await ctx.tick().sample(dut.started)
        for _ in range(40):  # past the refreshes that follow the start
            await ctx.tick()
        for address in (0x100, 0x110):
            ctx.set(bus.araddr, address)
            ctx.set(bus.arvalid, 1)
            accepted = False
            while not accepted:
                _, _, accepted = await ctx.tick().sample(bus.arready)
            ctx.set(bus.arvalid, 0)
        while True:
            await ctx.tick()

    command = (pins.ras_n << 2 | pins.cas_n << 1 | pins.we_n).as_unsigned()
    lanes = [
        *_channel(bus, "ar", "addr"),
        GAP,
        Lane("command", command, command != NO_COMMAND, label=COMMANDS.__getitem__),
        Lane("ba", pins.ba, command != NO_COMMAND, label=str),
        Lane("a", pins.a, command != NO_COMMAND, label="{:x}".format),
        GAP,
        Lane("rvalid", bus.rvalid),
        Lane("rlast", bus.rlast),
    ]
    return record(dut, lanes, 40, [reads], start=bus.arvalid)


DIAGRAMS: dict[str, Callable[[], dict]] = {
    "tile": lambda: _tile(packet_words=3),
    "tile_single_words": lambda: _tile(packet_words=1),
    "dma_reader": _reader,
    "dma_writer": _writer,
    "register_access": _registers,
    "sdram_read": _sdram,
}
"""By file name, what records it."""


def text(diagram: dict) -> str:
    """Return a diagram as it is kept: a line for each signal."""
    rows = ",\n".join(f"    {json.dumps(signal)}" for signal in diagram["signal"])
    rest = "".join(f',\n  "{key}": {json.dumps(value)}' for key, value in diagram.items() if key != "signal")
    return f'{{\n  "signal": [\n{rows}\n  ]{rest}\n}}\n'


if __name__ == "__main__":
    for name, make in DIAGRAMS.items():
        (FOLDER / f"{name}.json").write_text(text(make()), encoding="utf-8")
