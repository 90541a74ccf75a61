"""Operations of a lane have the bits that exact integers, rounded once, say they have."""

import numpy as np
import pytest

from tilewright_sim.models.vector import lanes

pytestmark = pytest.mark.filterwarnings("error")

NAN, INFINITY, SIGN = 0x7FC00000, 0x7F800000, 1 << 31
ROUND = 12582912.0
SPECIALS = [
    0, 1, 0x007FFFFF, 0x00800000, 0x00800001, 0x00FFFFFF, 0x01000000, 0x1F800000, 0x33800000, 0x3F000000, 0x3F7FFFFF,
    0x3F800000, 0x3F800001, 0x40000000, 0x4B400000, 0x7E7311C7, 0x7EF311C7, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF,
    INFINITY, 0x7F800001, NAN, 0x7FFFFFFF,
]  # fmt: skip
SPECIALS += [bits | SIGN for bits in SPECIALS]


class Exact:
    """The operations on bits: a finite number is ``(-1)**sign * m * 2**e`` with integers m and e."""

    @staticmethod
    def split(bits):
        sign, field, fraction = bits >> 31, bits >> 23 & 255, bits & 0x7FFFFF
        return sign, (fraction | 1 << 23 if field else 0), field - 150

    @staticmethod
    def round(sign, m, e):
        """Return the bits of a number, to nearest, ties to even; of a zero if it is below 2**-126 before that."""
        if not m or m.bit_length() + e <= -126:
            return sign << 31
        extra = m.bit_length() - 24
        if extra > 0:
            half, rest = 1 << extra - 1, m & (1 << extra) - 1
            m = m >> extra
            m += rest > half or (rest == half and m & 1)
        else:
            m <<= -extra
        bits = (e + extra + 149 << 23) + m  # a carry out of m increments the exponent
        return sign << 31 | min(bits, INFINITY)

    @staticmethod
    def nan(bits):
        return bits & ~SIGN > INFINITY

    @staticmethod
    def infinite(bits):
        return bits & ~SIGN == INFINITY

    @classmethod
    def mul(cls, a, b):
        if cls.nan(a) or cls.nan(b):
            return NAN
        (s, m, e), (t, n, f) = cls.split(a), cls.split(b)
        if cls.infinite(a) or cls.infinite(b):
            return (s ^ t) << 31 | INFINITY if m and n else NAN
        return cls.round(s ^ t, m * n, e + f)

    @classmethod
    def add(cls, a, b):
        if cls.nan(a) or cls.nan(b) or (cls.infinite(a) and cls.infinite(b) and a != b):
            return NAN
        for bits in (a, b):
            if cls.infinite(bits):
                return bits
        (s, m, e), (t, n, f) = cls.split(a), cls.split(b)
        low = min(e, f)
        total = (-m if s else m) * 2 ** (e - low) + (-n if t else n) * 2 ** (f - low)
        negative = total < 0 or (m == n == 0 and s and t)
        return cls.round(int(negative), abs(total), low)

    @classmethod
    def madd(cls, a, b, c):
        return cls.add(cls.mul(a, b), c)

    @classmethod
    def order(cls, bits):
        """Return a key in the order of the numbers: -0 is below +0, subnormal numbers are zeros."""
        magnitude = bits & ~SIGN if bits >> 23 & 255 else 0
        return -1 - magnitude if bits >> 31 else magnitude

    @classmethod
    def flush(cls, bits):
        return NAN if cls.nan(bits) else bits if bits >> 23 & 255 else bits & SIGN

    @classmethod
    def maximum(cls, a, c):
        return NAN if cls.nan(a) or cls.nan(c) else cls.flush(max(a, c, key=cls.order))

    @classmethod
    def minimum(cls, a, c):
        return NAN if cls.nan(a) or cls.nan(c) else cls.flush(min(a, c, key=cls.order))

    @classmethod
    def equal(cls, a, c, b):
        a, c = cls.flush(a), cls.flush(c)
        same = a == c != NAN or {a, c} == {0, SIGN}
        return cls.flush(b) if same else INFINITY

    @classmethod
    def ldexp(cls, a, t):
        if not 0 < a >> 23 & 255 < 255:
            return cls.flush(a)
        n = (t & 511) - 2 * (t & 256)
        sign, m, e = cls.split(a)
        return cls.round(sign, m, e + n)

    @classmethod
    def bf16(cls, a):
        if cls.nan(a) or cls.infinite(a):
            return cls.flush(a)
        sign, m, e = cls.split(a)
        kept, rest = m >> 16, m & 0xFFFF
        kept += rest > 0x8000 or (rest == 0x8000 and kept & 1)
        return cls.round(sign, kept, e + 16)

    @classmethod
    def seed_reciprocal(cls, a):
        return a & SIGN | (0x7EF311C7 - (a & ~SIGN)) % 2**31

    @classmethod
    def seed_rsqrt(cls, a):
        return (0x5F375A86 - (a >> 1)) % 2**32

    @classmethod
    def high(cls, a):
        return cls.add(0x4B400000, cls.integer((a >> 16) - ((a >> 31) << 16)))

    @classmethod
    def low(cls, a):
        return cls.add(0x4B000000, cls.integer(a & 0xFFFF))

    @classmethod
    def integer(cls, value):
        return cls.round(int(value < 0), abs(value), 0)


