"""Allocator: ranges never overlap, are aligned, and merge again when they are freed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright_sim.host.allocator import Allocator, OutOfMemoryError

MEMORY = range(0x1000, 0x3000)


@given(st.lists(st.tuples(st.integers(1, 600), st.sampled_from([1, 4, 64, 4096]), st.integers(0, 5)), max_size=40))
def test_ranges_are_aligned_and_never_overlap_and_all_is_given_back(requests):
    allocator = Allocator(MEMORY)
    live: dict[int, int] = {}
    for size, alignment, frees in requests:
        try:
            address = allocator.allocate(size, alignment)
        except OutOfMemoryError:
            assert live
        else:
            assert address % alignment == 0
            assert MEMORY.start <= address <= MEMORY.stop - size
            assert all(address + size <= other or other + live[other] <= address for other in live)
            live[address] = size
        for other in list(live)[:frees] if frees > 3 else []:
            allocator.free(other)
            del live[other]
        assert allocator.free_bytes == len(MEMORY) - sum(live.values())
    for other in live:
        allocator.free(other)
    assert allocator.allocate(len(MEMORY), 1) == MEMORY.start


def test_the_lowest_gap_is_taken():
    allocator = Allocator(MEMORY)
    first, _, third = (allocator.allocate(256, 64) for _ in range(3))
    allocator.free(first)
    assert allocator.allocate(64, 64) == first
    assert allocator.allocate(256, 64) > third


def test_a_full_memory_says_what_is_free():
    allocator = Allocator(MEMORY)
    allocator.allocate(100)
    with pytest.raises(OutOfMemoryError, match=r"no 8,192 bytes in one piece .* of 8,192 bytes .8,092 are free"):
        allocator.allocate(8192)


@pytest.mark.parametrize(("size", "alignment"), [(0, 64), (-1, 64), (8, 0), (8, 3)])
def test_impossible_requests_are_refused(size, alignment):
    with pytest.raises(ValueError, match="cannot allocate"):
        Allocator(MEMORY).allocate(size, alignment)


def test_nothing_is_freed_twice():
    allocator = Allocator(MEMORY)
    address = allocator.allocate(8)
    allocator.free(address)
    with pytest.raises(ValueError, match="nothing is allocated"):
        allocator.free(address)
