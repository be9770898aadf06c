"""What is being called where the cursor is."""

from __future__ import annotations

from dataclasses import dataclass

from kaleido.language.highlighting import patterns

__all__ = ["Calling", "calling"]


@dataclass
class Calling:
    """A call that is being written: of what, and at which argument (from 0) the cursor is."""

    name: str
    argument: int = 0


def calling(text: str) -> Calling | None:
    """The innermost call whose parentheses are open at the end of `text`; None where there is none."""
    known = patterns()
    # A name, or what had it: its terminal and its text, and the terminal before it.
    last, before_last = ("", ""), ""
    opened: list[Calling | None] = []
    for match in known.pattern.finditer(text):
        terminal = match.lastgroup or ""
        if terminal in known.ignored:
            continue
        word = match[0]
        terminal = known.keywords.get(word, terminal) if terminal == "NAME" else terminal
        if word == "(":
            is_call = last[0] == "NAME" and before_last not in ("DEF", "EXTERN")
            opened.append(Calling(last[1]) if is_call else None)
        elif word == ")" and opened:
            opened.pop()
        elif word == "," and opened and (inner := opened[-1]) is not None:
            inner.argument += 1
        last, before_last = (terminal, word), last[0]
    return next((each for each in reversed(opened) if each is not None), None)
