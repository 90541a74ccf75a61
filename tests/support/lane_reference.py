"""Operations of a lane in numpy, on bits of float32, as the contract of `LaneOp` has them."""

import numpy as np

from tilewright.accelerator.vector import LaneOp

NAN = np.uint32(0x7FC00000)
SIGN = np.uint32(1 << 31)
LEAST = 2.0**-126


def floats(bits):
    return np.asarray(bits, np.uint32).view(np.float32)


def flushed(values):
    return np.where(np.abs(values) < LEAST, np.copysign(0, values), values)


def bits_of(values):
    """The bits of values as float32, with the one NaN."""
    values = values.astype(np.float32)
    return np.where(np.isnan(values), NAN, values.view(np.uint32))


def mul(a, b):
    exact = flushed(floats(a)).astype(np.float64) * flushed(floats(b))
    return bits_of(flushed(exact))


def add(a, b):
    return bits_of(flushed(flushed(floats(a)) + flushed(floats(b))))


def ldexp(a, b, c):
    n = (c & np.uint32(511)).astype(np.int64)
    field = (a >> np.uint32(23) & np.uint32(255)).astype(np.int64)
    scaled = field + np.where(n > 255, n - 512, n)
    result = a & np.uint32(0x807FFFFF) | (np.clip(scaled, 0, 255) << 23).astype(np.uint32)
    result = np.where(scaled > 254, a & SIGN | np.uint32(0x7F800000), result)
    result = np.where((scaled < 1) | (field == 0), a & SIGN, result)
    return bits_of(floats(np.where(field == 255, a, result)))


def maximum(a, b, c):
    x, y = flushed(floats(a)), flushed(floats(c))
    first = (x > y) | ((x == y) & ~np.signbit(x))
    return np.where(np.isnan(x) | np.isnan(y), NAN, bits_of(np.where(first, x, y)))


def minimum(a, b, c):
    x, y = flushed(floats(a)), flushed(floats(c))
    first = (x < y) | ((x == y) & np.signbit(x))
    return np.where(np.isnan(x) | np.isnan(y), NAN, bits_of(np.where(first, x, y)))


def bf16(a, b, c):
    a = bits_of(flushed(floats(a)))
    up = (a & 0xFFFF > 0x8000) | ((a & 0xFFFF == 0x8000) & (a >> 16 & 1 == 1))
    return np.where(a == NAN, NAN, (a >> 16) + up << 16).astype(np.uint32)


def equal(a, b, c):
    same = flushed(floats(a)) == flushed(floats(c))
    return bits_of(np.where(same, flushed(floats(b)), np.float32(np.inf)))


OPERATIONS = {
    LaneOp.MADD: lambda a, b, c: add(mul(a, b), c),
    LaneOp.MAX: maximum,
    LaneOp.MIN: minimum,
    LaneOp.LDEXP: ldexp,
    LaneOp.SEED_RECIPROCAL: lambda a, b, c: a & SIGN | np.uint32(0x7EF311C7) - (a & ~SIGN) & ~SIGN,
    LaneOp.SEED_RSQRT: lambda a, b, c: np.uint32(0x5F375A86) - (a >> np.uint32(1)),
    LaneOp.HIGH: lambda a, b, c: (0x4B400000 + (a.view(np.int32) >> 16).astype(np.int64)).astype(np.uint32),
    LaneOp.LOW: lambda a, b, c: np.uint32(0x4B000000) + (a & np.uint32(0xFFFF)),
    LaneOp.BF16: bf16,
    LaneOp.EQUAL: equal,
}


def modified(bits, negate, absolute):
    """An operand made positive, and then negated."""
    return np.where(absolute, bits & ~SIGN, bits) ^ np.where(negate, SIGN, np.uint32(0))


def compute(op, signs, a, b, c):
    """Results of arrays of operations and operands; ``signs`` has bits negate_a, absolute_a, negate_c, absolute_c."""
    a, c = modified(a, signs & 1, signs & 2), modified(c, signs & 4, signs & 8)
    results = np.zeros_like(a)
    with np.errstate(all="ignore"):
        for operation, function in OPERATIONS.items():
            chosen = op == operation.value
            results[chosen] = function(a[chosen], b[chosen], c[chosen])
    return results
