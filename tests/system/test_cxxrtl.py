"""A third simulator, CXXRTL, agrees with Verilator on every output in every cycle, whatever state it starts in."""

import random
import re

import numpy as np
import pytest
from support.cxxrtl import CxxRtl
from system.test_gemm import CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright.verilog import generate
from tilewright_sim.cost.recording import read_recording
from tilewright_sim.host import Simulator
from tilewright_sim.models import gemm as golden

MEMORY = {"latency": 5, "stall": 0.3, "size": 1 << 20, "seed": 3}


def recorded(config, folder):
    """Run products with a waveform; return the values of the ports in each cycle, inputs and outputs."""
    rng = np.random.default_rng(2)
    waveform = folder / "run.fst"
    with Simulator(config, waveform=waveform, **MEMORY) as chip:
        for m, n, k in ((9, 5, 17), (1, 11, 40)):
            a, b = (rng.integers(-128, 128, (rows, k), dtype=np.int8) for rows in (m, n))
            requant = golden.Requant.from_scale(0.01)
            assert np.array_equal(chip.gemm(a, b, requant=requant).c, golden.gemm(a, b, requant=requant))
    text = (folder / "accelerator.v").read_text(encoding="utf-8")
    body = text[re.search(r"^module accelerator\(", text, re.M).start() :].partition("endmodule")[0]
    ports = {name: kind for kind, name in re.findall(r"^ *(input|output)\b.*?(\w+);", body, re.M)}
    recording = read_recording(waveform, "accelerator", set(ports))
    values = {
        name: [int.from_bytes(row.tobytes(), "little") for row in np.packbits(bits, axis=1, bitorder="little")]
        for name, bits in recording.signals.items()
    }
    assert set(values) == set(ports) - {"clk"}
    inputs, outputs = ({name for name in values if ports[name] == kind} for kind in ("input", "output"))
    return recording.cycles, values, inputs, outputs


def valid_of(port):
    """The signal that says whether an output means something."""
    found = re.fullmatch(r"(m_axi_(?:ar|aw|w)|s_axil_[rb])(\w+)", port)
    return f"{found[1]}valid" if found and found[2] not in ("valid", "ready") else None


def written_bits(values, cycle):
    """The bits of a word of write data that have a strobe; the others mean nothing."""
    strobes = values["m_axi_wstrb"][cycle]
    return sum(0xFF << 8 * byte for byte in range(strobes.bit_length()) if strobes >> byte & 1)


@pytest.mark.long
@pytest.mark.parametrize(("name", "start"), [("tiny", "zeros"), *((name, "random") for name in CONFIGS)])
def test_every_output_agrees_in_every_cycle(name, start, tmp_path):
    config = AcceleratorConfig(**CONFIGS[name])
    generate(CORES["accelerator"], config, tmp_path)
    cycles, values, inputs, outputs = recorded(config, tmp_path)
    design = CxxRtl(tmp_path / "accelerator.v", "accelerator", tmp_path)
    if start == "random":
        assert design.randomize(random.Random(1)) > 10_000
    moved = set()
    for cycle in range(cycles):
        for port in inputs:
            design.set(port, values[port][cycle])
        design.set("clk", 0)
        design.step()
        for port in outputs:
            valid = valid_of(port) if start == "random" else None
            if values["rst"][cycle] or (valid and not values[valid][cycle]):
                continue
            counts = written_bits(values, cycle) if port == "m_axi_wdata" and start == "random" else -1
            assert (design.get(port) ^ values[port][cycle]) & counts == 0, f"{port} in cycle {cycle}"
            if values[port][cycle]:
                moved.add(port)
        design.set("clk", 1)
        design.step()
    assert {"m_axi_arvalid", "m_axi_wdata", "m_axi_wvalid", "irq"} <= moved
    assert cycles > 1000
