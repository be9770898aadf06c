"""Trees to text: parentheses where they are needed, and nowhere else."""

from __future__ import annotations

import pytest

from kaleido.diagnostics import Source
from kaleido.language.operators import BUILTIN_INFIX, OperatorTable
from kaleido.language.parser import parse
from kaleido.language.printer import program, source
from tests.fuzz.trees import check_printer

TABLE = OperatorTable(
    {**BUILTIN_INFIX, ":": 1, "|": 2, "@": 30, "--": 20, "..": 50}, frozenset({"-", "!", "~", "--", "$."})
)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "1 + 2 * 3",
        "(1 + 2) * 3",
        "1 - 2 - 3",
        "1 - (2 - 3)",
        "a = b = c",
        "a = b + c",
        "(a = b) + c",
        "1 + (a = b)",
        "a : b = c",
        "a = b : c",
        "a = b | c",
        "a = (b | c)",
        "a | b = c",
        "a - -b",
        "a -- b",
        "a - --b",
        "- -a",
        "! -a",
        "-(a + b)",
        "-a + b",
        "-(a = b)",
        "$. 5",
        "a .. 5",
        "1 + if a then b else c + 2",
        "1 + (if a then b else c) + 2",
        "(if a then b else c)(d)",
        "-if a then b else c",
        "-(if a then b else c) * 2",
        "(-if a then b else c) * 2",
        "if if a then b else c then for i = 1, i < 3 in i else var x in x",
        "a = var b in b = 1",
        "(a = var b in b) : c",
        "for i = a = 1, i, -1 in f(i, (a)) + 1",
        "var a = 1, b, c = a = 2 in (a : b)",
        "1e-310 + 5e-324 + 1e999 + 9007199254740993 + .1",
    ],
)
def test_printed_and_read_again(text: str) -> None:
    check_printer(parse(Source("test", text), TABLE), TABLE)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("((1)) + (2 * 3)", "1 + 2 * 3"),
        ("(a = (b = (c)))", "a = b = c"),
        ("f((a), (if a then b else c))", "f(a, if a then b else c)"),
        ("(if a then b else c) + 1", "(if a then b else c) + 1"),
        ("a - (-b)", "a - -b"),
        ("-(-(b))", "- -b"),
        ("1 + (for i = 0, i < 1 in (i))", "1 + for i = 0, i < 1 in i"),
        ("1.50 + 1e3 + 1e300", "1.5 + 1000 + 1e+300"),
        ("def f(x y) (x)", "def f(x y) x"),
        ("extern f()", "extern f()"),
        ("def binary<> 7 (a b) a <> b", "def binary <> 7 (a b) a <> b"),
        ("def unary? (a) -a", "def unary ? (a) -a"),
    ],
)
def test_no_more_parentheses_than_needed(text: str, printed: str) -> None:
    (item,) = parse(Source("test", text), TABLE)
    assert source(item, TABLE) == printed


def test_items_are_read_with_the_operators_declared_before_them() -> None:
    text = "def binary ** 60 (a b) a;\n1 ** 2 + 3;\nextern binary ** 5 (a b);\n1 ** (2 + 3);\n"
    assert program(parse(Source("test", text))) == text.replace("(2 + 3)", "2 + 3")
    with pytest.raises(KeyError):
        source(parse(Source("test", text))[1])


@pytest.mark.parametrize(
    "text",
    [
        "1 + " * 5_000 + "1",
        "f(" * 3_000 + "1" + ")" * 3_000,
        "if a then b else " * 3_000 + "c",
        "1 + (if 1 then " * 3_000 + "1" + " else 2) * 3" * 3_000,
        "- " * 3_000 + "a",
    ],
    ids=["sum", "calls", "ifs", "nested", "prefixes"],
)
def test_deep_trees(text: str) -> None:
    check_printer(parse(Source("test", text), TABLE), TABLE)
