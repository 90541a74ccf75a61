"""Random operands of a lane: of all magnitudes, and close to every bound that an operation has."""

import numpy as np

from tilewright.accelerator.vector import LaneOp
from tilewright_sim.models.vector import lanes

EDGES = np.array(
    [0, 1, 0x00400000, 0x007FFFFF, 0x00800000, 0x00800001, 0x00FFFFFF, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x4B000001,
     0x7EF311C7, 0x7EFFFFFF, 0x7F000000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF],
    np.uint32,
)  # fmt: skip


def fractions(rng, count):
    """Random, of few bits (whose products and sums are ties), and with long runs of one digit."""
    dense = rng.integers(0, 1 << 23, count)
    sparse = dense & rng.integers(0, 1 << 23, count) & rng.integers(0, 1 << 23, count) & rng.integers(0, 1 << 23, count)
    short = dense >> (shift := rng.integers(8, 24, count)) << shift
    runs = (1 << 23) - (1 << rng.integers(0, 24, count)) & (1 << 23) - 1
    near = (runs + rng.integers(-2, 3, count)) & (1 << 23) - 1
    return np.choose(rng.integers(0, 5, count), [dense, sparse, short, runs, near])


def floats(rng, exponents):
    """Bits with these exponent fields (limited to those of finite numbers), some of them special."""
    count = len(exponents)
    field = np.clip(exponents, 0, 254)
    bits = (field << 23 | fractions(rng, count)).astype(np.uint32)
    return np.where(rng.random(count) < 0.04, rng.choice(EDGES, count), bits) | signs(rng, count)


def mixed(rng, *choices):
    """One of these arrays at each place."""
    return np.choose(rng.integers(0, len(choices), len(choices[0])), choices)


def signs(rng, count):
    return (rng.integers(0, 2, count) << 31).astype(np.uint32)


def beside(rng, bits):
    """Numbers that differ by up to 3 units of the last place, and some in sign."""
    step = rng.integers(-3, 4, len(bits))
    return ((bits.astype(np.int64) + step) & 0xFFFFFFFF).astype(np.uint32) ^ signs(rng, len(bits))


def completing(bits):
    """Fractions such that the product of the significands is just below 2, and may be rounded to it."""
    significand = (bits & 0x7FFFFF).astype(np.int64) | 1 << 23
    return np.maximum(((1 << 47) - 1) // significand, 1 << 23) & 0x7FFFFF


def draw(rng, operation, count):
    """Bits of a, b and c for so many operations of a kind."""
    anything = rng.integers(0, 256, count)
    a = floats(rng, mixed(rng, anything, rng.integers(100, 155, count)))
    exponent = (a >> 23 & 255).astype(np.int64)
    ends = rng.choice([0, 1, 24, 127, 253, 254, 255], count) + rng.integers(-1, 2, count)
    wild = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    match operation:
        case LaneOp.MADD:
            b = floats(rng, mixed(rng, ends + 127 - exponent, rng.integers(100, 155, count)))
            b = mixed(rng, b, b, b, b & ~np.uint32(0x7FFFFF) | completing(a).astype(np.uint32))
            product = lanes.mul(a.view(np.float32), b.view(np.float32)).view(np.uint32)
            around = (product >> 23 & 255).astype(np.int64)
            c = floats(
                rng, mixed(rng, around + rng.integers(-2, 3, count), around + rng.integers(-28, 29, count), ends)
            )
            return a, b, mixed(rng, c, c, c, c, beside(rng, product), signs(rng, count))
        case LaneOp.LDEXP:
            n = mixed(rng, ends - exponent, rng.integers(-256, 256, count))
            return a, wild, (wild & ~np.uint32(511)) | (n & 511).astype(np.uint32)
        case LaneOp.ROUND_UP:
            c = ((1 << rng.integers(0, 23, count)) - 1).astype(np.uint32)
            return mixed(rng, a, a | c, a & ~c) & ~np.uint32(1 << 31), wild, c
        case _:
            c = floats(rng, mixed(rng, exponent, anything))
            return mixed(rng, a, a, wild), floats(rng, anything), mixed(rng, c, beside(rng, a), a ^ (wild & (1 << 31)))
