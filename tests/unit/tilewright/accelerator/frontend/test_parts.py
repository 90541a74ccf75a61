"""Parts of the command side alone, where a corner would take long to meet from outside."""

import random

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.frontend.counters import tally_codes
from tilewright.accelerator.frontend.dispatcher import Dispatcher
from tilewright.accelerator.frontend.failure_log import FailureLog
from tilewright.accelerator.frontend.interrupts import Interrupts
from tilewright.accelerator.frontend.supervisor import Supervisor
from tilewright.accelerator.registers import ERRORS
from tilewright.dma import Cause
from tilewright_sim.testbench import pysim

SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])


def test_tallies_distinguish_31_numbers():
    assert len(set(tally_codes())) == 31
    assert tally_codes()[:4] == [0b00000, 0b00001, 0b00011, 0b00111]


@pytest.mark.parametrize("late", range(4))
def test_next_offer_waits_for_every_engine(late):
    dut = Dispatcher(SMALL)

    async def bench(ctx):
        ctx.set(dut.decoded, 1)
        ctx.set(dut.decoded_job.m, 7)
        await ctx.tick()
        ctx.set(dut.index, 1)
        ctx.set(dut.decoded_job.m, 8)
        ctx.set(dut.job_ready, 0b1111 & ~(1 << late))
        for _ in range(5):
            await ctx.tick()
            assert ctx.get(dut.job.m) == 7
            assert ctx.get(dut.job_valid) == 1 << late
        ctx.set(dut.job_ready, 1 << late)
        await ctx.tick()
        assert ctx.get(dut.job_valid) == 0
        await ctx.tick()
        assert ctx.get(dut.job_valid) == 0b1111
        assert ctx.get(dut.job.m) == 8

    pysim.run(dut, bench)


def test_an_event_in_the_cycle_of_its_clear_is_kept():
    dut = Interrupts(3)

    async def bench(ctx):
        ctx.set(dut.events, 0b011)
        await ctx.tick()
        assert ctx.get(dut.status) == 0b011
        ctx.set(dut.events, 0b001)
        ctx.set(dut.clear, 0b111)
        await ctx.tick()
        assert ctx.get(dut.status) == 0b001
        ctx.set(dut.events, 0)
        ctx.set(dut.clear, 0b110)
        ctx.set(dut.enable, 0b110)
        await ctx.tick()
        assert (ctx.get(dut.status), ctx.get(dut.irq)) == (0b001, 0)
        ctx.set(dut.enable, 0b001)
        await ctx.tick()
        assert ctx.get(dut.irq) == 1

    pysim.run(dut, bench)


def failure(index, cause=Cause.SLVERR, unit=Unit.LOAD_A, address=0):
    return {"index": index & 0xFFFF, "cause": cause, "unit": unit, "address": address}


@pytest.mark.parametrize("seed", range(3))
def test_the_oldest_failure_is_kept(seed):
    rng = random.Random(seed)
    dut = FailureLog(SMALL)

    async def bench(ctx):
        for _ in range(20):
            ctx.set(dut.ignore, 1)
            await ctx.tick()
            ctx.set(dut.ignore, 0)
            head = rng.randrange(1 << 16)
            best = None
            for _ in range(rng.randrange(1, 6)):
                age, address = rng.randrange(6), rng.getrandbits(32)
                cause = rng.choice([Cause.SLVERR, Cause.DECERR, Cause.WRAPPED, Cause.ABORTED])
                unit = rng.choice(list(Unit))
                ctx.set(dut.failure.valid, 1)
                ctx.set(dut.failure.payload, failure(head + age, cause, unit, address))
                if cause != Cause.ABORTED and (best is None or age < best[0]):
                    best = age, cause, unit, address
                await ctx.tick()
                ctx.set(dut.failure.valid, 0)
                assert ctx.get(dut.known) == (best is not None)
                if best:
                    assert ctx.get(dut.number) == (head + best[0]) % 16
                    assert (ctx.get(dut.cause), ctx.get(dut.unit), ctx.get(dut.address)) == best[1:]

    pysim.run(dut, bench)


