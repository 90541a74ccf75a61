"""Jobs for a store engine, with their sums and what they must write."""

import itertools
import random

import numpy as np

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models import gemm as golden

TINY = AcceleratorConfig(rows=8, cols=8, data_bits=64, acc_rows=8, requant_lanes=2, panel_words=1024)
CONFIGS = {
    "32 bits, 1 lane": AcceleratorConfig.preset("nano"),
    "32 bits, 2 lanes": AcceleratorConfig(**{**AcceleratorConfig.PRESETS["nano"], "requant_lanes": 2}),
    "32 bits, 4 lanes, single": AcceleratorConfig(**{
        **AcceleratorConfig.PRESETS["nano"],
        "requant_lanes": 4,
        "rounding": "single",
    }),
    "64 bits, 2 lanes": TINY,
    "64 bits, 4 lanes": TINY.model_copy(update={"requant_lanes": 4}),
    "64 bits, 8 lanes": TINY.model_copy(update={"requant_lanes": 8}),
    "64 bits, single": TINY.model_copy(update={"rounding": "single"}),
    "64 bits, 4 columns": AcceleratorConfig(
        rows=8, cols=4, data_bits=64, acc_rows=4, requant_lanes=2, unaligned=True, panel_words=1024
    ),
    "128 bits": AcceleratorConfig(**{**AcceleratorConfig.PRESETS["base"], "acc_rows": 16}),
    "256 bits, 16 lanes": AcceleratorConfig(**{
        **AcceleratorConfig.PRESETS["large"],
        "acc_rows": 32,
        "requant_lanes": 16,
    }),
}


class Job:
    """A job: its fields, its sums, and the tiles that must be written."""

    def __init__(self, config, rng, index, m, n, kind, *, block_rows=None, fence=False, space=0):
        self.config, self.m, self.n, self.kind, self.index = config, m, n, kind, index
        word = config.word_bytes
        size = self.size = 1 if kind == "requant" else 4
        self.block_rows = min(block_rows or config.acc_rows, config.acc_rows)
        self.stride = -(-n * size // word) * word + word * rng.randrange(3)
        self.address = space + word * rng.randrange(8)
        self.parameter_address = space + 0x80_0000 + word * rng.randrange(8)
        self.pitch = -(-4 * n // 64) * 64
        bounds = rng.choice([(0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100)])
        self.zero_point, self.minimum, self.maximum = bounds
        self.fence = fence
        self.rounding = rng.choice(config.roundings)
        self.multiplier = [rng.choice([0, 1, (1 << 31) - 1, rng.randrange(1 << 30, 1 << 31)]) for _ in range(n)]
        self.shift = [rng.choice([-31, -30, 30, 0, rng.randint(-24, -8), rng.randint(-31, 30)]) for _ in range(n)]
        self.bias = [log_uniform(rng, 32) for _ in range(n)]
        scales = [max(1, min(32, 9 - shift)) for shift in self.shift]
        self.sums = np.array([[log_uniform(rng, rng.choice([32, scale])) for scale in scales] for _ in range(m)])
        self.old = np.array([[log_uniform(rng, 32) for _ in range(n)] for _ in range(m)])

    @property
    def fields(self):
        return {
            "index": self.index, "m": self.m, "n": self.n, "k": 8, "k_words": 1, "long": 0,
            "block_rows": self.block_rows,
            "requant": self.kind == "requant", "bias": self.kind == "bias", "accumulate": self.kind == "accumulate",
            "fence_a": 0, "fence_b": 0, "fence_c": self.fence,
            "a_address": 0, "b_address": 0, "c_address": self.address, "parameter_address": self.parameter_address,
            "a_stride": 0, "b_stride": 0, "c_stride": self.stride, "parameter_pitch": self.pitch,
            "double": int(self.config.rounding == "both" and self.rounding == "double"),
            "a_block_bytes": 0, "c_block_bytes": self.block_rows * self.stride,
            "zero_point": self.zero_point, "minimum": self.minimum, "maximum": self.maximum,
        }  # fmt: skip

    def result(self):
        """int64 of shape [m, n]."""
        one = np.eye(self.n, dtype=np.int64)
        bias = self.bias if self.kind in ("bias", "requant") else None
        addend = self.old if self.kind == "accumulate" else None
        requant = None
        if self.kind == "requant":
            requant = golden.Requant(
                multiplier=self.multiplier, shift=self.shift, zero_point=self.zero_point, minimum=self.minimum,
                maximum=self.maximum, rounding=self.rounding,
            )  # fmt: skip
        return golden.gemm(self.sums, one, bias, requant, addend)

    def tiles(self):
        """``(rows, columns)`` slices of each tile, in order."""
        for top, left in itertools.product(range(0, self.m, self.block_rows), range(0, self.n, self.config.tile.cols)):
            yield slice(top, min(top + self.block_rows, self.m)), slice(left, min(left + self.config.tile.cols, self.n))

    def write(self, rows, columns):
        """The request that writes a tile."""
        return {
            "address": self.address + rows.start * self.stride + columns.start * self.size,
            "bytes": (columns.stop - columns.start) * self.size,
            "rows": rows.stop - rows.start,
            "stride": self.stride,
        }

    def fill(self, memory):
        """Put the parameters and the old C into memory."""
        for place, values in enumerate((self.bias, self.multiplier, self.shift)):
            store(memory, self.parameter_address + place * self.pitch, values, 4)
        if self.kind == "accumulate":
            for row in range(self.m):
                store(memory, self.address + row * self.stride, self.old[row], 4)

    def expect(self, memory):
        for row, values in enumerate(self.result()):
            store(memory, self.address + row * self.stride, values, self.size)


def log_uniform(rng, bits):
    value = rng.getrandbits(rng.randrange(bits + 1)) * rng.choice((-1, 1))
    return max(-(1 << 31), min((1 << 31) - 1, value))


def store(memory, address, values, size):
    for place, value in enumerate(values):
        for byte in range(size):
            memory[address + place * size + byte] = int(value) >> 8 * byte & 0xFF


def plain(transfer):
    request = transfer.request
    fields = {name: getattr(request, name) for name in ("address", "bytes", "rows", "stride")}
    return {"request": fields, "index": transfer.index}


def make(config, shapes, seed=0, first=0xFFFE, **options):
    """Jobs of ``(m, n, kind)``, each in its own megabytes."""
    rng = random.Random(seed)
    return [
        Job(config, rng, (first + i) & 0xFFFF, m, n, kind, space=i << 24, **options)
        for i, (m, n, kind) in enumerate(shapes)
    ]


KINDS = ("raw", "bias", "requant", "accumulate")
