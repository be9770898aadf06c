"""The table of code ranges that the signal handlers read, and the map from an address to its owner."""

from __future__ import annotations

from kaleido.jit.native import code_ranges
from kaleido.jit.native.code_ranges import CodeRanges


def test_ranges_are_kept_through_growth_and_reuse() -> None:
    ranges = CodeRanges()
    for number in range(1, 1001):
        ranges.add(number * 100, number * 100 + 50)
    for number in range(1, 1001, 2):
        ranges.remove(number * 100)
    for number in range(2001, 2501):
        ranges.add(number * 100, number * 100 + 50)
    count, *words = ranges._tables[-1]
    pairs = {(begin, end) for begin, end in zip(words[::2], words[1::2], strict=True) if begin}
    expected = [*range(2, 1001, 2), *range(2001, 2501)]
    assert pairs == {(number * 100, number * 100 + 50) for number in expected}
    assert len(words) == 2 * count


def test_a_code_map_finds_the_owner_of_every_address_in_a_range() -> None:
    owners = code_ranges.CodeMap[str]()
    owners.add(300, 400, "b")
    owners.add(100, 200, "a")
    assert [owners.find(address) for address in (99, 100, 199, 200, 299, 300, 399, 400)] == [
        None, "a", "a", None, None, "b", "b", None,
    ]  # fmt: skip
    owners.remove(100)
    assert (owners.find(150), owners.find(350)) == (None, "b")
    owners.clear()
    assert owners.find(350) is None


def test_the_ranges_of_a_code_map_are_in_the_table_of_the_process() -> None:
    owners = code_ranges.CodeMap[str]()
    owners.add(100, 200, "a")
    assert 100 in code_ranges.PROCESS_RANGES._indices
    owners.clear()
    assert 100 not in code_ranges.PROCESS_RANGES._indices
