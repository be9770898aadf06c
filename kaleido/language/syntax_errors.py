"""What to say where the parser cannot go on: from its own table of what could come, and what it has read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from lark import Token, UnexpectedToken

from kaleido.diagnostics import Label, Problems, Span
from kaleido.language.builder import span_of
from kaleido.language.hints import FORMS, KEYWORDS, character_hint, keyword_hint, operator_hint, word_hint
from kaleido.language.operators import OperatorTable

__all__ = ["explain", "is_superfluous", "opening"]


def explain(
    problems: Problems,
    error: UnexpectedToken,
    stack: Sequence[Any],
    tokens: Collection[Token],
    operators: OperatorTable,
) -> None:
    """Report what is wrong with a token, or with the end of the text.

    `stack` is what the parser has read and not yet put together; `tokens` what it has read last, that token included.
    """
    token: Any = error.token
    stuck = _Stuck(problems, token, frozenset(error.expected), stack, list(tokens), operators)
    if token.type == "$END":
        stuck.report_end()
    elif token.type == "STRAY":
        stuck.report_character()
    elif token.type == "OPERATOR" and stuck.is_unknown_operator:
        stuck.report_operator()
    else:
        stuck.report_token()


def is_superfluous(error: UnexpectedToken, stack: Sequence[Any]) -> bool:
    """Whether reading can go on behind the token, as if it were not there."""
    token: Any = error.token
    return _is_between_parameters(token, error.expected) or (_is_after_prototype(stack) and token in ("=", ":"))


def _is_between_parameters(token: Token, expected: Collection[str]) -> bool:
    return token.type == "COMMA" and {name for name in expected if name.isupper()} == {"NAME", "RPAR"}


def _is_after_prototype(stack: Sequence[Any]) -> bool:
    """Whether a `def` has all its parameters. The prototype is put together only when what follows it is known."""
    opener = opening(stack)
    place = next((index for index, value in enumerate(stack) if value is opener), 0)
    return stack != [] and getattr(stack[-1], "type", "") == "RPAR" and getattr(stack[place - 2], "type", "") == "DEF"


def opening(stack: Sequence[Any]) -> Token | None:
    """What began the innermost construct that is not complete."""
    waiting = (each for each in reversed(stack) if isinstance(each, Token) and each.type in _OPENERS)
    return next(waiting, None)


# What a terminal is called in a message. Beginnings of expressions are summed up as one.
_EXPRESSION_START = {"NUMBER", "PREFIX", "IF", "FOR", "VAR"}
_TERMINALS = {
    "NAME": "a name", "NUMBER": "a number", "OPERATOR": "an operator", "INFIX": "an operator", "_EQUALS": "`=`",
    "LPAR": "`(`", "RPAR": "`)`", "COMMA": "`,`", "SEMICOLON": "`;`", "BINARY": "`binary`", "UNARY": "`unary`",
    "THEN": "`then`", "ELSE": "`else`", "IN": "`in`", "DEF": "`def`", "EXTERN": "`extern`", "$END": "the end",
}  # fmt: skip

_PARAMETER_HINTS = {
    ",": "parameters are separated by blanks, as in `def f(x y)`",
    ":": "parameters have no types: every value is a number",
    "=": "parameters have no default values",
}

_SEQUENCE = "`;` separates what stands at top level; `a : b` does a, then b, and gives b"

# What a keyword goes on with.
_BELONGS = {"THEN": "`if`", "ELSE": "`if`", "IN": "`for` or `var`"}

_KINDS = {"INFIX": "an infix", "PREFIX": "a prefix"}

# What a construct begins with, and what it goes on with.
_OPENERS = {
    "LPAR": {"RPAR"},
    "IF": {"THEN", "ELSE"},
    "FOR": {"NAME", "_EQUALS", "COMMA", "IN"},
    "VAR": {"NAME", "_EQUALS", "COMMA", "IN"},
    "DEF": {"NAME", "LPAR"},
    "EXTERN": {"NAME", "LPAR"},
}


@dataclass(frozen=True)
class _Stuck:
    """A parser that cannot take `token`."""

    problems: Problems
    token: Token
    expected: frozenset[str]
    stack: Sequence[Any]
    tokens: Sequence[Token]
    operators: OperatorTable

    # What there is to report

    def report_end(self) -> None:
        end = self.tokens[-1].end_pos if self.tokens else 0
        assert end is not None
        self._report("unexpected end of input", Span(end, end), f"expected {self._expectation()}")

    def report_character(self) -> None:
        character = self.token[0]
        shown = f"`{character}`" if character.isprintable() and character != "`" else f"U+{ord(character):04X}"
        start = self._span.start
        hint = character_hint(character)
        self.problems.report(f"unexpected character {shown}", Span(start, start + 1), "", hint)

    @property
    def is_unknown_operator(self) -> bool:
        """Whether an operator could stand here, but not this one. One that needs a left operand is not unknown."""
        return bool(self.expected & {"INFIX", "PREFIX"}) and self.token not in self.operators.infix

    def report_operator(self) -> None:
        begins = self.operators.longest_infix(self.token) is not None
        kind = "INFIX" if begins or "INFIX" in self.expected else "PREFIX"
        label = "not defined" if begins else f"not defined as {_KINDS[kind]} operator"
        defined = self.operators.infix if kind == "INFIX" else self.operators.prefix
        hint = operator_hint(self.token, defined) or FORMS[kind].replace("@", self.token)
        self.problems.report(f"unknown operator `{self.token}`", self._span, label, hint)

    def report_token(self) -> None:
        if self.token.type == "RPAR" and all(getattr(each, "type", "") != "LPAR" for each in self.stack):
            self.problems.report("unexpected `)`", self._span, "there is no `(` that it could close")
            return
        self._report(f"unexpected `{self.token}`", self._span, f"expected {self._expectation()}")

    def _report(self, title: str, span: Span, label: str) -> None:
        wrong = self._wrong_word()
        if wrong is None:
            self.problems.report(title, span, label, self._hint(), *self._opener_labels())
            return
        word, hint = wrong
        others = [] if word is self.token else [self.problems.label(span_of(word), "not a keyword")]
        self.problems.report(title, span, label, hint, *others)

    # What to say

    @property
    def _span(self) -> Span:
        return span_of(self.token)

    @property
    def _opener(self) -> Token | None:
        return opening(self.stack)

    @property
    def _wants_expression(self) -> bool:
        return self.expected >= _EXPRESSION_START

    def _opener_labels(self) -> list[Label]:
        opener = self._opener
        if opener is None or opener.type in ("DEF", "EXTERN") or not self._goes_on:
            return []
        if self._is_parameter and self.token in _PARAMETER_HINTS:
            return []
        what = "is not closed" if opener.type == "LPAR" else "is not complete"
        return [self.problems.label(span_of(opener), f"this `{opener}` {what}")]

    @property
    def _goes_on(self) -> bool:
        """Whether what is missing is the next part of the innermost construct."""
        opener = self._opener
        return opener is not None and not self._wants_expression and bool(_OPENERS[opener.type] & self.expected)

    @property
    def _is_parameter(self) -> bool:
        return self.expected == {"NAME", "RPAR"}

    def _hint(self) -> str:
        token = self.token
        if token in ("=", ":") and _is_after_prototype(self.stack):
            return f"a body follows its parameters without `{token}`, as in `def f(x) x + 1`"
        if self._is_parameter:
            return _PARAMETER_HINTS.get(token, "")
        if "OPERATOR" in self.expected:
            return "an operator is made of punctuation, as in `def binary@ 30 (x y) body`"
        if self.expected == {"NAME", "BINARY", "UNARY"} and token.type == "OPERATOR":
            return f"`def binary{token} 30 (x y) body` defines an operator"
        if token in KEYWORDS and "NAME" in self.expected and not self._wants_expression:
            return f"`{token}` is a keyword"
        return self._form_hint() if self._goes_on else self._misplaced_hint()

    def _form_hint(self) -> str:
        """How the construct is written that does not go on."""
        assert self._opener is not None
        if self._opener.type != "LPAR":
            return FORMS["INFIX" if "NUMBER" in self.expected else self._opener.type]
        if self.token.type == "SEMICOLON":
            return _SEQUENCE
        is_argument = self.token.type in {"NAME", "NUMBER", "LPAR"} and "COMMA" in self.expected
        return "arguments are separated by `,`" if is_argument and len(self._line) > 1 else ""

    def _misplaced_hint(self) -> str:
        """What the token is there for, if not for this."""
        match self.token.type:
            case "DEF" | "EXTERN":
                return "what stands before it is not complete"
            case "SEMICOLON":
                return _SEQUENCE
            case "OPERATOR" | "INFIX":
                return f"`{self.token}` has an operand before it"
            case "THEN" | "ELSE" | "IN" if "$END" in self.expected:
                return f"there is no {_BELONGS[self.token.type]} that this `{self.token}` could belong to"
            case "COMMA" if "$END" in self.expected:
                return "`,` separates arguments; it is no part of a number"
        return ""

    @property
    def _line(self) -> list[Token]:
        """The tokens of this line, up to this one."""
        return [token for token in self.tokens if token.line == self.tokens[-1].line]

    def _wrong_word(self) -> tuple[Token, str] | None:
        """A name that may be meant for a keyword, and a hint: this one, or one on this line before an operand."""
        if self.token.type == "NAME":
            wanted = [keyword for keyword in KEYWORDS if keyword.upper() in self.expected]
            hint = keyword_hint(self.token, wanted) or word_hint(self.token)
            if hint:
                return self.token, hint
        line = self._line
        for before, word, after in zip([None, *line], line, line[1:], strict=False):
            # Between parentheses a name beside a name may be a parameter.
            if word.type == "NAME" and (before is None or before.type not in ("NAME", "LPAR")):
                hint = self._word_hint(word, after)
                if hint:
                    return word, hint
        return None

    def _word_hint(self, word: Token, after: Token) -> str:
        if after.type in ("NAME", "NUMBER"):
            return keyword_hint(word) or ("" if self._goes_on else word_hint(word))
        return keyword_hint(word, ("binary", "unary")) if after.type == "OPERATOR" else ""

    def _expectation(self) -> str:
        names, expected = [], set(self.expected)
        if "$END" in expected:
            return "an expression or a definition"
        if self._is_parameter:
            return "a parameter or `)`"
        if self._wants_expression:
            names.append("an expression")
            expected -= _EXPRESSION_START | {"NAME", "LPAR"}
        names += sorted({_TERMINALS[name] for name in expected if name in _TERMINALS})
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
