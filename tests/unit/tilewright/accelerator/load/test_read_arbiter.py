"""The order of reads, when several sources want the reader at once."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.load import ReadArbiter
from tilewright.dma import Cause
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig(
    rows=4, cols=4, dot=2, data_bits=32, panel_words=64, ring_words=64, acc_rows=8, chunk_words=2, long_chunk_words=8,
    requant_lanes=1, outstanding=4,
)  # fmt: skip


def served(wanting: str, *, first_tile: bool = True, urgent: bool = False, config=CONFIG) -> str:
    """The sources of the first four requests, all of which want more: d is for descriptors, p for parameters."""
    arbiter = ReadArbiter(config)
    sources = {
        "a": arbiter.a_requests, "b": arbiter.b_requests, "c": arbiter.c_requests,
        "d": arbiter.descriptor_requests, "p": arbiter.parameter_requests,
    }  # fmt: skip
    if config.vector_lanes:
        sources["v"] = arbiter.vector_requests
    order = ""

    async def bench(ctx):
        nonlocal order
        ctx.set(arbiter.requests.ready, 1)
        ctx.set(arbiter.b_first_tile, first_tile)
        ctx.set(arbiter.parameters_urgent, urgent)
        for name in wanting:
            ctx.set(sources[name].valid, 1)
        for _ in range(20):
            order += "".join(name for name in wanting if ctx.get(sources[name].ready))
            await ctx.tick()

    pysim.run(arbiter, bench)
    return order


def test_first_chunks_of_b_and_a_alternate_and_b_begins():
    assert served("ab") == "baba"


def test_b_goes_before_a_after_its_first_tile():
    assert served("ab", first_tile=False) == "bbbb"


@pytest.mark.parametrize(("urgent", "order"), [(True, "pppp"), (False, "aaaa")])
def test_parameters_go_before_a_if_sums_wait_for_them(urgent, order):
    assert served("ap", urgent=urgent) == order


def test_parameters_that_nobody_waits_for_go_before_b():
    assert served("bp") == "pppp"


@pytest.mark.parametrize(("wanting", "order"), [("abcp", "cccc"), ("abcdp", "dddd")])
def test_descriptors_go_first_and_old_results_next(wanting, order):
    assert served(wanting, urgent=True) == order


@pytest.mark.parametrize(("wanting", "order"), [("abcpv", "vvvv"), ("abcdpv", "dddd")])
def test_the_vector_engine_goes_after_descriptors(wanting, order):
    assert served(wanting, urgent=True, config=CONFIG.replace(vector_lanes=1)) == order


def test_words_and_failures_of_the_vector_engine_are_its_own():
    """One request of each of two sources; the words come in their order, and the second fails."""
    arbiter = ReadArbiter(CONFIG.replace(vector_lanes=1))
    taken: list[tuple] = []

    async def bench(ctx):
        ctx.set(arbiter.requests.ready, 1)
        ctx.set(arbiter.head, 0xFFFE)
        for source, index in ((arbiter.descriptor_requests, 0xFFFF), (arbiter.vector_requests, 1)):
            ctx.set(source.payload.index, index)
            ctx.set(source.valid, 1)
            while not ctx.get(source.ready):
                await ctx.tick()
            await ctx.tick()
            ctx.set(source.valid, 0)
        for data, last in ((11, 1), (22, 0), (33, 1)):
            ctx.set(arbiter.words.valid, 1)
            ctx.set(arbiter.words.payload, {"data": data, "row_last": last, "last": last})
            for name in ("descriptor", "vector", "c", "a", "b", "parameter"):
                port = getattr(arbiter, f"{name}_words")
                if ctx.get(port.valid):
                    payload = ctx.get(port.payload)
                    taken.append((name, payload.data, payload.row_last, payload.last))
            await ctx.tick()
        ctx.set(arbiter.words.valid, 0)
        for cause in (Cause.NONE, Cause.DECERR):
            ctx.set(arbiter.status.valid, 1)
            ctx.set(arbiter.status.payload, {"cause": cause, "address": 0x40})
            assert ctx.get(arbiter.failure.valid) == (cause != Cause.NONE)
            failure = ctx.get(arbiter.failure.payload)
            await ctx.tick()
        assert (failure.unit, failure.index, failure.cause, failure.address) == (Unit.VECTOR, 1, Cause.DECERR, 0x40)

    pysim.run(arbiter, bench)
    assert taken == [("descriptor", 11, 1, 1), ("vector", 22, 0, 0), ("vector", 33, 1, 1)]
