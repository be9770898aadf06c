"""Messages for a token that the parser cannot accept.

A message is derived from the terminals that the parse table allows at that point, from the parser's value stack, and
from the last tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from kaleido.diagnostics import Label, Problems, Span
from kaleido.language.builder import span_of
from kaleido.language.hints import FORMS, KEYWORDS, character_hint, keyword_hint, operator_hint, word_hint
from kaleido.language.lalr import END, UnexpectedToken
from kaleido.language.lexer import Token
from kaleido.language.operators import OperatorTable

__all__ = ["innermost_opener", "is_superfluous", "report_unexpected"]


def report_unexpected(
    problems: Problems,
    error: UnexpectedToken,
    stack: Sequence[Any],
    tokens: Collection[Token],
    operators: OperatorTable,
) -> None:
    """Report an unexpected token, or the unexpected end of the text.

    `stack` is the parser's value stack; `tokens` are the last tokens, including the unexpected one.
    """
    token = error.token
    failure = _Failure(problems, token, frozenset(error.expected), stack, list(tokens), operators)
    if token.type == END:
        failure.report_end()
    elif token.type == "STRAY":
        failure.report_character()
    elif token.type == "OPERATOR" and failure.is_unknown_operator:
        failure.report_operator()
    else:
        failure.report_token()


def is_superfluous(error: UnexpectedToken, stack: Sequence[Any]) -> bool:
    """Whether parsing can continue as if the unexpected token were absent."""
    token = error.token
    return _is_between_parameters(token, error.expected) or (_is_after_prototype(stack) and token in ("=", ":"))


def _is_between_parameters(token: Token, expected: Collection[str]) -> bool:
    return token.type == "COMMA" and set(expected) == {"NAME", "RPAR"}


def _is_after_prototype(stack: Sequence[Any]) -> bool:
    """Whether the parameters of a `def` end here. The rule `prototype` is reduced only at the token after them."""
    opener = innermost_opener(stack)
    place = next((index for index, value in enumerate(stack) if value is opener), 0)
    return stack != [] and getattr(stack[-1], "type", "") == "RPAR" and getattr(stack[place - 2], "type", "") == "DEF"


def innermost_opener(stack: Sequence[Any]) -> Token | None:
    """The first token of the innermost construct that is incomplete."""
    openers = (each for each in reversed(stack) if isinstance(each, Token) and each.type in _OPENERS)
    return next(openers, None)


# The terminals' names in messages. The terminals that can begin an expression are summed up as "an expression".
_EXPRESSION_START = {"NUMBER", "PREFIX", "IF", "FOR", "VAR"}
_TERMINALS = {
    "NAME": "a name", "NUMBER": "a number", "OPERATOR": "an operator", "INFIX": "an operator", "_EQUALS": "`=`",
    "LPAR": "`(`", "RPAR": "`)`", "COMMA": "`,`", "SEMICOLON": "`;`", "BINARY": "`binary`", "UNARY": "`unary`",
    "THEN": "`then`", "ELSE": "`else`", "IN": "`in`", "DEF": "`def`", "EXTERN": "`extern`", END: "the end",
}  # fmt: skip

_PARAMETER_HINTS = {
    ",": "parameters are separated by spaces, as in `def f(x y)`",
    ":": "parameters have no types: every value is a number",
    "=": "parameters have no default values",
}

_SEQUENCE = "`;` separates items at top level; `a : b` evaluates a, then b, and its value is b"

# The constructs that a keyword can belong to.
_OWNERS = {"THEN": "`if`", "ELSE": "`if`", "IN": "`for` or `var`"}

_KINDS = {"INFIX": "an infix", "PREFIX": "a prefix"}

# The first terminal of each construct, and the terminals that continue it.
_OPENERS = {
    "LPAR": {"RPAR"},
    "IF": {"THEN", "ELSE"},
    "FOR": {"NAME", "_EQUALS", "COMMA", "IN"},
    "VAR": {"NAME", "_EQUALS", "COMMA", "IN"},
    "DEF": {"NAME", "LPAR"},
    "EXTERN": {"NAME", "LPAR"},
}


class _Failure(NamedTuple):
    """The state of a parser that cannot accept `token`; `expected` are the terminals that it could accept."""

    problems: Problems
    token: Token
    expected: frozenset[str]
    stack: Sequence[Any]
    tokens: Sequence[Token]
    operators: OperatorTable

    # The kinds of reports

    def report_end(self) -> None:
        end = self.tokens[-1].end if self.tokens else 0
        self._report("unexpected end of input", Span(end, end), f"expected {self._expectation()}")

    def report_character(self) -> None:
        character = self.token[0]
        shown = f"`{character}`" if character.isprintable() and character != "`" else f"U+{ord(character):04X}"
        start = self._span.start
        hint = character_hint(character)
        self.problems.report(f"unexpected character {shown}", Span(start, start + 1), "", hint)

    @property
    def is_unknown_operator(self) -> bool:
        """Whether an operator is expected, and this one is not defined.

        An infix operator without a left operand is defined: it is reported as an unexpected token.
        """
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
            self.problems.report("unexpected `)`", self._span, "no matching `(`")
            return
        self._report(f"unexpected `{self.token}`", self._span, f"expected {self._expectation()}")

    def _report(self, title: str, span: Span, label: str) -> None:
        misspelled = self._misspelled_keyword()
        if misspelled is None:
            self.problems.report(title, span, label, self._hint(), *self._opener_labels())
            return
        word, hint = misspelled
        others = [] if word is self.token else [self.problems.label(span_of(word), "not a keyword")]
        self.problems.report(title, span, label, hint, *others)

    # The parts of a message

    @property
    def _span(self) -> Span:
        return span_of(self.token)

    @property
    def _opener(self) -> Token | None:
        return innermost_opener(self.stack)

    @property
    def _expects_expression(self) -> bool:
        return self.expected >= _EXPRESSION_START

    def _opener_labels(self) -> list[Label]:
        opener = self._opener
        if opener is None or opener.type in ("DEF", "EXTERN") or not self._expects_continuation:
            return []
        if self._expects_parameter and self.token in _PARAMETER_HINTS:
            return []
        what = "is not closed" if opener.type == "LPAR" else "is incomplete"
        return [self.problems.label(span_of(opener), f"this `{opener}` {what}")]

    @property
    def _expects_continuation(self) -> bool:
        """Whether the parser expects the next part of the innermost construct."""
        opener = self._opener
        return opener is not None and not self._expects_expression and bool(_OPENERS[opener.type] & self.expected)

    @property
    def _expects_parameter(self) -> bool:
        return self.expected == {"NAME", "RPAR"}

    def _hint(self) -> str:
        token = self.token
        if token in ("=", ":") and _is_after_prototype(self.stack):
            return f"the body follows the parameters without `{token}`, as in `def f(x) x + 1`"
        if self._expects_parameter:
            return _PARAMETER_HINTS.get(token, "")
        if "OPERATOR" in self.expected:
            return "an operator consists of punctuation, as in `def binary@ 30 (x y) body`"
        if self.expected == {"NAME", "BINARY", "UNARY"} and token.type == "OPERATOR":
            return f"`def binary{token} 30 (x y) body` defines an operator"
        if token in KEYWORDS and "NAME" in self.expected and not self._expects_expression:
            return f"`{token}` is a keyword"
        return self._form_hint() if self._expects_continuation else self._misplaced_hint()

    def _form_hint(self) -> str:
        """The syntax of the construct that is incomplete."""
        assert self._opener is not None
        if self._opener.type != "LPAR":
            return FORMS["INFIX" if "NUMBER" in self.expected else self._opener.type]
        if self.token.type == "SEMICOLON":
            return _SEQUENCE
        is_argument = self.token.type in {"NAME", "NUMBER", "LPAR"} and "COMMA" in self.expected
        return "arguments are separated by `,`" if is_argument and len(self._line) > 1 else ""

    def _misplaced_hint(self) -> str:
        """What the token is used for elsewhere."""
        match self.token.type:
            case "DEF" | "EXTERN":
                return "the item before it is incomplete"
            case "SEMICOLON":
                return _SEQUENCE
            case "OPERATOR" | "INFIX":
                return f"`{self.token}` needs an operand before it"
            case "THEN" | "ELSE" | "IN" if END in self.expected:
                return f"this `{self.token}` has no matching {_OWNERS[self.token.type]}"
            case "COMMA" if END in self.expected:
                return "`,` separates arguments; it cannot be part of a number"
        return ""

    @property
    def _line(self) -> list[Token]:
        """The tokens of the unexpected token's line, up to and including that token."""
        return [token for token in self.tokens if token.line == self.tokens[-1].line]

    def _misspelled_keyword(self) -> tuple[Token, str] | None:
        """A misspelled or foreign keyword, and a hint: the token itself, or a name before it on its line."""
        if self.token.type == "NAME":
            wanted = [keyword for keyword in KEYWORDS if keyword.upper() in self.expected]
            hint = keyword_hint(self.token, wanted) or word_hint(self.token)
            if hint:
                return self.token, hint
        line = self._line
        for before, word, after in zip([None, *line], line, line[1:], strict=False):
            # Inside parentheses, a name next to a name may be a parameter.
            if word.type == "NAME" and (before is None or before.type not in ("NAME", "LPAR")):
                hint = self._word_hint(word, after)
                if hint:
                    return word, hint
        return None

    def _word_hint(self, word: Token, after: Token) -> str:
        if after.type in ("NAME", "NUMBER"):
            is_part = self._expects_continuation and self._opener is not None and self._opener.type != "LPAR"
            return keyword_hint(word) or ("" if is_part else word_hint(word))
        return keyword_hint(word, ("binary", "unary")) if after.type == "OPERATOR" else ""

    def _expectation(self) -> str:
        names, expected = [], set(self.expected)
        if END in expected:
            return "an expression or a definition"
        if self._expects_parameter:
            return "a parameter or `)`"
        if self._expects_expression:
            names.append("an expression")
            expected -= _EXPRESSION_START | {"NAME", "LPAR"}
        names += sorted({_TERMINALS[name] for name in expected if name in _TERMINALS})
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
