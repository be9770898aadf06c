"""What has worked, for `:save`, and what it has changed, for `:undo`.

An entry's changes are taken back together: what one has typed is one thing, be it a line or a whole file. What ran
after it may depend on it, so it is no longer among what has worked either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kaleido.diagnostics import Source
from kaleido.language.nodes import Definition, External
from kaleido.language.printer import constant
from kaleido.session import Change, Result, mentioned

__all__ = ["Journal"]

_MOST = 1_000
"""How many entries can be taken back: earlier versions of definitions are kept that long."""


@dataclass
class _Step:
    """An entry that has changed something. `worked` is what had worked before it."""

    worked: int
    changes: list[Change] = field(default_factory=list)
    forgotten: list[str] | None = None


class Journal:
    """Begins empty. :meth:`begin` is to be called before each entry."""

    def __init__(self) -> None:
        self._worked: list[str] = []
        self._steps: deque[_Step] = deque(maxlen=_MOST)
        self._step = _Step(0)

    def begin(self) -> None:
        """What is added from now on belongs to another entry."""
        self._step = _Step(len(self._worked))

    def add(self, result: Result, source: Source, variables: dict[str, float]) -> None:
        """An item of `source` has worked; `variables` were in scope, if it is an expression."""
        text = source.text[result.item.span.start : result.item.span.end]
        if not isinstance(result.item, Definition | External):
            text = _by_itself(text, variables)
        self._worked.append(text)
        if result.change is not None:
            self._change(result.change)

    def reset(self, change: Change) -> None:
        """Everything was forgotten, which was `change`: an entry like others."""
        self._change(change)
        self._step.forgotten, self._worked = self._worked, []

    def _change(self, change: Change) -> None:
        if not self._step.changes:
            self._steps.append(self._step)
        self._step.changes.append(change)

    def undo(self, undo: Callable[..., Change]) -> Change | None:
        """Call `undo` with the changes of the last entry that changed something, and forget it; None without one.

        What `undo` raises comes through, and the entry stays.
        """
        if not self._steps:
            return None
        step = self._steps[-1]
        undone = undo(*step.changes)
        self._steps.pop()
        if step.forgotten is not None:
            self._worked = step.forgotten
        del self._worked[step.worked :]
        self.begin()
        return undone

    @property
    def program(self) -> str:
        """What has worked, as a program that does the same again."""
        return "".join(f"{text};\n" for text in self._worked)

    def __len__(self) -> int:
        return len(self._worked)


def _by_itself(text: str, variables: dict[str, float]) -> str:
    """An expression in whose place nobody knows the variables of the REPL."""
    bindings = ", ".join(f"{name} = {constant(variables[name])}" for name in mentioned(variables, text))
    return f"var {bindings} in {text}" if bindings else text
