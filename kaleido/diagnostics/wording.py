"""Phrases that several messages share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEFECT_NOTICE", "counted", "suggestion"]

DEFECT_NOTICE = "this is a defect of Kaleido, not of your program; please report it"


def counted(number: int, noun: str) -> str:
    """``1 parameter``, ``2 parameters``"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def suggestion(name: str, candidates: Iterable[str], *, similarity: float = 0.6) -> str:
    """A hint with the candidate that `name` may be a misspelling of, ignoring case, or an empty string.

    `similarity` is the least ratio that difflib must find, from 0.0 to 1.0 (equal). That alone would find `cosh` for
    `nosuch`: so one must be the beginning of the other, or at most a third of the characters differ.
    """
    from difflib import get_close_matches

    folded = {candidate.casefold(): candidate for candidate in candidates}
    typed = name.casefold()
    close = get_close_matches(typed, folded, n=5, cutoff=similarity)
    found = next((folded[each] for each in close if _is_misspelling(typed, each)), None)
    return f"did you mean `{found}`?" if found is not None else ""


def _is_misspelling(typed: str, meant: str) -> bool:
    if typed.startswith(meant) or meant.startswith(typed):
        return True
    return _edits(typed, meant) <= max(1, max(len(typed), len(meant)) // 3)


def _edits(first: str, second: str) -> int:
    """The edits from one text to another: characters inserted, deleted, replaced, or exchanged with the next.

    The optimal string alignment distance, by dynamic programming over prefixes.
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, character in enumerate(first, 1):
        above = row
        row = [i]
        for j, other in enumerate(second, 1):
            edits = min(above[j] + 1, row[-1] + 1, above[j - 1] + (character != other))
            if i > 1 and j > 1 and character == second[j - 2] and first[i - 2] == other:
                edits = min(edits, before[j - 2] + 1)
            row.append(edits)
        before = above
    return row[-1]
