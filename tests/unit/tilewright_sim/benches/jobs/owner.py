"""A memory in Python, and configurations with random jobs."""

import random

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.benches.jobs import Space

SMALL = {
    "rows": 32, "cols": 8, "dot": 32, "data_bits": 64, "requant_lanes": 2, "chunk_words": 4, "long_chunk_words": 8,
    "panel_words": 64, "ring_words": 128, "acc_rows": 8, "addr_bits": 24, "size_bits": 11, "stride_bits": 14,
}  # fmt: skip
BLOCKS = {
    "three formats": AcceleratorConfig(**SMALL, a_format="q8_0", b_formats=("q4_0", "q8_0", "q4_1")),
    "int8 activations": AcceleratorConfig(**SMALL | {"unaligned": True, "chunk_words": 1}, b_formats=("mxfp6_e2m3",)),
    "int8 beside": AcceleratorConfig(**SMALL, a_format="q8_0", b_formats=("q4_1", "int8", "q8_0")),
    "int8 weights": AcceleratorConfig(**SMALL | {"chunk_words": 8, "panel_words": 128}, a_format="q8_e5m3"),
}
VECTORS = {
    "one lane": AcceleratorConfig.preset("nano", vector_lanes=1),
    "records": BLOCKS["three formats"].replace(vector_lanes=2),
    "unaligned": AcceleratorConfig.preset("small", vector_lanes=4, unaligned=True, addr_bits=40),
}
VARIABLES = {
    "two": AcceleratorConfig.preset("nano", variables=2),
    "vectors": AcceleratorConfig.preset("nano", variables=16, vector_lanes=1, addr_bits=56, unaligned=True),
}


class Owner:
    """A memory in Python."""

    def __init__(self, config, seed, base=0):
        self.base = base
        self.config, self.chance, self.space = config, random.Random(seed), Space(config, 12, config.size_limit)
        self.image = bytearray(self.chance.randbytes(self.space.size))

    def put(self, address, data):
        self.image[address : address + len(data)] = data

    def entry(self, index):
        return self.space.ring + 64 * index
