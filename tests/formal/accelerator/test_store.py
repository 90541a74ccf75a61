"""Proofs of the store path, with seeded bugs; see docs/verification.md."""

import pytest
from formal.accelerator.store import narrow, tiles, words
from support.formal.prove import fails, prove
from support.long_cases import late

from tilewright.accelerator.store.drain import StoreDrain
from tilewright.accelerator.store.tile_iterator import TileIterator


@pytest.mark.parametrize("depth", [8, *late((13,))])
def test_each_tile_of_a_job_comes_once_with_its_operands(depth, tmp_path):
    """And with its own address, sizes and bank; operands are asked for once, and behind the fence."""
    proof, free = tiles(narrow())
    prove(proof, tmp_path, free=free, depth=depth, timeout=1800)


@pytest.mark.parametrize(("lanes", "depth"), [(1, 13), *late((1, 18), (2, 16))])
def test_words_have_every_result_once(lanes, depth, tmp_path):
    """Raw and requantized, in order, and the queue never overflows."""
    proof, free = words(narrow(requant_lanes=lanes))
    prove(proof, tmp_path, free=free, depth=depth, timeout=1800)


class StepsRaw(TileIterator):
    """Seeded bug: each tile begins where it would if results were not requantized."""

    def _next_address(self, m, begin, block, address, requant, platform):
        return super()._next_address(m, begin, block, address, requant & 0, platform)


class TakesOneColumn(StoreDrain):
    """Seeded bug: the first columns of a row are given for all."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.sums.group.eq(0)
        return m


@pytest.mark.long
def test_finds_a_tile_at_the_wrong_address(tmp_path):
    proof, free = tiles(narrow(), cls=StepsRaw)
    fails(proof, free, tmp_path, 12, "rules")


@pytest.mark.parametrize("options", [{"drain_cls": TakesOneColumn}, {"shift": 1}], ids=["columns", "place"])
def test_finds_results_in_the_wrong_place(options, tmp_path):
    proof, free = words(narrow(), **options)
    fails(proof, free, tmp_path, 13, "rules")
