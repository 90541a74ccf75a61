"""DescriptorDecoder and convolutions: the geometry is fetched and checked, and every error has its code and unit."""

from dataclasses import replace

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.frontend.decoder import DescriptorDecoder
from tilewright.accelerator.registers import ERRORS
from tilewright_sim.host.descriptor import Descriptor, flag_bits, geometry_bytes
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig.preset("small", convolution=True)
IMAGE = {
    "height": 4, "width": 4, "channels": 8, "out_height": 4, "out_width": 4, "block_height": 4, "kernel_height": 3,
    "kernel_width": 3, "stride_y": 1, "stride_x": 1, "dilation_y": 1, "dilation_x": 1, "pad_top": 1, "pad_left": 1,
}  # fmt: skip
GOOD = Descriptor(
    m=16, n=8, k=72, flags=flag_bits("CONVOLUTION"), a_address=0x1000, b_address=0x2000, c_address=0x3000,
    parameter_address=0x4040, a_stride=32, b_stride=72, c_stride=32,
)  # fmt: skip
TOP = 1 << CONFIG.addr_bits
FETCHED, REFUSED = True, False
CASES = [
    ({}, {}, FETCHED, None),
    ({"a_address": TOP - 4 * 32}, {}, FETCHED, None),  # the image ends exactly at the top
    ({"a_address": TOP - 4 * 32 + 8}, {}, FETCHED, ("WRAPPED", Unit.LOAD_A)),
    ({"a_address": TOP - 3 * 64 - 32, "a_stride": 64}, {}, FETCHED, None),
    ({"a_address": TOP - 3 * 64 - 24, "a_stride": 64}, {}, FETCHED, ("WRAPPED", Unit.LOAD_A)),
    ({}, {"height": 5}, FETCHED, None),
    ({}, {"kernel_height": 2}, FETCHED, ("SIZE", Unit.LOAD_A)),
    ({"m": 20}, {}, FETCHED, ("SIZE", Unit.LOAD_A)),
    ({}, {"block_height": 0}, FETCHED, ("SIZE", Unit.LOAD_A)),
    ({}, {"depthwise": 2}, FETCHED, ("FLAGS", Unit.DESCRIPTOR)),
    ({}, {"reserved_4": 1 << 63}, FETCHED, ("FLAGS", Unit.DESCRIPTOR)),
    ({"parameter_address": 0x4020}, {}, REFUSED, ("ALIGNMENT", Unit.PARAMETERS)),
    ({"parameter_address": 0}, {}, REFUSED, ("SIZE", Unit.PARAMETERS)),
    ({"parameter_address": 1 << 40}, {}, REFUSED, ("SIZE", Unit.PARAMETERS)),
    ({"a_stride": 33}, {}, REFUSED, ("ALIGNMENT", Unit.LOAD_A)),
    ({"b_address": TOP - 8}, {}, REFUSED, ("WRAPPED", Unit.LOAD_B)),
]


async def decode(ctx, dut, descriptor, geometry):
    """Give a descriptor, and its geometry when it is wanted; return whether it was, and the error."""

    async def give(data):
        for at in range(0, len(data), dut.config.word_bytes):
            ctx.set(dut.words.valid, 1)
            word = int.from_bytes(data[at : at + dut.config.word_bytes], "little")
            ctx.set(dut.words.payload.data, word)
            await ctx.tick()
        ctx.set(dut.words.valid, 0)

    await give(descriptor.pack())
    fetched = False
    while not (ctx.get(dut.good) or ctx.get(dut.bad)):
        if dut.config.convolution and ctx.get(dut.fetch_geometry):
            fetched = True
            assert ctx.get(dut.geometry_address) == descriptor.parameter_address - 64
            await ctx.tick()  # no memory is faster
            await give(geometry_bytes(**geometry))
        await ctx.tick()
    error = None
    if ctx.get(dut.bad):
        names = {number: name for name, (number, _) in ERRORS.items()}
        error = names[ctx.get(dut.error)], Unit(ctx.get(dut.unit))
    return fetched, error


@pytest.mark.parametrize(("fields", "image", "fetched", "error"), CASES)
def test_a_convolution_is_checked_with_its_geometry(fields, image, fetched, error):
    dut = DescriptorDecoder(CONFIG)

    async def bench(ctx):
        got = await decode(ctx, dut, replace(GOOD, **fields), IMAGE | image)
        assert got == (fetched, error)
        if error is None:
            assert ctx.get(dut.job.block_rows) == 16
            assert ctx.get(dut.job.c_block_bytes) == 16 * 32
            assert ctx.get(dut.job.convolution)

    pysim.run(dut, bench)


def test_products_and_convolutions_take_turns():
    """Nothing of one is left in the checks of the next."""
    dut = DescriptorDecoder(CONFIG)
    product = replace(GOOD, flags=0, a_address=TOP - 16 * 72, a_stride=72)

    async def bench(ctx):
        for descriptor, fetched in ((GOOD, True), (product, False), (GOOD, True), (GOOD, True), (product, False)):
            assert await decode(ctx, dut, descriptor, IMAGE) == (fetched, None)
            ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)
            await ctx.tick()

    pysim.run(dut, bench)


def test_hardware_without_convolutions_refuses_the_flag():
    dut = DescriptorDecoder(CONFIG.replace(convolution=False))

    async def bench(ctx):
        assert await decode(ctx, dut, GOOD, IMAGE) == (False, ("FLAGS", Unit.DESCRIPTOR))

    pysim.run(dut, bench)
