"""What a lane computes of its operands."""

from amaranth.lib import enum

__all__ = ["LaneOp"]


class LaneOp(enum.Enum, shape=4):  # type: ignore[call-arg]  # Amaranth's keyword
    """Operations of a `VectorLane`, of the float32 operands a, b and c; exact to the bit.

    Every NaN that results is 0x7FC00000. Subnormal operands are zeros of their sign, except that the seeds, HIGH and
    LOW take a's bits as they are, and LDEXP and ROUND_UP take c's.

    =============== =================================================================================================
    MADD            ``a * b + c``, rounded twice. A product, or a sum, below 2**-126 is a zero with its sign
    MAX, MIN        The larger (smaller) of a and c; -0 is less than +0; NaN if either is NaN
    LDEXP           ``a * 2**n``, n the lowest 9 bits of c, signed. Zero, infinity and NaN stay; what is below 2**-126
                    is a zero, what is too large infinite, with a's sign
    SEED_RECIPROCAL The bits 0x7EF311C7 - (a's bits 0 to 30), modulo 2**31, below a's sign
    SEED_RSQRT      The bits 0x5F375A86 - (a's bits >> 1), modulo 2**32
    HIGH            12582912 + a's bits 16 to 31, as a signed integer
    LOW             8388608 + a's bits 0 to 15, as an unsigned integer
    BF16            a, rounded to the nearest number of 8 binary digits, ties to even
    ROUND_UP        a's bits + c's, without the bits of c, which are ones from the lowest on: a's magnitude rounded up
    EQUAL           b if a is equal to c, as are zeros of both signs, else +infinity
    =============== =================================================================================================
    """

    MADD = 0
    MAX = 1
    MIN = 2
    LDEXP = 3
    SEED_RECIPROCAL = 4
    SEED_RSQRT = 5
    HIGH = 6
    LOW = 7
    BF16 = 8
    EQUAL = 9
    ROUND_UP = 10
