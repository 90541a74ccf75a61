"""The order of reads, when several sources want the reader at once."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.load import ReadArbiter
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig(
    rows=4, cols=4, dot=2, data_bits=32, panel_words=64, ring_words=64, acc_rows=8, chunk_words=2, long_chunk_words=8,
    requant_lanes=1, outstanding=4,
)  # fmt: skip


def served(wanting: str, *, first_tile: bool = True, urgent: bool = False) -> str:
    """The sources of the first four requests, all of which want more: d is for descriptors, p for parameters."""
    arbiter = ReadArbiter(CONFIG)
    sources = {
        "a": arbiter.a_requests, "b": arbiter.b_requests, "c": arbiter.c_requests,
        "d": arbiter.descriptor_requests, "p": arbiter.parameter_requests,
    }  # fmt: skip
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