@pytest.mark.parametrize(
    ("read", "write", "first"),
    [
        (3, 5, "read"),
        (5, 3, "write"),
        (4, 4, "read"),
        (3, None, "read"),
        (None, 5, "write"),
        (None, None, "descriptor"),
    ],
)
@pytest.mark.parametrize("offset", [0, 12, 65535])
def test_the_oldest_of_all_failures_is_reported_once_it_is_at_the_head(read, write, first, offset):
    """Around descriptors 2 to 6: 6 is bad, 3 to 5 may have failed."""
    dut = Supervisor(SMALL)
    ages = {"read": read, "write": write, "descriptor": 6}
    want = {"read": (5, Unit.LOAD_B, 0x111), "write": (6, Unit.STORE_C, 0x222), "descriptor": (3, Unit.LOAD_A, 0x333)}

    async def bench(ctx):
        head = 2
        ctx.set(dut.head, (head + offset) % 16)
        ctx.set(dut.decoder_error, 3)
        ctx.set(dut.decoder_unit, Unit.LOAD_A)
        ctx.set(dut.decoder_number, (6 + offset) % 16)
        ctx.set(dut.decoder_address, 0x333)
        ctx.set(dut.decoder_bad, 1)
        if read is not None:
            ctx.set(dut.read_failure.payload, failure(read + offset, Cause.SLVERR, Unit.LOAD_B, 0x111))
            ctx.set(dut.read_failure.valid, 1)
        if write is not None:
            ctx.set(dut.write_failure.payload, failure(write + offset, Cause.DECERR, Unit.STORE_C, 0x222))
            ctx.set(dut.write_failure.valid, 1)
        await ctx.tick()
        ctx.set(dut.read_failure.valid, 0)
        ctx.set(dut.write_failure.valid, 0)
        ctx.set(dut.engines_busy, 1)
        while head < ages[first]:
            for _ in range(5):
                await ctx.tick()
                assert not ctx.get(dut.abort)
                assert ctx.get(dut.stopping)
                assert ctx.get(dut.hold)
            ctx.set(dut.completed, 1)
            await ctx.tick()
            ctx.set(dut.completed, 0)
            assert ctx.get(dut.count)
            await ctx.tick()
            head += 1
            ctx.set(dut.head, (head + offset) % 16)
        ctx.set(dut.completed, 1)  # of the one that failed
        await ctx.tick()
        ctx.set(dut.completed, 0)
        assert not ctx.get(dut.count)
        for _ in range(20):
            await ctx.tick()
            assert ctx.get(dut.abort)
            assert not ctx.get(dut.flush)
        ctx.set(dut.engines_busy, 0)
        flushed = 0
        while not ctx.get(dut.failed):
            await ctx.tick()
            flushed += ctx.get(dut.flush)
            assert ctx.get(dut.flush) <= ctx.get(dut.abort)
            if flushed == 2:
                ctx.set(dut.decoder_bad, 0)  # it is reset
        assert flushed == 8
        assert (ctx.get(dut.error), ctx.get(dut.unit), ctx.get(dut.error_address)) == want[first]
        ctx.set(dut.resume_command, 1)
        assert ctx.get(dut.skip)
        await ctx.tick()
        assert not ctx.get(dut.failed)
        assert (ctx.get(dut.error), ctx.get(dut.unit), ctx.get(dut.error_address)) == (0, Unit.DESCRIPTOR, 0)

    pysim.run(dut, bench)


def test_an_abort_of_nothing_stops_nothing():
    dut = Supervisor(SMALL)

    async def bench(ctx):
        ctx.set(dut.idle, 1)
        ctx.set(dut.abort_command, 1)
        await ctx.tick()
        ctx.set(dut.abort_command, 0)
        for _ in range(6):
            assert not ctx.get(dut.stopping)
            assert not ctx.get(dut.abort)
            await ctx.tick()

    pysim.run(dut, bench)


def test_an_abort_is_stopping_from_the_cycle_after_the_command_until_the_failure():
    dut = Supervisor(SMALL)

    async def bench(ctx):
        ctx.set(dut.engines_busy, 1)
        ctx.set(dut.abort_command, 1)
        assert not ctx.get(dut.stopping)
        await ctx.tick()
        ctx.set(dut.abort_command, 0)
        for cycle in range(30):
            assert ctx.get(dut.stopping), f"cycle {cycle}"
            assert not ctx.get(dut.failed)
            await ctx.tick()
        ctx.set(dut.engines_busy, 0)
        while not ctx.get(dut.failed):
            assert ctx.get(dut.stopping)
            await ctx.tick()
        assert not ctx.get(dut.stopping)
        assert ctx.get(dut.error) == ERRORS["ABORTED"][0]

    pysim.run(dut, bench)
