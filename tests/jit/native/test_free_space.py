"""The unused parts of a range of addresses, compared with a set of the free addresses."""

from __future__ import annotations

from random import Random

import pytest

from kaleido.jit.native.free_space import FreeSpace


def test_a_freed_span_merges_with_both_neighbors() -> None:
    space = FreeSpace(0, 100)
    assert [space.take(10) for _ in range(4)] == [0, 10, 20, 30]
    space.give(0, 10)
    space.give(20, 30)
    assert space.spans == [(0, 10), (20, 30), (40, 100)]
    space.give(10, 20)
    assert space.spans == [(0, 30), (40, 100)]
    space.give(30, 40)
    assert space.spans == [(0, 100)]


def test_the_smallest_span_that_is_large_enough_is_used() -> None:
    space = FreeSpace(0, 100)
    assert [space.take(20), space.take(1), space.take(10), space.take(1)] == [0, 20, 21, 31]
    space.give(0, 20)
    space.give(21, 31)
    assert space.take(8) == 21
    assert space.take(20) == 0
    assert space.take(69) is None


@pytest.mark.parametrize("seed", range(20))
def test_against_a_set_of_addresses(seed: int) -> None:
    random = Random(seed)
    space, free, taken = FreeSpace(0, 500), set(range(500)), []
    for _ in range(400):
        size = random.randint(1, 40)
        begin = space.take(size)
        if begin is not None:
            assert free >= set(range(begin, begin + size))
            free -= set(range(begin, begin + size))
            taken.append((begin, begin + size))
        else:
            assert not any(free >= set(range(at, at + size)) for at in range(500))
        if taken and random.random() < 0.5:
            span = taken.pop(random.randrange(len(taken)))
            space.give(*span)
            free |= set(range(*span))
        assert {address for span in space.spans for address in range(*span)} == free
    for span in taken:
        space.give(*span)
    assert space.spans == [(0, 500)]
