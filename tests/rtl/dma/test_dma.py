"""Run the benches of the DMA engines on their generated Verilog, in both simulators."""

from itertools import product

import pytest

from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright_sim.benches import BENCHES
from tilewright_sim.verify import run_bench


def shape(data_bits, max_burst, outstanding, unaligned=False, **fields):
    return DmaConfig(data_bits=data_bits, max_burst=max_burst, outstanding=outstanding, unaligned=unaligned, **fields)


def describe(value):
    if isinstance(value, DmaConfig):
        kind = "unaligned" if value.unaligned else "aligned"
        return f"{value.data_bits}b-burst{value.max_burst}-{value.outstanding}x-{kind}"
    return str(value)


# Unaligned by default, and aligned on Icarus; both ends of each range in `LONG`.
DEFAULT = [shape(64, 16, 4, True, addr_bits=40)]
ON_ICARUS = [shape(32, 4, 3, True), shape(64, 16, 4)]
LONG = [
    shape(128, 16, 64),
    shape(32, 1, 1, True),
    shape(512, 256, 4),
    shape(32, 1, 64),
    shape(32, 16, 4),
    shape(32, 256, 64, True),
    shape(64, 256, 1),
    shape(64, 2, 2, True, addr_bits=64, stride_bits=64, length_bits=32, rows_bits=32),
    shape(128, 4, 64, True),
    shape(128, 1, 4),
    shape(256, 256, 64),
    shape(512, 16, 1, True),
    shape(512, 1, 64, True),
]
LONG_ON_ICARUS = [shape(32, 1, 1), shape(128, 256, 4, True), shape(512, 16, 16)]
ENGINES = ["reader", "writer"]


def late(cases):
    return [pytest.param(*(case if isinstance(case, tuple) else [case]), marks=pytest.mark.long) for case in cases]


@pytest.mark.parametrize("config", [*DEFAULT, *late(LONG)], ids=describe)
@pytest.mark.parametrize("engine", ENGINES)
def test_dma_keeps_its_promises_on_verilator(engine, config):
    run(engine, config, "verilator")


@pytest.mark.parametrize(
    ("engine", "config"),
    [
        *zip(ENGINES, ON_ICARUS, strict=True),
        *late(zip(ENGINES, reversed(ON_ICARUS), strict=True)),
        *late(product(ENGINES, LONG_ON_ICARUS)),
    ],
    ids=describe,
)
def test_dma_keeps_its_promises_on_icarus(engine, config):
    run(engine, config, "icarus")


# Twice each, all with traffic of their own.
OTHER_TRAFFIC = [
    (*case, seed)
    for seed, case in enumerate(2 * list(product(ENGINES, [*DEFAULT, shape(128, 16, 64), shape(32, 16, 4)])), start=2)
]


@pytest.mark.long
@pytest.mark.parametrize(("engine", "config", "seed"), OTHER_TRAFFIC, ids=describe)
def test_dma_keeps_its_promises_with_other_traffic(engine, config, seed):
    run(engine, config, "verilator", seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_dma_for_ecp5_keeps_its_promises_on_verilator(engine):
    run(engine, DEFAULT[0], "verilator", family="ecp5")


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_dma_for_ecp5_keeps_its_promises_on_icarus(engine):
    run(engine, ON_ICARUS[1], "icarus", family="ecp5")


def run(engine, config, simulator, **options):
    name = f"dma-{engine}"
    run_bench(CORES[name], config, BENCHES[name], simulator=simulator, **options)
