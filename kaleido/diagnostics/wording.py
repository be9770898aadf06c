"""Phrases that several messages share."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEFECT_NOTICE", "counted", "suggestion"]

DEFECT_NOTICE = "this is a defect of Kaleido, not of your program; please report it"


def counted(number: int, noun: str) -> str:
    """``1 parameter``, ``2 parameters``"""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def suggestion(name: str, candidates: Iterable[str], *, similarity: float = 0.6) -> str:
    """A hint with the candidate that is most similar to `name`, ignoring case, or an empty string.

    `similarity` is the least ratio that difflib must find, from 0.0 to 1.0 (equal).
    """
    from difflib import get_close_matches

    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=similarity)
    return f"did you mean `{folded[close[0]]}`?" if close else ""
