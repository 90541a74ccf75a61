"""Where bits can be flipped."""

import json

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright.verilog import MANIFEST, generate
from tilewright_sim.verify.bit_flips import protected


def test_the_memories_with_check_bits_are_those_of_the_verilog(tmp_path):
    config = AcceleratorConfig.preset("nano", ecc=True)
    generate(CORES["accelerator"], config, tmp_path, memories="macro")
    listed = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["memories"]
    paths = {f"{path}.cells".removeprefix("component.") for memory in listed for path in memory["instances"]}
    assert set(protected(config)) <= paths
