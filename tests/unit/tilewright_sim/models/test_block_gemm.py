"""Products of block formats: the same in Python's integers, and as near to the real sum as stated."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from unit.tilewright_sim.models.test_blocks import BLOCKS, MORE, draw

from tilewright.formats import E8M0, FORMATS, FP16, INT4, LARGEST_WEIGHT, BlockFormat, guard_bits
from tilewright_sim.models import blocks
from tilewright_sim.models.block_gemm import BlockSums, block_gemm, block_sums, to_float32

ACTIVATIONS = ("int8", "q8_0", "q8_e5m3", "mxint8", "mxfp4", "nvfp4")
PAIRS = [(a, b) for a, b in product(ACTIVATIONS, [*FORMATS.values(), MORE]) if (a, b.name) != ("int8", "int8")]


def random_blocks(form, rows, records, rng):
    """Random codes with valid scales, spread over a range of exponents that differs from case to case."""
    codes = rng.integers(0, 1 << form.element.bits, (rows, records * form.blocks, form.block))
    if rng.random() < 0.3:
        codes[:] = rng.choice(codes.reshape(-1), 2)[rng.integers(0, 2, codes.shape)]
    legal = np.flatnonzero(~blocks.Scales.of(np.arange(1 << form.scale.bits), form.scale).invalid)
    low, high = sorted(rng.integers(0, len(legal), 2))
    scales, minimums = legal[rng.integers(low, high + 1, (2, rows, records * form.blocks))]
    return blocks.unpack(blocks.pack(form, codes, scales, minimums if form.minimum else None), form)


def scalar(a, b, m, n):
    """An element by its definition, with Python's integers: value, exponent, and the real sum."""
    block = min(x.form.block for x in (a, b) if x.form.scale.bits)
    bits = a.form.scale.mantissa_bits + b.form.scale.mantissa_bits
    guard = guard_bits(a.form, b.form)
    value, exponent, real = 0, None, Fraction(0)
    a_row, b_row = (x.integers[row].reshape(-1).tolist() for x, row in ((a, m), (b, n)))
    for first in range(0, len(b_row), block):

        def of(x, scales, row, first=first):
            if not x.form.scale.bits:
                return 1, 0
            return int(scales.mantissa[row, first // x.form.block]), int(scales.exponent[row, first // x.form.block])

        part = a_row[first : first + block]
        a_m, a_e = of(a, a.scale, m)
        b_m, b_e = of(b, b.scale, n)
        terms = [(sum(x * y for x, y in zip(part, b_row[first : first + block], strict=True)) * a_m * b_m, a_e + b_e)]
        if b.minimum is not None:
            m_m, m_e = of(b, b.minimum, n)
            terms.append((sum(part) * a_m * m_m, a_e + m_e))
        largest = max([e + -e % 4 for _, e in terms] + ([] if exponent is None else [exponent]))
        if exponent is not None:
            value >>= largest - exponent
        exponent = largest
        for term, e in terms:
            distance = largest - e + bits - guard
            real += Fraction(term) * Fraction(2) ** (e - bits)
            value += term << -distance if distance <= 0 else (term + (1 << distance - 1)) >> distance
    return value, exponent, real


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=lambda x: getattr(x, "name", x))
def test_the_model_follows_its_definition_and_its_error_has_a_bound(a, b):
    rng = np.random.default_rng([len(a), *a.encode(), *b.name.encode()])
    form = FORMATS[a]
    for _ in range(4):
        records = 2 * int(rng.integers(1, 5))
        right = random_blocks(b, 3, records * (64 // b.record) if b.scale.bits else 64 * records, rng)
        elements = right.integers[0].size
        left = random_blocks(form, 3, elements // form.record, rng)
        sums = block_sums(left, right)
        fraction = form.element.fraction_bits + b.element.fraction_bits
        got = to_float32(sums, fraction)
        for m, n in product(range(3), range(3)):
            value, exponent, real = scalar(left, right, m, n)
            assert (value, exponent) == (sums.value[m, n], sums.exponent[m, n])
            unit = Fraction(2) ** (exponent - sums.guard)
            count = elements // min(x.block for x in (form, b) if x.scale.bits)
            bound = count * (1 + Fraction(1 + b.minimum, 2)) * unit
            assert abs(value * unit - real) <= bound
            exact = value * unit / 2**fraction
            if np.isfinite(got[m, n]):
                assert abs(Fraction(float(got[m, n])) - exact) <= max(abs(exact) / 2**24, Fraction(1, 2**150))
            else:
                assert abs(exact) >= Fraction(2) ** 128 * (1 - Fraction(1, 2**25))


@pytest.mark.parametrize("name", BLOCKS)
def test_the_sum_is_nearer_than_that_of_floats(name):
    form = BLOCKS[name]
    a = blocks.unpack(blocks.quantize(draw(12, 2048, 1), FORMATS["q8_e5m3"]), FORMATS["q8_e5m3"])
    b = blocks.unpack(blocks.quantize(draw(12, 2048, 2), form), form)
    real = a.values() @ b.values().T
    size = np.abs(a.values()) @ np.abs(b.values()).T
    steps = np.zeros(real.shape, np.float32)
    for k in range(2048):  # one after the other, as a float accumulator adds
        steps += (a.values()[:, k, None] * b.values()[None, :, k]).astype(np.float32)
    assert np.max(np.abs(block_gemm(a, b) - real) / size) < np.max(np.abs(steps - real) / size)


@pytest.mark.parametrize(("a", "b", "guard"), [("q8_0", "q8_0", 17), ("q8_e5m3", "q4_1", 17), ("mxint8", "mxint8", 19),
                                               ("int8", "mxfp4", 19)])  # fmt: skip
def test_the_largest_sums_there_can_be_just_fit_an_accumulator(a, b, guard):
    """16,383 elements of the largest magnitude at the largest scales; smaller weights leave room."""
    assert guard_bits(FORMATS[a], FORMATS[b]) == guard
    ends = []
    for form in (FORMATS[a], FORMATS[b]):
        code = np.argmax(np.abs(form.element.values))
        codes = np.full((1, 16384 // form.record * form.blocks, form.block), code)
        codes[0, -1, -1] = 0
        last = (1 << form.scale.bits - form.scale.signed) - form.scale.invalid - 1
        scales = np.full(codes.shape[:2], last)
        ends.append(blocks.unpack(blocks.pack(form, codes, scales, scales if form.minimum else None), form))
    sums = block_sums(*ends)
    exponents = sum(int(end.scale.exponent[0, 0]) for end in ends)
    value = abs(int(sums.value[0, 0])) << int(sums.exponent[0, 0]) - exponents
    weight = max(np.abs(ends[1].form.element.values)) + ends[1].form.minimum
    assert 2**45 < value * (LARGEST_WEIGHT // weight) <= 2**47
    assert value < 2**47


def test_a_scale_that_is_no_number_makes_its_row_or_column_nan():
    form = FORMATS["q4_1"]
    codes, scales = np.ones((3, 2, 32), np.int64), np.full((3, 2), 0x3C00)
    bad = scales.copy()
    bad[1, 1] = 0x7C00  # infinity
    a = blocks.unpack(blocks.pack(FORMATS["q8_0"], codes, bad), FORMATS["q8_0"])
    for scale, minimum in ((scales, bad), (bad, scales)):
        got = block_gemm(a, blocks.unpack(blocks.pack(form, codes, scale, minimum), form))
        nan = np.zeros((3, 3), bool)
        nan[1], nan[:, 1] = True, True
        assert np.array_equal(np.isnan(got), nan)


def test_results_are_rounded_once():
    rng = np.random.default_rng(3)
    sums = BlockSums(1, 200_000, 13)
    shape = sums.value.shape
    sums.value = rng.integers(-(1 << 47), 1 << 47, shape) >> rng.integers(0, 47, shape)
    sums.value[0, ::7] = (sums.value[0, ::7] >> 30 << 30) + (1 << 29)  # ties
    sums.exponent = rng.integers(-200, 150, shape)
    wanted = np.ldexp(sums.value.astype(np.longdouble), sums.exponent - sums.guard)  # holds 64 bits: rounded once too
    with np.errstate(over="ignore"):
        assert np.array_equal(to_float32(sums, 0), wanted.astype(np.float32))
    assert np.isinf(to_float32(sums, 0)).any()
    assert (np.abs(to_float32(sums, 0)) < 2.0**-126).any()


def test_activations_with_a_minimum_are_refused():
    form = FORMATS["q4_1"]
    x = blocks.unpack(blocks.quantize(draw(2, 32), form), form)
    with pytest.raises(ValueError, match="q4_1: activations have no minimum"):
        block_gemm(x, x)


def test_a_row_of_the_table_is_all_that_a_format_needs():
    form = BlockFormat("int4_e8m0", INT4, E8M0, block=16, record=16)
    a, b = (blocks.unpack(blocks.quantize(draw(9, 160, seed), form), form) for seed in (4, 5))
    errors = np.abs(block_gemm(a, b) - a.values() @ b.values().T)
    assert np.all(errors <= 1e-6 * (np.abs(a.values()) @ np.abs(b.values()).T))
    signed = BlockFormat("int4_fp16", INT4, FP16, halves=True)
    x = draw(9, 64)
    assert np.corrcoef(blocks.unpack(blocks.quantize(x, signed), signed).values().ravel(), x.ravel())[0, 1] > 0.98


@pytest.mark.parametrize(("a", "b"), [("int8", "q4_1"), ("q8_0", "int8")])
def test_rows_without_scales_may_end_within_a_block(a, b):
    rng = np.random.default_rng(4)
    left, right = (random_blocks(FORMATS[name], 3, 70 if name == "int8" else 3, rng) for name in (a, b))
    found = block_gemm(left, right)

    def filled(x):
        rows = x.integers.reshape(3, -1)
        return blocks.Blocks(x.form, np.pad(rows, ((0, 0), (0, 96 - rows.shape[1])))[..., None], x.scale, x.minimum)

    wanted = block_gemm(*(filled(x) if x.form.name == "int8" else x for x in (left, right)))
    assert np.array_equal(found.view(np.uint32), wanted.view(np.uint32))
