"""Rows of elements of many magnitudes, their bits, and their sums."""

import numpy as np

F32 = np.float32


def draw(*shape, seed=0, magnitudes=4.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * np.exp2(rng.uniform(-magnitudes, magnitudes, shape))).astype(F32)


def bits(values):
    return np.asarray(values).view(np.uint32).tolist()


def sum_in_order(row):
    """The sum of a row with one float32 addition after another."""
    partial = [F32(0)] * 64
    for index, value in enumerate(row):
        partial[index % 64] = partial[index % 64] + value
    half = 32
    while half:
        for index in range(half):
            partial[index] = partial[index] + partial[index + half]
        half //= 2
    return partial[0]