ARGUMENTS = {
    "mul": 2, "add": 2, "madd": 3, "maximum": 2, "minimum": 2, "equal": 3, "ldexp": 2, "bf16": 1,
    "seed_reciprocal": 1, "seed_rsqrt": 1, "high": 1, "low": 1,
}  # fmt: skip


def draw(count, seed=0):
    """Three arrays of bits: all magnitudes, and what rounds, cancels, overflows and underflows often."""
    rng = np.random.default_rng(seed)

    def numbers(fields):
        fraction = rng.integers(0, 1 << 23, count) & -1 << rng.integers(0, 24, count)  # ties need few digits
        return (rng.integers(0, 2, count) << 31 | np.clip(fields, 0, 255) << 23 | fraction).astype(np.uint32)

    a = numbers(rng.integers(0, 256, count))
    kind = rng.integers(0, 6, count)
    field = (a >> 23 & 255).astype(np.int64)
    near = rng.integers(-3, 4, count)
    b = np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3],
        [
            numbers(127 - field + near),  # products near 1
            numbers(128 - field + near),  # near 2**-126
            numbers(381 - field + near),  # near 2**128
            a ^ rng.choice(np.array([SIGN, SIGN | 1, 1, SIGN | 1 << 22, 0], np.uint32), count),  # sums cancel
        ],
        numbers(rng.integers(0, 256, count)),
    ).astype(np.uint32)
    b = np.where(kind == 4, numbers(field + rng.integers(-26, 27, count)), b)  # every alignment of a sum
    c = np.select(
        [kind % 2 == 0], [lanes.mul(a.view(np.float32), b.view(np.float32)).view(np.uint32) ^ SIGN], b ^ 3 & -kind % 4
    ).astype(np.uint32)
    c = np.where(rng.random(count) < 0.3, numbers(rng.integers(0, 256, count)), c)
    operands = [a, b, c]
    special = np.array(SPECIALS, np.uint32)
    for index, operand in enumerate(operands):
        hit = rng.random(count) < 0.1
        operands[index] = np.where(hit, rng.choice(special, count), operand).astype(np.uint32)
    pairs = np.array(np.meshgrid(special, special, special[::9])).reshape(3, -1).astype(np.uint32)
    return [np.concatenate([pairs[index], operands[index]]) for index in range(3)]


def check(name, operands):
    used = operands[: ARGUMENTS[name]]
    got = getattr(lanes, name)(*(bits.view(np.float32) for bits in used)).view(np.uint32)
    want = np.array(list(map(getattr(Exact, name), *(bits.tolist() for bits in used))), np.uint32)
    wrong = np.flatnonzero(got != want)
    assert not len(wrong), [f"{bits[wrong[0]]:#010x}" for bits in (*used, got, want)]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_bits_are_those_of_exact_integers(name):
    check(name, draw(20_000))


