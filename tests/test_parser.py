"""Text to trees: what parse() gives, where it says things are, and what it says is wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kaleido.diagnostics import IncompleteInput, ParseError, Source, Span
from kaleido.language.lexer import terminals
from kaleido.language.nodes import (
    Assign,
    Binary,
    Call,
    Definition,
    Expression,
    External,
    For,
    If,
    Item,
    Number,
    Operator,
    Unary,
    Var,
    Variable,
    Walk,
    walk,
)
from kaleido.language.operators import BUILTIN_INFIX, BUILTINS, OperatorTable
from kaleido.language.parser import IncrementalParser, _RecoveringParser, parse

TABLE = OperatorTable({**BUILTIN_INFIX, ":": 1, "|": 5, "@": 30, "<-": 10, "**": 60}, frozenset({"-", "!", "~", "!!!"}))


def items(text: str, operators: OperatorTable = BUILTINS) -> list[Item]:
    return parse(Source("test", text), operators)


def expression(text: str, operators: OperatorTable = BUILTINS) -> Expression:
    (item,) = items(text, operators)
    assert not isinstance(item, Definition | External)
    return item


def fault(text: str, operators: OperatorTable = BUILTINS) -> ParseError:
    with pytest.raises(ParseError) as raised:
        items(text, operators)
    return raised.value


def show(node: Expression) -> str:
    """An expression with all its brackets, and nothing else, so that a test can be read."""
    return str(walk(_show, node))


def _show(node: Expression) -> Walk:
    match node:
        case Number():
            return f"{node.value:g}"
        case Variable():
            return node.name
        case Assign():
            return f"({node.variable.name} = {yield _show(node.value)})"
        case Unary():
            return f"({node.operator} {yield _show(node.operand)})"
        case Binary():
            return f"({yield _show(node.left)} {node.operator} {yield _show(node.right)})"
        case Call():
            arguments = []
            for argument in node.arguments:
                arguments.append((yield _show(argument)))
            return f"{node.callee}({', '.join(arguments)})"
        case If():
            condition, then = (yield _show(node.condition)), (yield _show(node.then))
            return f"(if {condition} then {then} else {yield _show(node.otherwise)})"
        case For():
            start, condition = (yield _show(node.start)), (yield _show(node.condition))
            step = "" if node.step is None else f", {yield _show(node.step)}"
            return f"(for {node.variable.name} = {start}, {condition}{step} in {yield _show(node.body)})"
        case Var():
            bindings = []
            for binding in node.bindings:
                value = "" if binding.value is None else f" = {yield _show(binding.value)}"
                bindings.append(binding.variable.name + value)
            return f"(var {', '.join(bindings)} in {yield _show(node.body)})"


# Precedence


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 * 2 + 3", "((1 * 2) + 3)"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("1 / 2 % 3 * 4", "(((1 / 2) % 3) * 4)"),
        ("a < b + 1 == c", "((a < (b + 1)) == c)"),
        ("a = b = c", "(a = (b = c))"),
        ("a = b + c | d", "(a = ((b + c) | d))"),
        ("a = 1 : b = 2", "((a = 1) : (b = 2))"),
        ("a : b : c", "((a : b) : c)"),
        ("-a * b", "((- a) * b)"),
        ("-a ** b", "((- a) ** b)"),
        ("--a", "(- (- a))"),
        ("!!!a", "(!!! a)"),
        ("!!a", "(! (! a))"),
        ("!!!!a", "(!!! (! a))"),
        ("a<-b", "(a <- b)"),
        ("a< -b", "(a < (- b))"),
        ("a@~b", "(a @ (~ b))"),
        ("1 ** 2 @ 3 + 4", "(((1 ** 2) @ 3) + 4)"),
        ("1 + 2 @ 3 ** 4", "(1 + (2 @ (3 ** 4)))"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("f(a, b = 2, -c)", "f(a, (b = 2), (- c))"),
        ("f()", "f()"),
        ("1 + if a then b else c + 2", "(1 + (if a then b else (c + 2)))"),
        ("-if a then b else c + 2", "(- (if a then b else (c + 2)))"),
        ("if a then if b then c else d else e", "(if a then (if b then c else d) else e)"),
        ("a = var b in b = 1", "(a = (var b in (b = 1)))"),
        ("var a = 1, b, c = a in a : b", "(var a = 1, b, c = a in (a : b))"),
        ("for i = 1, i < 3 in i : i", "(for i = 1, (i < 3) in (i : i))"),
        ("for i = a = 1, i, -1 in f(i) + 1", "(for i = (a = 1), i, (- 1) in (f(i) + 1))"),
    ],
)
def test_precedence(text: str, tree: str) -> None:
    assert show(expression(text, TABLE)) == tree


@pytest.mark.parametrize(
    ("text", "trees"),
    [
        ("", []),
        (";;\n;# nothing", []),
        ("1 2", ["1", "2"]),
        ("1 !2", ["1", "(! 2)"]),
        ("1 -2", ["(1 - 2)"]),
        ("1; -2", ["1", "(- 2)"]),
        ("a (b)", ["a(b)"]),
        ("1 (b)", ["1", "b"]),
        ("(a) (b)", ["a", "b"]),
        ("f(1) (2)", ["f(1)", "2"]),
        ("if 1 then 2 else 3 4", ["(if 1 then 2 else 3)", "4"]),
        ("1 .5", ["1", "0.5"]),
    ],
)
def test_expressions_side_by_side(text: str, trees: list[str]) -> None:
    read = [item for item in items(text) if not isinstance(item, Definition | External)]
    assert [show(item) for item in read] == trees


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1.5e3", 1500.0),
        ("1E-2", 0.01),
        ("2e+2", 200.0),
        ("1e999", float("inf")),
    ],
)
def test_numbers(text: str, value: float) -> None:
    number = expression(text)
    assert isinstance(number, Number) and number.value == value


@pytest.mark.parametrize("text", ["1.2.3", "1..2", "2x", "0x10", "1e", "1e+", "1_000", "1e5.5", "1é"])
def test_malformed_numbers(text: str) -> None:
    error = fault(text)
    assert error.diagnostic.title == f"malformed number `{text}`"
    assert error.diagnostic.span == Span(0, len(text))


# The operator table


def test_operator_is_defined_from_its_own_body_on() -> None:
    definition, use = items("def binary@ 5 (a b) a @ b - 1  1 @ 2 @ 3")
    assert isinstance(definition, Definition) and isinstance(use, Binary)
    assert show(definition.body) == "(a @ (b - 1))"
    assert show(use) == "((1 @ 2) @ 3)"
    assert definition.prototype.operator == Operator("@", 5, Span(4, 11))


def test_operator_without_precedence_has_30() -> None:
    definition, use = items("def binary@ (a b) a  1 + 2 @ 3 * 4")
    assert isinstance(definition, Definition) and isinstance(use, Binary)
    assert definition.prototype.operator is not None and definition.prototype.operator.precedence == 30
    assert show(use) == "(1 + (2 @ (3 * 4)))"


def test_precedence_changes_where_it_is_changed() -> None:
    first, _, second = items("a + b * c  def binary+ 50 (a b) a  a + b * c")
    assert isinstance(first, Binary) and isinstance(second, Binary)
    assert show(first) == "(a + (b * c))"
    assert show(second) == "((a + b) * c)"


def test_run_is_split_by_the_table_of_the_moment() -> None:
    before, _, after = items("a<-b def binary<- 10 (a b) a a<-b")
    assert isinstance(before, Binary) and isinstance(after, Binary)
    assert show(before) == "(a < (- b))"
    assert show(after) == "(a <- b)"


def test_prefix_becomes_infix() -> None:
    one, two, _, both = items("1 !2 def binary! 50 (a b) a 1 !2")
    assert isinstance(one, Number) and isinstance(two, Unary) and isinstance(both, Binary)


def test_extern_declares_an_operator() -> None:
    external, use = items("extern binary@ 5 (a b) 1 @ 2")
    assert isinstance(external, External) and isinstance(use, Binary)


def test_callers_table_is_untouched() -> None:
    infix, prefix = dict(BUILTINS.infix), set(BUILTINS.prefix)
    items("def binary@ 5 (a b) a def unary~ (x) x def binary+ 90 (a b) a")
    for text in ("def binary@ 5 (a b) a 1 +", "def unary~ (x) x )", "def binary* 1 (a b) c 1.2.3"):
        fault(text)
    assert (dict(BUILTINS.infix), set(BUILTINS.prefix)) == (infix, prefix)
    assert fault("1 @ 2").diagnostic.title == "unknown operator `@`"
    assert show(expression("1 + 2 * 3")) == "(1 + (2 * 3))"


# Incomplete or wrong

COMPLETE = [
    "def f(x y) x + y",
    "def binary@ 5 (a b) a",
    "def unary~ (x) x",
    "extern sin(x)",
    "if a then b else c",
    "for i = 1, i < 3, 1 in f(i)",
    "var a = 1, b in a",
    "f(1, (2), -3)",
    "!a + -b * (c)",
]


def _beginnings() -> list[str]:
    """Every way to stop between two words of a complete text."""
    return [" ".join(words[:end]) for words in map(str.split, COMPLETE) for end in range(1, len(words) + 1)]


@pytest.mark.parametrize("text", _beginnings())
def test_no_beginning_of_a_program_is_wrong(text: str) -> None:
    with suppress(IncompleteInput):
        items(text)


@pytest.mark.parametrize(
    "text",
    [
        "def", "def f", "def f(", "def f(x", "def f(x)", "def f(x) x +", "def binary", "def binary@",
        "def binary@ 5", "def binary@ 5 (a b)", "def unary", "def unary~ (x)", "extern", "extern sin",
        "extern sin(x", "(", "(1", "(1 + 2", "1 +", "-", "!!", "f(", "f(1", "f(1,", "a =", "if", "if a",
        "if a then", "if a then b", "if a then b else", "for", "for i", "for i =", "for i = 1", "for i = 1,",
        "for i = 1, 2", "for i = 1, 2,", "for i = 1, 2, 3", "for i = 1, 2 in", "var", "var a", "var a =",
        "var a = 1", "var a,", "var a in", "1\n2\n(", "def f(x) x\n\ndef g(y)",
    ],
)  # fmt: skip
def test_incomplete(text: str) -> None:
    error = fault(text)
    assert isinstance(error, IncompleteInput)
    assert error.diagnostic.title == "unexpected end of input"
    assert error.diagnostic.span == Span(len(text), len(text))
    assert isinstance(fault(text + "\n# a comment\n"), IncompleteInput)


@pytest.mark.parametrize(
    ("text", "title", "place"),
    [
        (")", "unexpected `)`", Span(0, 1)),
        ("(1))", "unexpected `)`", Span(3, 4)),
        ("1 2 )", "unexpected `)`", Span(4, 5)),
        ("f(1 2)", "unexpected `2`", Span(4, 5)),
        ("f(,)", "unexpected `,`", Span(2, 3)),
        ("f(1,)", "unexpected `)`", Span(4, 5)),
        ("def 1(x) x", "unexpected `1`", Span(4, 5)),
        ("def f(x,y) x", "unexpected `,`", Span(7, 8)),
        ("def f(1) x", "unexpected `1`", Span(6, 7)),
        ("def def(x) x", "unexpected `def`", Span(4, 7)),
        ("if a else b", "unexpected `else`", Span(5, 9)),
        ("if a then b; else c", "unexpected `;`", Span(11, 12)),
        ("then", "unexpected `then`", Span(0, 4)),
        ("for 1 = 2", "unexpected `1`", Span(4, 5)),
        ("for i < 2", "unexpected `<`", Span(6, 7)),
        ("var in a", "unexpected `in`", Span(4, 6)),
        ("1 @ 2", "unknown operator `@`", Span(2, 3)),
        ("@ 2", "unknown operator `@`", Span(0, 1)),
        ("1 + @2", "unknown operator `@`", Span(4, 5)),
        ("1 [2]", "unexpected character `[`", Span(2, 3)),
        ('"text"', 'unexpected character `"`', Span(0, 1)),
        ("1 \0", "unexpected character U+0000", Span(2, 3)),
        ("1 = 2", "only a variable can be assigned to", Span(0, 1)),
        ("a + b = 2", "only a variable can be assigned to", Span(0, 5)),
        ("f(x) = 2", "only a variable can be assigned to", Span(0, 4)),
        ("def f(x y x) x", "duplicate parameter `x`", Span(10, 11)),
        ("var a, b, a in a", "duplicate variable `a`", Span(10, 11)),
        ("def binary@ 0 (a b) a", "a precedence is a whole number from 1 to 100, not `0`", Span(12, 13)),
        ("def binary@ 1e1 (a b) a", "a precedence is a whole number from 1 to 100, not `1e1`", Span(12, 15)),
        ("def binary@ (a) a", "a binary operator takes 2 parameters, not 1", Span(4, 15)),
        ("def unary@ () 1", "a unary operator takes 1 parameter, not 0", Span(4, 13)),
    ],
)
def test_wrong(text: str, title: str, place: Span) -> None:
    error = fault(text)
    assert not isinstance(error, IncompleteInput)
    assert (error.diagnostic.title, error.diagnostic.span) == (title, place)


def test_what_is_wrong_stays_wrong_with_more_text() -> None:
    assert not isinstance(fault("1 ) ("), IncompleteInput)
    assert not isinstance(fault("1.2.3 + ("), IncompleteInput)


# Spans


def test_spans() -> None:
    text = "def f(a b)\n  a + g(b, -1) * (if a then b else 2)"
    (definition,) = items(text)
    assert isinstance(definition, Definition) and isinstance(definition.body, Binary)

    def under(span: Span) -> str:
        return text[span.start : span.end]

    assert under(definition.span) == text
    assert under(definition.prototype.span) == "f(a b)"
    assert [under(parameter.span) for parameter in definition.prototype.parameters] == ["a", "b"]
    assert under(definition.body.operator_span) == "+"
    product = definition.body.right
    assert isinstance(product, Binary) and isinstance(product.left, Call) and isinstance(product.right, If)
    assert under(product.left.span) == "g(b, -1)"
    assert under(product.left.callee_span) == "g"
    assert [under(argument.span) for argument in product.left.arguments] == ["b", "-1"]
    assert under(product.right.span) == "if a then b else 2"


def test_spans_of_split_operators() -> None:
    outer = expression("a<-!b")
    assert isinstance(outer, Binary) and isinstance(outer.right, Unary) and isinstance(outer.right.operand, Unary)
    assert outer.operator_span == Span(1, 2)
    assert outer.right.operator_span == Span(2, 3)
    assert outer.right.operand.operator_span == Span(3, 4)


def test_spans_count_characters() -> None:
    first, second = items("größe\r\nπ")
    assert isinstance(first, Variable) and isinstance(second, Variable)
    assert (first.span, second.span) == (Span(0, 5), Span(7, 8))
    assert Source("test", "größe\r\nπ").position(second.span.start) == (2, 1)


# Depth and length


def test_long_sum() -> None:
    node = expression(" + ".join(["1"] * 20_000))
    terms = 1
    while isinstance(node, Binary):
        node = node.left
        terms += 1
    assert terms == 20_000


def test_long_assignment_chain() -> None:
    node = expression(" = ".join(["a"] * 10_000))
    depth = 0
    while isinstance(node, Assign):
        node = node.value
        depth += 1
    assert depth == 9_999


def test_deep_brackets() -> None:
    assert expression("(" * 10_000 + "1" + ")" * 10_000) == Number(1.0, Span(10_000, 10_001))
    assert isinstance(fault("(" * 10_000 + "1"), IncompleteInput)


@pytest.mark.parametrize(
    ("before", "middle", "after"),
    [
        ("if 1 then ", "2", " else 3"),
        ("if 1 then 2 else ", "3", ""),
        ("if ", "1", " then 2 else 3"),
        ("f(", "1", ")"),
        ("- ", "1", ""),
        ("var a in ", "a", ""),
        ("for i = 1, 2 in ", "i", ""),
        ("1 + (", "2", ")"),
    ],
)
def test_deep_nesting(before: str, middle: str, after: str) -> None:
    text = before * 10_000 + middle + after * 10_000
    assert expression(text).span.start == 0
    assert isinstance(fault(text + " +"), IncompleteInput)


def test_long_run_of_operators() -> None:
    node = expression("-" * 1_000 + "1")
    depth = 0
    while isinstance(node, Unary):
        node = node.operand
        depth += 1
    assert depth == 1_000


def test_many_items() -> None:
    read = items("".join(f"def f{number}(x) x + {number}\n" for number in range(2_000)))
    assert len(read) == 2_000


# Programs that are still being written

LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
FRAGMENTS = [
    "def", "extern", "binary", "unary", "if", "then", "else", "for", "in", "var", "f", "x", "a", "(", ")", ",", ";",
    "=", "+", "-", "!", "|", ":", "1", ".5", "1.2.3", "@", "@@", "==", "#", '"', "'", "\0", "\x0c", "",
    "def f(", "def f(x x)", "def f(x)", "def binary@ 5 (a b)", "def binary@ (a)", "def binary@ 101",
    "def binary= (a b)", "def unary~ (x) ~", "extern binary@ 3 (a a)", "(1", "(1 = 2", "x = 1", "(x = y = 3",
    "(x | y = 3", "(1 : x = 2", "(a) = 2", "(f(a) = 2", "f(1,", "if 1 then 2 else", "for i = 1, 2 in",
    "var a = 1, b in", "(var a, b = 2, a in a", "((-if x then var a, a in 1 else", "1.2.3", "(1.2.3", "1 ~", "1 @",
]  # fmt: skip
LINE_ENDS = ["\n", "\n", "\r\n", "\r", " # (\n"]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Fragments in any order, or of a program of COMPLETE with a mistake or none, over a few lines."""
    programs = st.permutations(COMPLETE).map(_words)
    words = draw(st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=12), programs, programs))
    words = words[: draw(st.integers(0, len(words)))]
    if draw(st.booleans()) and words:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(FRAGMENTS)))
    return "".join(word + draw(st.sampled_from([" ", "", *LINE_ENDS])) for word in words)


