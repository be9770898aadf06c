"""Phrases that messages share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEFECT_NOTICE", "counted", "suggestion"]

DEFECT_NOTICE = "this is a defect of Kaleido, not of your program; please report it"


def counted(number: int, noun: str) -> str:
    """``1 parameter``, ``2 parameters``"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def suggestion(name: str, candidates: Iterable[str], *, alike: float = 0.6) -> str:
    """A hint with the candidate that `name` may be a slip of, or nothing; 1.0 is alike in every letter."""
    from difflib import get_close_matches

    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=alike)
    return f"did you mean `{folded[close[0]]}`?" if close else ""
