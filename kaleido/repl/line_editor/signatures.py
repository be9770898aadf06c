"""The call that the cursor is in, for the toolbar."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OpenCall", "open_call"]


@dataclass
class OpenCall:
    """A call that is being typed: the name of the function, and the argument (from 0) that the cursor is in."""

    name: str
    argument: int = 0


def open_call(text: str) -> OpenCall | None:
    """The innermost call whose parenthesis is still open at the end of `text`, or None."""
    if "(" not in text:
        return None
    # Here, as for the lexer of the input: the first prompt is drawn without it.
    from kaleido.language.highlighting import patterns

    known = patterns()
    # The last token (its terminal and its text), and the terminal of the one before it.
    last, before_last = ("", ""), ""
    opened: list[OpenCall | None] = []
    for match in known.pattern.finditer(text):
        terminal = match.lastgroup or ""
        if terminal in known.ignored:
            continue
        word = match[0]
        terminal = known.keywords.get(word, terminal) if terminal == "NAME" else terminal
        if word == "(":
            is_call = last[0] == "NAME" and before_last not in ("DEF", "EXTERN")
            opened.append(OpenCall(last[1]) if is_call else None)
        elif word == ")" and opened:
            opened.pop()
        elif word == "," and opened and (inner := opened[-1]) is not None:
            inner.argument += 1
        last, before_last = (terminal, word), last[0]
    return next((each for each in reversed(opened) if each is not None), None)
