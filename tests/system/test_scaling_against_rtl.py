"""A transformer small enough to simulate: the estimate of a chip with one core against the RTL."""

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim import Simulator
from tilewright_sim.nn import Transformer
from tilewright_sim.scaling import Machine, decode, phase, prefill

TINY = Transformer(layers=1, hidden=64, heads=4, kv_heads=2, ffn=128, vocab=256)
LATENCY = 16


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_tiny_transformer_takes_as_long_as_estimated(share):
    config = AcceleratorConfig.preset("nano")
    rng = np.random.default_rng(1)
    with Simulator(config, latency=LATENCY, bandwidth=share) as chip:
        for make in (prefill, decode):
            layers = make(TINY, 32, 2)
            machine = Machine(config=config, mhz=100, latency=LATENCY)
            machine = Machine(config=config, mhz=100, latency=LATENCY, memory_gbs=share * machine.port_gbs)
            # The simulated memory has this bandwidth for reads and for writes each, a chip's memory for both together.
            rows = phase(machine, "pass", layers, 1).rows
            measured = []
            for layer in layers:
                descriptors = []
                for _ in range(layer.count):
                    a, b = (rng.integers(-128, 128, (rows_, layer.k), dtype=np.int8) for rows_ in (layer.m, layer.n))
                    left, right, c = chip.array(a), chip.array(b), chip.empty((layer.m, layer.n))
                    descriptors.append(chip.descriptor(left, right, c))
                measured.append(chip.submit(descriptors).cycles)
                assert (c.numpy() == a.astype(np.int32) @ b.T.astype(np.int32)).all()
            guessed = [row.cycles for row in rows]
            assert sum(guessed) == pytest.approx(sum(measured), rel=0.03), list(zip(guessed, measured, strict=True))
            for layer, guess, cycles in zip(layers, guessed, measured, strict=True):
                assert guess == pytest.approx(cycles, rel=0.08), (layer.kind, guess, cycles)
