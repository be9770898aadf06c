"""An LALR(1) parser that is fed one token at a time, and can be asked what it accepts next.

The tables are those that Lark makes of the grammar. Lark itself is not needed to run them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kaleido.language.lexer import Token
from kaleido.language.parse_tables import ACTIONS, FINAL, GOTOS, RULES

__all__ = ["END", "ShiftReduceParser", "UnexpectedToken"]

END = "$END"
"""The terminal after a whole text."""

# Where a state has no action for a terminal: no rule has this number.
_ERROR = ~len(RULES)

# The rules whose arguments are their symbols as they are, without them.
_RULES = [
    (symbol, size, method, None if wanted == tuple(range(size)) else wanted) for symbol, size, method, wanted in RULES
]


class UnexpectedToken(Exception):
    """The parser cannot accept `token`. In its state there is an action for each of the `expected` terminals."""

    def __init__(self, token: Token, expected: Collection[str]) -> None:
        super().__init__(token, expected)
        self.token, self.expected = token, expected


class ShiftReduceParser:
    """The state of a parse.

    `builder`  has a method for each rule of the grammar, which takes the list of the rule's symbols: tokens, and values
               of such methods
    `values`   the value stack: tokens and values that no rule has been reduced to yet
    """

    def __init__(self, builder: object) -> None:
        self._builder = builder
        self._states = [0]
        self.values: list[Any] = []

    @property
    def actions(self) -> Mapping[str, int]:
        """The row of the parse table: the terminals for which there is an action. It may lead to an error later."""
        return ACTIONS[self._states[-1]]

    def feed(self, token: Token) -> None:
        """Shift a token, after the reductions that it calls for. Raises UnexpectedToken, possibly after reductions."""
        states, terminal = self._states, token.type
        while (action := ACTIONS[states[-1]].get(terminal, _ERROR)) < 0:
            if action == _ERROR:
                raise UnexpectedToken(token, self.actions.keys())
            self._reduce(~action)
        states.append(action)
        self.values.append(token)

    def finish(self) -> Any:
        """End the text; returns the value of the start symbol. Raises UnexpectedToken, of type END."""
        while self._states[-1] != FINAL:
            action = self.actions.get(END)
            if action is None:
                raise UnexpectedToken(Token(END, ""), self.actions.keys())
            self._reduce(~action)
        return self.values[-1]

    def accepts(self, terminal: str) -> bool:
        """Whether a token of this type can come next. Unlike :meth:`feed`, this calls no method of the builder."""
        states = [*self._states]
        while states[-1] != FINAL:
            action = ACTIONS[states[-1]].get(terminal)
            if action is None:
                return False
            if action >= 0:
                return True
            symbol, size, _, _ = RULES[~action]
            del states[len(states) - size :]
            states.append(GOTOS[states[-1]][symbol])
        return True

    def _reduce(self, rule: int) -> None:
        symbol, size, method, wanted = _RULES[rule]
        states, values = self._states, self.values
        first = len(values) - size
        arguments = values[first:]
        if wanted is not None:
            arguments = _arguments(wanted, arguments)
        values[first:] = (getattr(self._builder, method)(arguments) if method else arguments,)
        states[first + 1 :] = (GOTOS[states[first]][symbol],)


def _arguments(wanted: Sequence[int | None], symbols: Sequence[Any]) -> list[Any]:
    arguments: list[Any] = []
    for index in wanted:
        if index is None:
            arguments.append(None)
        elif index >= 0:
            arguments.append(symbols[index])
        elif arguments:
            arguments += symbols[~index]
        else:
            # The list of a left-recursive rule grows in place: copies would take quadratic time.
            arguments = symbols[~index]
    return arguments
