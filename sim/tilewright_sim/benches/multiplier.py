# amaranth: UnusedElaboratable=no
"""Bench of the multiplier, and the core that generates its Verilog."""

import itertools
from typing import Annotated, Any, ClassVar, Literal

import cocotb
from cocotb.triggers import RisingEdge
from pydantic import Field

from tilewright.arithmetic import Multiplier
from tilewright.base import Config, Port
from tilewright.cores import Core
from tilewright_sim.testbench.cocotb import spread, start

from . import setup

Bits = Annotated[int, Field(ge=2, le=16)]


class MultiplierConfig(Config):
    """The arguments of a `Multiplier`."""

    TABLE = "multiplier"
    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {}

    kind: Literal["infer", "dsp", "lut"]
    activation_bits: Bits = 8
    weight_bits: Bits = 8

    def component(self) -> Multiplier:
        return Multiplier(self.kind, self.activation_bits, self.weight_bits)


def _ports(multiplier: Multiplier) -> list[Port]:
    return [
        Port("input", "activation", multiplier.activation, "signed"),
        Port("input", "weight", multiplier.weight, "signed"),
        Port("input", "load", multiplier.load, "load the weight"),
        Port("output", "product", multiplier.product, "signed"),
    ]


# No command generates a multiplier; this core does.
CORE = Core("multiply", "a multiplier", MultiplierConfig, MultiplierConfig.component, _ports)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def product_is_exact(dut):
    """All pairs of operands up to 8 x 8 bits, and corners and random pairs of wider ones, give exact products."""
    config = setup.load(MultiplierConfig)
    if config.activation_bits + config.weight_bits <= 16:
        pairs = list(itertools.product(every(config.weight_bits), every(config.activation_bits)))
    else:
        weights = [*corners(config.weight_bits), *spread([60], config.weight_bits).tolist()]
        activations = [*corners(config.activation_bits), *spread([60], config.activation_bits).tolist()]
        pairs = list(itertools.product(weights, activations))
    await check(dut, config, pairs)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_cycle_may_bring_another_weight(dut):
    """With a new weight in every cycle, each activation is multiplied by its own weight."""
    config = setup.load(MultiplierConfig)
    weights, activations = spread([500], config.weight_bits), spread([500], config.activation_bits)
    await check(dut, config, list(zip(weights.tolist(), activations.tolist(), strict=True)))


def every(bits: int) -> range:
    return range(-(1 << bits - 1), 1 << bits - 1)


def corners(bits: int) -> list[int]:
    low, high = every(bits)[0], every(bits)[-1]
    return sorted({low, low + 1, -2, -1, 0, 1, high - 1, high})


async def check(dut, config: MultiplierConfig, pairs: list[tuple[int, int]]) -> None:
    """Multiply one pair of weight and activation per cycle; load the weight only when it changes.

    While ``load`` is 0, ``weight`` is the complement of the loaded weight.
    """
    multiplier = config.component()
    lead, latency = multiplier.weight_lead, multiplier.latency
    modulo = 1 << config.activation_bits + config.weight_bits
    await start(dut)
    clock, product = RisingEdge(dut.clk), dut.product
    for t in range(-lead, len(pairs) + latency):
        if t + lead < len(pairs):
            weight = pairs[t + lead][0]
            load = t + lead == 0 or weight != pairs[t + lead - 1][0]
            if load or t + lead == 1 or pairs[t + lead - 2][0] != weight:  # otherwise unchanged
                dut.load.value = int(load)
                dut.weight.value = (weight if load else ~weight) % (1 << config.weight_bits)
        if 0 <= t < len(pairs):
            dut.activation.value = pairs[t][1] % (1 << config.activation_bits)
        await clock
        if t >= latency:
            weight, activation = pairs[t - latency]
            want = weight * activation
            got = product.value
            assert got.is_resolvable, f"{activation} * {weight} is {got}"
            assert got.to_unsigned() == want % modulo, f"{activation} * {weight} is {got.to_signed()}, not {want}"