@pytest.mark.long
@pytest.mark.parametrize("name", ARGUMENTS)
def test_bits_of_a_million_are_those_of_exact_integers(name):
    check(name, draw(1_000_000, seed=1))


def test_the_draw_meets_every_kind_of_result():
    a, b, c = draw(20_000)
    for want in (0, SIGN, INFINITY, INFINITY | SIGN, NAN):
        for operation in (Exact.mul, Exact.add):
            assert sum(operation(*pair) == want for pair in zip(a.tolist(), b.tolist(), strict=True)) > 20
        assert sum(Exact.madd(*three) == want for three in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)) > 20


@pytest.mark.parametrize(
    ("name", "arguments", "want"),
    [
        ("mul", (2.0**-63, 2.0**-63), 2.0**-126),
        ("mul", (1 + 2.0**-23, 1 + 2.0**-23), 1 + 2.0**-22),
        ("mul", (1 - 2.0**-24, -(2.0**-126)), -0.0),  # rounded first it would be -2**-126
        ("mul", (2.0**-127, 2.0**100), 0.0),  # a subnormal argument
        ("mul", (-np.inf, 2.0**-127), np.nan),
        ("add", (1.0, 2.0**-24), 1.0),
        ("add", (1 + 2.0**-23, 2.0**-24), 1 + 2.0**-22),
        ("add", (1.5 * 2.0**-126, -(2.0**-126)), 0.0),
        ("add", (2.0**-126, -1.5 * 2.0**-126), -0.0),
        ("add", (3.0, -3.0), 0.0),
        ("add", (-0.0, -0.0), -0.0),
        ("add", (np.inf, -np.inf), np.nan),
        ("madd", (1 + 2.0**-12, 1 + 2.0**-12, -1.0), 2.0**-11),  # rounded once it would be 2**-11 + 2**-24
        ("madd", (-0.0, 5.0, -0.0), -0.0),
        ("maximum", (-0.0, 0.0), 0.0),
        ("minimum", (0.0, -0.0), -0.0),
        ("maximum", (np.nan, np.inf), np.nan),
        ("minimum", (1.0, np.nan), np.nan),
        ("ldexp", (1.5, ROUND + 127), 1.5 * 2.0**127),
        ("ldexp", (-1.5, ROUND + 128), -np.inf),
        ("ldexp", (-1.5, ROUND - 127), -0.0),
        ("ldexp", (1.5, ROUND + 256), 0.0),  # as -256
        ("ldexp", (np.inf, ROUND - 200), np.inf),
        ("bf16", (1 + 2.0**-8,), 1.0),
        ("bf16", (1 + 3 * 2.0**-8,), 1 + 2.0**-6),
        ("bf16", (-3.4e38,), -np.inf),
        ("equal", (0.0, -0.0, 7.0), 7.0),
        ("equal", (2.0**-130, 0.0, 7.0), 7.0),
        ("equal", (1.0, 2.0, 7.0), np.inf),
        ("equal", (np.nan, np.nan, 7.0), np.inf),
    ],
)  # fmt: skip
def test_worked_cases(name, arguments, want):
    got = getattr(lanes, name)(*arguments)
    assert got.dtype == np.float32
    assert got.view(np.uint32) == (NAN if np.isnan(want) else np.float32(want).view(np.uint32))


@pytest.mark.parametrize("integer", [0, 1, -1, 65535, 65536, -65536, 2**31 - 1, -(2**31), 123456789, -987654321])
def test_high_and_low_are_the_halves_of_an_integer(integer):
    bits = np.array([integer], np.int32).view(np.float32)
    assert lanes.high(bits) - ROUND == integer >> 16
    assert lanes.low(bits) - 2.0**23 == integer & 0xFFFF


def test_arguments_broadcast_and_modifiers_change_one_bit():
    a = np.array([[1.0], [np.nan]], np.float32)
    assert lanes.add(a, np.zeros(3)).shape == (2, 3)
    assert lanes.add(-a, 0.0).view(np.uint32).tolist() == [[0xBF800000], [NAN]]
    assert lanes.mul(np.abs(np.float32(-0.0)), 1.0).view(np.uint32) == 0
