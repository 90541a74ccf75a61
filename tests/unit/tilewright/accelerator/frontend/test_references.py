"""Fields of a descriptor that refer to variables: what they become, and which errors they can have."""

import random
from dataclasses import replace

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Operation, Unit
from tilewright.accelerator.frontend.decoder import DescriptorDecoder
from tilewright.accelerator.frontend.reference_adder import ReferenceAdder
from tilewright.accelerator.registers import ERRORS, REFERABLE
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor
from tilewright_sim.testbench import pysim

PRODUCT = Descriptor(
    m=64, n=64, k=64, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=64, c_stride=256
)
SOFTMAX = VectorDescriptor(
    operation=Operation.SOFTMAX, m=4, n=0, k=0, a_address=0x1000, c_address=0x3000, a_stride=64, c_stride=128,
    scalar=1.0, scalar2=-1.0,
)  # fmt: skip


def rewritten(config, text, values):
    """The 64 bytes as the adder leaves them."""
    dut = ReferenceAdder(config)
    found = bytearray(text)

    async def bench(ctx):
        ctx.set(dut.variables, sum(value << 32 * number for number, value in enumerate(values)))
        ctx.set(dut.start, 1)
        for cycle in range(dut.latency + 1):
            ctx.set(dut.text, int.from_bytes(found, "little"))
            assert ctx.get(dut.done) == (cycle == dut.latency)
            if ctx.get(dut.write):
                word = ctx.get(dut.word)
                found[4 * word : 4 * word + 4] = ctx.get(dut.data).to_bytes(4, "little")
            await ctx.tick()
            ctx.set(dut.start, 0)

    pysim.run(dut, bench, limit_cycles=1000)
    return bytes(found)


@pytest.mark.parametrize("seed", range(40))
def test_fields_become_their_offset_plus_the_variable(seed):
    rng = random.Random(seed)
    config = AcceleratorConfig.preset("nano", variables=rng.choice([1, 3, 8, 16]))
    values = [rng.getrandbits(rng.randint(0, 31)) for _ in range(config.variables)]
    names = [name for name in REFERABLE if rng.random() < 0.6]
    offsets = {name: rng.getrandbits(rng.randint(0, 55 if name.endswith("address") else 23)) for name in REFERABLE}
    descriptor = replace(PRODUCT, **offsets).refer(**{name: rng.randrange(config.variables) for name in names})
    wanted = descriptor.resolve(values)
    assert not wanted.references()
    assert rewritten(config, descriptor.pack(), values) == wanted.pack()


def test_all_other_bytes_stay_even_if_their_top_bits_are_ones():
    config = AcceleratorConfig.preset("nano", variables=16)
    text = bytes([255] * 4 + [0] * 36 + [255] * 24)
    assert rewritten(config, text, [7] * 16) == text


def test_references_to_nothing_and_sums_beyond_32_bits_stay():
    config = AcceleratorConfig.preset("nano", variables=2)
    descriptor = replace(PRODUCT, m=1).refer(m=1, n=2, a_address=127)
    text = rewritten(config, descriptor.pack(), [0, (1 << 32) - 1])
    assert text == descriptor.pack()


def decode(config, descriptors, values):
    """For each descriptor an error and a unit, or sizes and addresses of the job that it is."""
    dut = DescriptorDecoder(config)
    found = []

    async def bench(ctx):
        ctx.set(dut.variables, sum(value << 32 * number for number, value in enumerate(values)))
        for descriptor in descriptors:
            data = descriptor.pack()
            ctx.set(dut.direct, 1)
            for word in range(16):
                ctx.set(dut.direct_word, word)
                ctx.set(dut.direct_data, int.from_bytes(data[4 * word : 4 * word + 4], "little"))
                await ctx.tick()
            ctx.set(dut.direct, 0)
            for _ in range(dut.latency - 2):
                await ctx.tick()
                assert not ctx.get(dut.good | dut.bad)
            await ctx.tick()
            assert ctx.get(dut.bad) != ctx.get(dut.good)
            if ctx.get(dut.bad):
                found.append((ctx.get(dut.error), ctx.get(dut.unit)))
                continue
            job = ctx.get(dut.vector_job if isinstance(descriptor, VectorDescriptor) else dut.job)
            found.append({name: job[name] for name in REFERABLE})
            ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)

    pysim.run(dut, bench, limit_cycles=100_000)
    return found


CONFIG = AcceleratorConfig.preset("small", vector_lanes=2, variables=4)


def test_jobs_have_the_sums():
    product = replace(PRODUCT, n=3).refer(n=0, c_address=3)
    softmax = SOFTMAX.refer(n=0, k=0, c_address=2)
    values = [37, 0, 64, 0x4000]
    first, second = decode(CONFIG, [product, softmax], values)
    for job, descriptor in ((first, product.resolve(values)), (second, softmax.resolve(values))):
        assert job == {name: getattr(descriptor, name) for name in REFERABLE}
    assert (first["n"], first["c_address"]) == (40, 0x7000)


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({"m": 4}, Unit.LOAD_A),
        ({"k": 127}, Unit.LOAD_A),
        ({"a_address": 9}, Unit.LOAD_A),
        ({"n": 4}, Unit.LOAD_B),
        ({"b_address": 5}, Unit.LOAD_B),
        ({"c_address": 4}, Unit.STORE_C),
    ],
)
def test_a_reference_to_a_variable_that_there_is_not_is_an_error_of_the_descriptor(changes, unit):
    ((error, found),) = decode(CONFIG, [PRODUCT.refer(**changes)], [0] * 4)
    assert (error, Unit(found)) == (ERRORS["SIZE"][0], unit)


@pytest.mark.parametrize(
    ("changes", "value", "code", "unit"),
    [
        ({"n": 0}, 65536, "SIZE", Unit.LOAD_B),
        ({"m": 1}, (1 << 32) - 64, "SIZE", Unit.LOAD_A),
        ({"a_address": 2}, 4, "ALIGNMENT", Unit.LOAD_A),
        ({"c_address": 3}, 0xFFFF_C000, "WRAPPED", Unit.STORE_C),
    ],
)
def test_sums_are_checked_like_any_other_field(changes, value, code, unit):
    ((error, found),) = decode(CONFIG, [PRODUCT.refer(**changes)], [value] * 4)
    assert (error, Unit(found)) == (ERRORS[code][0], unit)