def _words(programs: list[str]) -> list[str]:
    return " ".join(programs[:3]).split(" ")


def verdict(text: str) -> str:
    """What `parse` says of a whole text."""
    try:
        items(text, TABLE)
    except IncompleteInput:
        return "incomplete"
    except ParseError:
        return "wrong"
    return "complete"


@settings(max_examples=500, deadline=None)
@given(texts())
@example("(a : b = (2\n) + 3\n")
@example("f(if 1 then 2 else 3\n) 1 + if 1 then 2 else 3\n")
@example("def binary## 5 (a b)\n")
@example("def binary^ 5 (a b) a\n1 ^\n2\n(3 ^ 4")
@example("(1.2.3\n)")
@example("def f(x x)\nx")
def test_an_incremental_parser_agrees_with_the_whole_text(text: str) -> None:
    incremental, before = IncrementalParser(TABLE), ""
    for line in LINES.findall(text):
        before += line
        incremental.feed(line)
        said = verdict(before)
        # What is wrong with something is not always seen before that is whole.
        assert said == "wrong" or incremental.incomplete == (said == "incomplete"), before
        # Asking changes nothing.
        assert incremental.incomplete == incremental.incomplete


@pytest.mark.parametrize("text", ["1 + )", "(1 2", "def 5", "def f(x) )", "if 1 else", "(1 ~~ 2"])
def test_what_is_wrong_already_is_not_incomplete(text: str) -> None:
    incremental = IncrementalParser(BUILTINS)
    incremental.feed(text + "\n")
    assert not incremental.incomplete
    incremental.feed("(1 +\n")
    assert not incremental.incomplete


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("a1.+-(#\"'`\r\n\t\x0b\x85\u2028\0=")))
def test_no_token_goes_on_over_a_line_end(text: str) -> None:
    pattern = re.compile("|".join(f"(?P<{name}>{each.pattern})" for name, each in terminals().items()))

    def tokens(text: str) -> list[tuple[str | None, str]]:
        found = [(match.lastgroup, match[0]) for match in pattern.finditer(text)]
        assert "".join(token for _, token in found) == text
        return [(name, token) for name, token in found if not (name and terminals()[name].ignored)]

    assert [token for line in LINES.findall(text) for token in tokens(line)] == tokens(text)


