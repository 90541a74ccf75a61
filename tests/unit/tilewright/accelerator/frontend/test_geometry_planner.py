"""GeometryPlanner: what it derives is the layout of the golden model; what cannot be is refused."""

import random

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.frontend.geometry_planner import GeometryPlanner
from tilewright_sim.benches.jobs.images import draw_image
from tilewright_sim.host.descriptor import geometry_bytes
from tilewright_sim.models import Convolution, ConvolutionLayout
from tilewright_sim.testbench import pysim

CONFIGS = {
    "nano": AcceleratorConfig.preset("nano", convolution=True),
    "small": AcceleratorConfig.preset("small", convolution=True),
    "wide columns": AcceleratorConfig(rows=4, cols=16, dot=4, data_bits=32, requant_lanes=4, convolution=True),
}
GOOD = {
    "height": 9, "width": 7, "channels": 5, "out_height": 9, "out_width": 7, "block_height": 4, "kernel_height": 3,
    "kernel_width": 3, "stride_y": 1, "stride_x": 1, "dilation_y": 1, "dilation_x": 1, "pad_top": 1, "pad_left": 1,
}  # fmt: skip


def plan(config, cases, check):
    """Give each geometry, with its sizes, to the planner, and ``check`` what it says."""
    dut = GeometryPlanner(config)

    async def bench(ctx):
        for data, sizes in cases:
            ctx.set(dut.geometry.as_value(), int.from_bytes(data, "little") & (1 << len(dut.geometry.as_value())) - 1)
            for name, value in sizes.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            while not ctx.get(dut.done):
                await ctx.tick()
            check(ctx, dut)
            await ctx.tick()

    pysim.run(dut, bench, limit_cycles=400 * len(cases))


@pytest.mark.parametrize("name", CONFIGS)
def test_random_geometries_have_the_layout_of_the_model(name):
    config = CONFIGS[name]
    chance = random.Random(name)
    images = []
    while len(images) < 60:
        image = draw_image(chance, config, 1 << 20)
        images += [image] if image else []
    wanted, cases = [], []
    for image in images:
        g = image.geometry
        layout = ConvolutionLayout(config, g)
        block = image.block_height
        n, k = image.b.shape
        cases.append((image.data, {"m": image.m, "n": n, "k_words": k // config.tile.rows, "address": 0x8000,
                                   "a_stride": 64, "c_stride": 16}))  # fmt: skip
        rows = config.tile.rows
        image_bytes = min(g.width * g.channels, (layout.pitch - layout.left) * rows)
        wanted.append({
            "height": g.height, "pad_top": g.pad_top, "block_step": block * g.stride_y,
            "address": 0x8000 - 64 * g.pad_top, "row_bytes": image_bytes, "rows": g.window(block)[0],
            "pitch": layout.pitch, "left": layout.left, "row_words": -(-image_bytes // rows), "offset": layout.offset,
            "taps": layout.runs // g.kernel_height - 1, "run_words": layout.run_words - 1, "out_width": g.out_width - 1,
            "depthwise": g.depthwise, "zero_point": g.zero_point,
            **({"x_step": g.stride_x * g.channels} if g.out_width > 1 else {}),
            **({"y_step": g.stride_y * layout.pitch} if block > 1 else {}),
            **({"kernel_step": g.dilation_y * layout.pitch} if g.kernel_height > 1 else {}),
            **({"tap_step": g.dilation_x * g.channels} if g.kernel_width > 1 else {}),
            "block_rows": block * g.out_width, "a_block_bytes": 64 * block * g.stride_y,
            "c_block_bytes": 16 * block * g.out_width,
        })  # fmt: skip

    remaining = iter(wanted)

    def check(ctx, dut):
        assert not ctx.get(dut.size)
        for field, value in next(remaining).items():
            signal = getattr(dut, field, None) if field in ("block_rows", "a_block_bytes", "c_block_bytes") else None
            got = ctx.get(dut.window[field] if signal is None else signal)
            assert got == value, (field, got, value)

    plan(config, cases, check)


def test_impossible_geometries_are_refused():
    config = CONFIGS["small"]
    layout = ConvolutionLayout(config, Convolution(**{k: v for k, v in GOOD.items() if k != "block_height"}))
    sizes = {"m": 63, "n": 5, "k_words": layout.k // 8, "address": 0, "a_stride": 40, "c_stride": 8}
    changes: list[tuple[dict, dict, bool]] = [({}, {}, False)]
    changes += [({name: 0}, {}, True) for name in GOOD if not name.startswith("pad")]
    changes += [
        ({"block_height": 9}, {}, False),  # 63 of 64 rows of sums
        ({"out_width": 8}, {"m": 72}, False),
        ({"out_width": 8, "block_height": 9}, {"m": 72}, True),
        ({}, {"m": 62}, True),
        ({}, {"k_words": layout.k // 8 + 1}, True),
        ({"pad_top": 5}, {}, False),  # the first block has 6 rows, of which the last is of the image
        ({"pad_top": 6}, {}, True),
        ({"out_height": 10}, {"m": 70}, False),
        ({"out_height": 11}, {"m": 77}, True),  # the last output row begins below the image
        ({"pad_left": 9, "kernel_width": 3, "out_width": 1}, {"m": 9}, True),
        ({"width": 65535, "channels": 65535}, {}, True),  # too long for the panel
        ({"depthwise": 1, "kernel_width": 3}, {"k_words": 9, "n": 5}, False),
        ({"depthwise": 1}, {"k_words": 9, "n": 6}, True),
    ]
    expected = iter(changes)

    def check(ctx, dut):
        geometry, _, refused = next(expected)
        assert ctx.get(dut.size) == refused, geometry

    plan(config, [(geometry_bytes(**GOOD | change), sizes | other) for change, other, _ in changes], check)
