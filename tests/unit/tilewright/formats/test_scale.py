"""Scale formats: the parts of each code in hardware, against other libraries."""

import ml_dtypes
import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from tilewright.formats import E4M3, E8M0, FP16, ONE, UE5M3

TYPES = {"fp16": np.float16, "E8M0": ml_dtypes.float8_e8m0fnu, "E4M3": ml_dtypes.float8_e4m3fn}
EVERY = [FP16, E8M0, E4M3, UE5M3, ONE]


def reals(scale):
    """The value of each code; NaN where it is not a finite number."""
    codes = np.arange(1 << scale.bits)
    if scale is ONE:
        return np.ones(1)
    if scale is UE5M3:  # the magnitudes of a sign, 5 and 3 bits: the first bits of binary16
        found = (codes << 7).astype(np.uint16).view(np.float16).astype(float)
        found[248:255] = np.ldexp(1 + np.arange(7) / 8, 16)  # binary16 has no numbers there
        found[255] = np.nan
        return found
    found = codes.astype(np.uint16 if scale is FP16 else np.uint8).view(TYPES[scale.name]).astype(float)
    return np.where(np.isfinite(found), found, np.nan)


@pytest.mark.parametrize("scale", EVERY, ids=lambda scale: scale.name)
def test_hardware_finds_the_parts_of_every_code(scale):
    code = Signal(scale.bits)
    parts = scale.unpack(code)
    mantissa, exponent = Signal(scale.mantissa_shape), Signal(scale.exponent_shape)
    m = Module()
    m.d.comb += [mantissa.eq(parts.mantissa), exponent.eq(parts.exponent)]
    simulator = Simulator(m)
    every = range(0, 1 << scale.bits, 37 if scale is FP16 else 1)
    chosen = sorted({*every, *(place | sign for place in (0, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x7FFF) for sign in
                               (0, 0x8000))}) if scale is FP16 else every  # fmt: skip
    values = reals(scale)
    met = set()

    async def compare(ctx):
        for number in chosen:
            ctx.set(code, number)
            assert bool(ctx.get(parts.invalid)) == np.isnan(values[number]), number
            if not np.isnan(values[number]):
                met.add(ctx.get(exponent))
                found = ctx.get(mantissa) * 2.0 ** (ctx.get(exponent) - scale.mantissa_bits)
                assert found == values[number], number

    simulator.add_testbench(compare)
    simulator.run()
    assert (min(met), max(met) + 1) == (scale.exponents.start, scale.exponents.stop)