def test_an_incremental_parser_has_the_operators_declared_so_far() -> None:
    incremental = IncrementalParser(BUILTINS)
    assert incremental.operators == BUILTINS
    incremental.feed("def binary@ 5 (a b)\n")
    assert incremental.operators.infix == {**BUILTIN_INFIX, "@": 5}
    assert incremental.incomplete


@pytest.mark.parametrize("line", ["+ (1", "+ 1", "+ (if 1 then 2 else 3)", "# nothing", "+ - - x = 5 : y"])
def test_a_line_is_read_once(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    feed = _RecoveringParser._feed_token

    def count(self: Any, token: Any) -> None:
        nonlocal read
        read += 1
        feed(self, token)

    monkeypatch.setattr(_RecoveringParser, "_feed_token", count)
    incremental = IncrementalParser(TABLE)
    incremental.feed("(1")
    costs = []
    for _ in range(100):
        before = read
        incremental.feed(line + "\n")
        assert incremental.incomplete
        costs.append(read - before)
    assert len(set(costs)) == 1


def test_terminals() -> None:
    assert {name for name, terminal in terminals().items() if terminal.text == "def"} == {"DEF"}
    assert [name for name, terminal in terminals().items() if terminal.ignored] == ["__IGNORE_1", "__IGNORE_0"]
    assert list(terminals())[-1] == "STRAY"
    assert terminals()["NAME"].text is None and re.fullmatch(terminals()["NAME"].pattern, "größe")


# A text that was found complete before it is parsed


@pytest.mark.parametrize("text", ["f(1) + 2", "def g(x)\n  x * 2\n", "def unary!!(x) x  !!3", "  # nothing\n"])
def test_a_text_that_was_read_ahead_has_the_same_items(text: str) -> None:
    expected = items(text)
    ahead = IncrementalParser()
    ahead.feed(text)
    assert not ahead.incomplete
    found = items(text)
    assert (found, spans(found)) == (expected, spans(expected))
    # They are given once.
    again = items(text)
    assert again == expected
    assert not {*map(id, again)} & {*map(id, found)}


@pytest.mark.parametrize("text", ["def f(x x) x", "1 2)", "3 4 5.5.5", "def f(x)"])
def test_a_text_with_errors_is_parsed_as_if_it_had_not_been_read_ahead(text: str) -> None:
    def titles() -> list[str]:
        with pytest.raises(ParseError) as raised:
            items(text)
        return [each.title for each in raised.value.diagnostics]

    expected = titles()
    ahead = IncrementalParser()
    ahead.feed(text)
    assert ahead.incomplete == (text == "def f(x)")
    assert titles() == expected


def test_what_was_read_ahead_is_for_the_same_operators_and_text_fed_at_once() -> None:
    ahead = IncrementalParser(TABLE)
    ahead.feed("1 @ 2")
    assert not ahead.incomplete
    with pytest.raises(ParseError):
        items("1 @ 2")
    lines = IncrementalParser()
    lines.feed("def f(x)\n")
    assert lines.incomplete
    lines.feed("  x\n")
    assert not lines.incomplete
    [definition] = items("def f(x)\n  x\n")
    assert definition.span == Span(0, 12)


def spans(found: list[Item]) -> list[Span]:
    return [each.span for each in found]
