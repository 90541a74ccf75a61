"""A memory keeps the rules that its macro must keep."""

import random

import pytest

from tilewright.base import mark_used
from tilewright.storage import TwoPortRam
from tilewright_sim.testbench import pysim


@pytest.mark.parametrize(("rows", "bits"), [(1, 3), (5, 8), (64, 40)])
def test_a_row_read_is_the_row_written_last_and_stays_until_the_next_read(rows, bits):
    ram = TwoPortRam(bits, rows)
    draw = random.Random(rows)

    async def bench(ctx):
        stored, shown = {}, None
        for _ in range(400):
            write, read = draw.randrange(2), draw.randrange(2)
            write_row, read_row, value = draw.randrange(rows), draw.randrange(rows), draw.getrandbits(bits)
            write = write and not (read and read_row == write_row)  # undefined
            for port, now in (("write", write), ("write_row", write_row), ("write_data", value)):
                ctx.set(getattr(ram, port), now)
            ctx.set(ram.read, read)
            ctx.set(ram.read_row, read_row)
            await ctx.tick()
            if read:
                shown = stored.get(read_row)
            if write:
                stored[write_row] = value
            assert shown is None or ctx.get(ram.read_data) == shown

    pysim.run(ram, bench)


def test_an_asynchronous_memory_shows_a_row_at_once_and_its_old_value_while_it_is_written():
    ram = TwoPortRam(8, 16, latency=0)

    async def bench(ctx):
        ctx.set(ram.write, 1)
        for row in range(16):
            ctx.set(ram.write_row, row)
            ctx.set(ram.write_data, row + 100)
            await ctx.tick()
        ctx.set(ram.write_data, 7)
        ctx.set(ram.write_row, 3)
        for row in (3, 15, 0):
            ctx.set(ram.read_row, row)
            assert ctx.get(ram.read_data) == row + 100
        ctx.set(ram.read_row, 3)
        await ctx.tick()
        assert ctx.get(ram.read_data) == 7

    pysim.run(ram, bench)


def test_its_module_is_called_by_its_size():
    for ram, name in ((TwoPortRam(64, 512), "ram_512x64"), (TwoPortRam(44, 16, latency=0), "async_ram_16x44")):
        mark_used(ram)  # it is only looked at
        assert ram.module_name == name
