"""Configurations, good and bad descriptors, and the jobs that good ones become."""

from dataclasses import replace

from tilewright.accelerator.contract import SIZE_BITS, AcceleratorConfig
from tilewright_sim.host.descriptor import Descriptor

NANO = AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"])
SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
GIANT = AcceleratorConfig(**AcceleratorConfig.PRESETS["giant"])
WIDE = SMALL.model_copy(update={"addr_bits": 40, "unaligned": True})
NARROW = AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"] | {
    "variant": "compact", "addr_bits": 20, "size_bits": 11, "stride_bits": 14, "max_burst": 1, "outstanding": 1,
})  # fmt: skip
CONFIGS = {"nano": NANO, "small": SMALL, "giant": GIANT, "wide": WIDE, "narrow": NARROW}
BASE = 0x8_0040
DOUBLE_ROUNDING = 1 << 7
GOOD = Descriptor(
    m=64, n=64, k=64, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=64, c_stride=256
)


def plan(config: AcceleratorConfig, d: Descriptor, index: int) -> dict:
    """The job of a good descriptor, from the formulas of `job_shape`."""
    flags = {name: d.flags >> bit & 1 for name, bit in
             {"requant": 0, "bias": 1, "accumulate": 2, "fence_a": 3, "fence_b": 4, "fence_c": 5}.items()}  # fmt: skip
    k_words = -(-d.k // config.tile.rows)
    long = d.m < config.tile.cols
    chunk = config.long_chunk_words if long else config.chunk_words
    chunks = -(-k_words // chunk)
    block_rows = min(config.acc_rows, config.half_words // (chunks * chunk))
    same = ("m", "n", "k", "a_address", "b_address", "c_address", "parameter_address", "a_stride", "b_stride",
            "c_stride", "zero_point", "minimum", "maximum")  # fmt: skip
    top = (1 << config.addr_bits) - 1
    return {name: getattr(d, name) for name in same} | flags | {
        "bias": flags["bias"] | flags["requant"],
        "index": index & 0xFFFF,
        "k_words": k_words,
        "long": int(long),
        "block_rows": block_rows,
        "a_block_bytes": block_rows * d.a_stride & top,
        "c_block_bytes": block_rows * d.c_stride & top,
        "parameter_pitch": -(-4 * d.n // 64) * 64,
        "double": d.flags >> 7 & (config.rounding == "both"),
    }  # fmt: skip


def ring(descriptors, base=BASE, log2=3):
    """A memory with descriptors in a ring; the oldest are overwritten if it is too small."""
    return {base + 64 * (n % (1 << log2)): d.pack() for n, d in enumerate(descriptors)}


def kept(job):
    return {name: value for name, value in job.items() if name not in ("left", "work", "reported")}


BAD = [
    ({"version": 2}, "VERSION", "DESCRIPTOR"),
    ({"version": 0, "flags": 128, "m": 0}, "VERSION", "DESCRIPTOR"),
    ({"flags": DOUBLE_ROUNDING}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 1 << 9}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 1 << 15}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 0b101}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 0b110}, "FLAGS", "DESCRIPTOR"),
    ({"b_format": 1}, "FLAGS", "DESCRIPTOR"),
    ({"reserved_2": 128, "k": 0}, "FLAGS", "DESCRIPTOR"),
    ({"m": 0}, "SIZE", "LOAD_A"),
    ({"m": 1 << SIZE_BITS}, "SIZE", "LOAD_A"),
    ({"m": 1 << 31}, "SIZE", "LOAD_A"),
    ({"k": 0}, "SIZE", "LOAD_A"),
    ({"k": "limit"}, "SIZE", "LOAD_A"),
    ({"k": 1 << 31}, "SIZE", "LOAD_A"),
    ({"n": 0}, "SIZE", "LOAD_B"),
    ({"n": 1 << SIZE_BITS}, "SIZE", "LOAD_B"),
    ({"a_stride": 1 << 24}, "SIZE", "LOAD_A"),
    ({"b_stride": 1 << 31}, "SIZE", "LOAD_B"),
    ({"c_stride": 1 << 24, "a_address": 1}, "SIZE", "STORE_C"),
    ({"a_address": 1 << 40}, "SIZE", "LOAD_A"),
    ({"b_address": 1 << 63}, "SIZE", "LOAD_B"),
    ({"c_address": 1 << 45}, "SIZE", "STORE_C"),
    ({"parameter_address": 1 << 41, "flags": 1}, "SIZE", "PARAMETERS"),
    ({"parameter_address": 1 << 41, "flags": 2, "n": 0}, "SIZE", "LOAD_B"),
    ({"a_address": 1}, "ALIGNMENT", "LOAD_A"),
    ({"a_stride": 2}, "ALIGNMENT", "LOAD_A"),
    ({"b_address": 2}, "ALIGNMENT", "LOAD_B"),
    ({"b_stride": 1}, "ALIGNMENT", "LOAD_B"),
    ({"c_address": 2, "parameter_address": 1, "flags": 1}, "ALIGNMENT", "STORE_C"),
    ({"c_stride": 258}, "ALIGNMENT", "STORE_C"),
    ({"parameter_address": 2, "flags": 2}, "ALIGNMENT", "PARAMETERS"),
]
# By a word too high, in each matrix, with each result, with the parameters that are used; of several the first.
BEYOND = [
    ({"a_address": "top", "m": 1, "k": 9}, "WRAPPED", "LOAD_A"),
    ({"a_address": "top", "a_stride": 8, "m": 2, "k": 1}, "WRAPPED", "LOAD_A"),
    ({"b_address": "top", "b_stride": 1 << 12, "n": 2, "k": 4}, "WRAPPED", "LOAD_B"),
    ({"b_address": "top", "b_stride": 8, "n": 10, "k": 8, "m": 2}, "WRAPPED", "LOAD_B"),
    ({"c_address": "top", "m": 1, "n": 3}, "WRAPPED", "STORE_C"),
    ({"c_address": "top", "c_stride": 8, "m": 2, "n": 1, "flags": 1}, "WRAPPED", "STORE_C"),
    ({"c_address": "top", "m": 1, "n": 9, "flags": 1}, "WRAPPED", "STORE_C"),
    ({"parameter_address": "top", "m": 1, "n": 3, "flags": 2}, "WRAPPED", "PARAMETERS"),
    ({"parameter_address": "top", "m": 1, "n": 1, "flags": 1}, "WRAPPED", "PARAMETERS"),
    ({"c_address": "top", "a_address": "top"}, "WRAPPED", "LOAD_A"),
    ({"c_address": "top", "a_stride": 1 << 24}, "SIZE", "LOAD_A"),
    ({"m": (1 << 11) - 1, "a_stride": (1 << 14) - 8, "a_address": "middle"}, "WRAPPED", "LOAD_A"),
]
# What `narrow` cannot hold, by a bit, in each field, and in two at once.
TOO_WIDE = [
    ({"m": 1 << 11}, "SIZE", "LOAD_A"),
    ({"n": 1 << 11}, "SIZE", "LOAD_B"),
    ({"k": 1 << 11}, "SIZE", "LOAD_A"),
    ({"a_stride": 1 << 14}, "SIZE", "LOAD_A"),
    ({"b_stride": 1 << 14}, "SIZE", "LOAD_B"),
    ({"c_stride": 1 << 14, "b_address": 1}, "SIZE", "STORE_C"),
    ({"a_address": 1 << 20}, "SIZE", "LOAD_A"),
    ({"b_address": 1 << 31}, "SIZE", "LOAD_B"),
    ({"c_address": 1 << 20, "a_address": 1 << 20}, "SIZE", "LOAD_A"),
    ({"parameter_address": 1 << 20, "flags": 2}, "SIZE", "PARAMETERS"),
]
# What an epilogue with one rounding cannot do.
ROUNDINGS = {
    "single": [({"flags": 1 | DOUBLE_ROUNDING}, "FLAGS", "DESCRIPTOR")],
    "double": [({"flags": 1}, "FLAGS", "DESCRIPTOR")],
    "both": [],
}


def bad(config, change):
    top = 1 << config.addr_bits
    named = {"limit": config.k_limit + 1, "top": top - 8, "middle": top - (1 << 18)}
    return replace(GOOD, **{name: named.get(value, value) for name, value in change.items()})
