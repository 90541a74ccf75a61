"""The constants of the vector engine's sequences: exp, reciprocal, rsqrt, sigmoid and GELU.

Every float is exactly a float32. The comments give the source of each; "fitted" is a minimax fit in float64 over the
range of the argument that is left, then rounded to float32. docs/architecture/vector.md has the sequences and their
measured errors.
"""

ROUND = 12582912.0
"""1.5 * 2**23. Added to a float of magnitude below 2**22 it rounds to an integer, which is then in the low bits."""

LOW_HALF = 8388608.0
"""2**23: what `low` adds to the lower 16 bits of an int32. `high` adds `ROUND` to the upper ones."""

HIGH_HALF_WEIGHT = 65536.0
"""The weight of an int32's upper 16 bits."""

# Seeds: integers that the bits of a float are subtracted from. Good to 5.1 % and 3.5 %.
RECIPROCAL_SEED = 0x7EF311C7
RSQRT_SEED = 0x5F375A86

# exp(x) = 2**n * exp(r), n = round(x / ln 2), |r| <= 0.3467. Below the lowest, 2**n takes the result to zero; above the
# highest, to infinity; both keep n within the 9 bits of `ldexp`.
EXP_LOWEST = -104.0
EXP_HIGHEST = 89.0
LOG2_E = 1.4426950216293335
# ln 2 in two parts: the upper has 16 bits, so that its product with n (8 bits) is exact.
LN2_HIGH = 0.693145751953125
LN2_LOW = 1.428606765330187e-06
# Of r**6 to r**0, in the order of use. Fitted for least relative error, the last one held: 1.8e-8.
EXP_TERMS = (
    0.0013843607157468796,
    0.008374195545911789,
    0.04166800528764725,
    0.16666430234909058,
    0.4999999403953552,
    1.0,
    1.0,
)

# With s = a * seed in [0.9494, 1.0506], s * ((CENTER - s)**2 + OFFSET) is 1 + [2.4e-6, 6.95e-5]. Fitted with 1 + 3.6e-5
# in place of 1: the product of the next step is then never below 1, where its difference from 2 would be rounded again.
RECIPROCAL_CENTER = 1.501000165939331
RECIPROCAL_OFFSET = 0.7490360736846924
TWO = 2.0

# With e = 1 - a * seed**2 in [-0.0692, 0.0676], 1 + e * (LINEAR + QUADRATIC * e) is 1 / sqrt(1 - e) to 2.55e-5. Fitted.
RSQRT_LINEAR = 0.5010944604873657
RSQRT_QUADRATIC = 0.3755475580692291
HALF = 0.5

# exp of more would leave the domain of the reciprocal that is good; exp(87.5) has the reciprocal +0.
SIGMOID_HIGHEST = 87.5

# gelu(x) = x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3)).
GELU_LINEAR = 1.5957691669464111
GELU_CUBIC = 0.07135481387376785

# Scales of records: the bits that a scale's mantissa does not have, as the float of these bits; the distance between
# subnormal scales and a little less than half of it; 1.5 * 2**23 times that distance; the least normal and the largest.
# By the number of a scale's mantissa bits: fp16 and UE5M3 have 5 bits of exponent.
FP16_BITS = (2**13 - 1) * 2.0**-149
FP16_STEP = 2.0**-24
FP16_LARGEST = 65504.0
UE5M3_BITS = (2**20 - 1) * 2.0**-149
UE5M3_STEP = 2.0**-17
UE5M3_LARGEST = 114688.0
BELOW_HALF = 0.4999995231628418
LEAST_NORMAL = 2.0**-14

# int8 codes with one scale a row. The least magnitude keeps 127 / magnitude finite.
CODE_HIGHEST = 127.0
CODE_STEP = 0.007874015718698502
CODE_LEAST_MAGNITUDE = 2.0**-119
