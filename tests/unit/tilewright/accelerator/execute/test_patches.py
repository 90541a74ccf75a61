"""A convolution's image through loader, panel and feeder: the words of its patches, in order, whatever stalls."""

import random
from collections import deque

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib.wiring import connect

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.execute import Panel
from tilewright.accelerator.execute.activation_feeder import ActivationFeeder
from tilewright.accelerator.load import LoadA
from tilewright_sim.benches.jobs import draw_image
from tilewright_sim.models import ConvolutionLayout
from tilewright_sim.models.convolution import patches
from tilewright_sim.testbench import pysim

FEW = {
    "panel_words": 256,
    "ring_words": 64,
    "acc_rows": 16,
    "chunk_words": 2,
    "long_chunk_words": 8,
    "convolution": True,
}
CONFIGS = {
    "bus of a word": AcceleratorConfig(rows=4, cols=4, dot=4, data_bits=32, requant_lanes=1, **FEW),
    "bus of half a word": AcceleratorConfig(
        rows=8, cols=8, dot=8, data_bits=32, requant_lanes=2, **FEW | {"ring_words": 128}
    ),
    "more columns than rows": AcceleratorConfig(
        rows=4, cols=8, dot=4, data_bits=32, requant_lanes=2, **FEW | {"ring_words": 128}
    ),
}


class Path(Elaboratable):
    """What lies between the read arbiter and the tile."""

    def __init__(self, config):
        self.load, self.panel, self.feeder = LoadA(config), Panel(config), ActivationFeeder(config)

    def elaborate(self, platform):
        m = Module()
        m.submodules += [self.load, self.panel, self.feeder]
        connect(m, self.load.panel, self.panel.writer)
        connect(m, self.feeder.panel, self.panel.reader)
        m.d.comb += self.feeder.has_bank.eq(1)
        return m


def job_of(config, image, address, stride):
    g = image.geometry
    layout = ConvolutionLayout(config, g)
    rows, block = config.tile.rows, image.block_height
    used = min(g.width * g.channels, (layout.pitch - layout.left) * rows)
    elements = config.half_words * rows - 1
    window = {
        "height": g.height, "pad_top": g.pad_top, "block_step": block * g.stride_y,
        "address": address - stride * g.pad_top, "row_bytes": used, "rows": g.window(block)[0], "pitch": layout.pitch,
        "left": layout.left, "row_words": -(-used // rows), "x_step": g.stride_x * g.channels & elements,
        "tap_step": g.dilation_x * g.channels & elements, "y_step": g.stride_y * layout.pitch & config.half_words - 1,
        "kernel_step": g.dilation_y * layout.pitch & config.half_words - 1, "offset": layout.offset,
        "taps": layout.runs // g.kernel_height - 1, "run_words": layout.run_words - 1, "out_width": g.out_width - 1,
        "depthwise": g.depthwise, "zero_point": g.zero_point,
    }  # fmt: skip
    return {
        "m": image.m, "n": len(image.b), "k": layout.k, "k_words": layout.k // rows, "block_rows": block * g.out_width,
        "a_address": address, "a_stride": stride, "a_block_bytes": block * g.stride_y * stride, "convolution": 1,
        "long": image.m < config.tile.cols, "window": window,
    }  # fmt: skip


def words_of(config, image, pixels):
    """The words that the tile must get: elements of the image and of padding, and None for what B has as zeros."""
    g = image.geometry
    layout = ConvolutionLayout(config, g)
    rows, cols = config.tile.rows, config.tile.cols
    block = image.block_height * g.out_width
    found = patches(pixels, g)
    for first in range(0, image.m, block):
        for tile in range(0, len(image.b), cols):
            part = found[first : first + block]
            part = part[..., tile : tile + cols] if g.depthwise else part
            runs = part.reshape(len(part), layout.runs, -1).tolist()
            filled = [[run + [None] * (layout.run_words * rows - len(run)) for run in pixel] for pixel in runs]
            for run in range(layout.runs):
                for word in range(layout.run_words):
                    for pixel in filled:
                        yield pixel[run][word * rows : (word + 1) * rows]


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("name", CONFIGS)
def test_patches_reach_the_tile_in_order(name, stall):
    config = CONFIGS[name]
    chance = random.Random(f"{name} {stall}")
    memory = bytearray()
    jobs, wanted = [], []
    while len(jobs) < 6:
        if (image := draw_image(chance, config, 3000)) is None:
            continue
        g = image.geometry
        row = g.width * g.channels
        stride = (-(-row // config.word_bytes) + 1) * config.word_bytes
        pixels = np.frombuffer(chance.randbytes(g.height * row), np.int8).reshape(g.height, row)
        address = len(memory)
        memory += np.pad(pixels, ((0, 0), (0, stride - row))).tobytes()
        jobs.append(job_of(config, image, address, stride))
        wanted += words_of(config, image, pixels.reshape(g.height, g.width, g.channels))
    dut = Path(config)

    async def serve(ctx):
        """Take requests, and give the words of each, after those of the ones before."""
        due = deque()
        dice = random.Random(1)
        load = dut.load
        while True:
            ready = dice.random() >= stall
            ctx.set(load.requests.ready, ready)
            give = bool(due) and dice.random() >= stall
            ctx.set(load.words.valid, give)
            if give:
                ctx.set(load.words.payload, due.popleft())
            _, _, valid, payload = await ctx.tick().sample(load.requests.valid, load.requests.payload)
            if valid and ready:
                request = payload.transfer.request
                for row in range(request.rows):
                    at = request.address + row * request.stride
                    line = bytes(memory[at : at + request.bytes])
                    parts = [line[n : n + config.word_bytes] for n in range(0, len(line), config.word_bytes)]
                    for number, part in enumerate(parts):
                        row_last = number == len(parts) - 1
                        due.append({
                            "data": int.from_bytes(part, "little"), "row_last": row_last, "long": payload.long,
                            "last": row_last and row == request.rows - 1, "block_last": payload.block_last,
                        })  # fmt: skip

    async def tile(ctx):
        dice = random.Random(2)
        o = dut.feeder.o
        for number, want in enumerate(wanted):
            while True:
                ready = dice.random() >= stall
                ctx.set(o.ready, ready)
                _, _, valid, data = await ctx.tick().sample(o.valid, o.payload.data)
                if valid and ready:
                    break
            got = [(int(data) >> 8 * place & 0xFF ^ 0x80) - 0x80 for place in range(config.tile.rows)]
            assert [value for value, known in zip(got, want, strict=True) if known is not None] == [
                known for known in want if known is not None
            ], f"word {number} of {len(wanted)}"

    benches = [pysim.feeder(engine.job, jobs) for engine in (dut.load, dut.feeder)]
    pysim.run(dut, *benches, tile, background=[serve], limit_cycles=20_000 + 8 * len(wanted))
