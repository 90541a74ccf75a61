"""Proofs that the tile multiplies, with seeded bugs; see docs/verification.md."""

import pytest
from formal.tile.proofs import dot_products
from support.formal.prove import ABC, fails, prove

from tilewright.tile import TileConfig, tile
from tilewright.tile.feeder import TileFeeder

BY_DEFAULT = TileConfig(rows=2, cols=2, dot=1, activation_bits=2, weight_bits=2)


def shape(rows, cols, dot, bits=2, kind="infer"):
    return TileConfig(rows=rows, cols=cols, dot=dot, activation_bits=bits, weight_bits=bits, multiplier=kind)


@pytest.mark.parametrize(
    ("config", "depth"),
    [
        (BY_DEFAULT, 10),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in [
                (BY_DEFAULT, 16),
                (shape(2, 2, 2, 3), 12),
                (shape(4, 1, 2), 12),
                (shape(1, 3, 1, 3, "dsp"), 14),
                (shape(2, 2, 1, 2, "lut"), 12),
            ]
        ),
    ],
    ids=str,
)
def test_results_are_dot_products(config, depth, tmp_path):
    """Of any words, in packets and tiles of any length, with any pauses."""
    proof, free = dot_products(config)
    prove(proof, tmp_path, free=free, depth=depth, timeout=1800)


class Swaps(TileFeeder):
    """Seeded bug: the weights change with every word, not with every packet."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.swap.eq(self.i.valid & self.i.ready)
        return m


def test_finds_weights_that_come_with_the_wrong_word(tmp_path, monkeypatch):
    monkeypatch.setattr(tile, "TileFeeder", Swaps)
    proof, free = dot_products(BY_DEFAULT)
    fails(proof, free, tmp_path, 12, "rules", engine=ABC)
