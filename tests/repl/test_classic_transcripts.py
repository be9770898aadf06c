"""Transcripts of LLVM's tutorial, in the forms in which they are found."""

from __future__ import annotations

import pytest

from kaleido.repl.classic_transcripts import classic_entries
from tests.repl.conftest import TypeKeys, pasted


@pytest.mark.parametrize(
    "text", ["", "1\n", "ready > 1", "1\n ready> 1", "ready>\n", "ready> ready>", "already> 1", "Evaluated to 4.000000"]
)
def test_a_text_without_items_is_no_transcript(text: str) -> None:
    assert classic_entries(text) == []


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("ready> 4+5;", ["4+5;"]),
        ("  ready> def f(x)\n    x;\n\n  ready> f(1);\n  ..\n", ["def f(x)\n  x;", "f(1);"]),
        ("ready> def f(x)\n  x;\nready> f(1);\n", ["def f(x)\n  x;", "f(1);"]),
        ("ready>f(1);\r\nready>\r\nready> f(2);\r\n", ["f(1);", "f(2);"]),
        ("ready> f(1); # one; two\nf(2);\nready> f(3);", ["f(1); # one; two", "f(3);"]),
        ("ready> # a comment; still\n1;\n2;", ["# a comment; still\n1;"]),
        ("ready> ready> f(1);\nready> Evaluated to 4.000000\nready> ready> ^D\n", ["f(1);"]),
        ("ready> printd(1) : printd(2);\n1.000000\n2.000000\nEvaluated to 0.000000\n", ["printd(1) : printd(2);"]),
        ("ready> 1;\nready> 1.000000\nready> -nan\nready> 2;", ["1;", "2;"]),
        ("ready> extern sin(x)\nRead extern: \ndeclare double @sin(double)\n\nready> 1\n", ["extern sin(x)", "1"]),
        ("ready> f(1) +;\nError: unknown token when expecting an expression\nready> f(1);", ["f(1) +;", "f(1);"]),
        ("ready> mandel(1, 2)\n*****\n**+**\nReady>1 + 1\nready> quit\nGoodbye!\n", ["mandel(1, 2)", "1 + 1"]),
        ("    $ ready> 2 + 2;\n    Read top-level expr:\n    $ ready> f(1);\n    ready> $", ["2 + 2;", "f(1);"]),
        ("ready> def f(x y)\n  x ~ y\n  ~ 1;\n= 7\n", ["def f(x y)\n  x ~ y\n  ~ 1;"]),
        ("ready> # two\ndef g(x) x;\nDefined g\n", ["# two\ndef g(x) x;"]),
        ("$ ./toy\nready> f(1);\nParsed a top-level expr\nready> ; ModuleID = 'jit'\n", ["f(1);"]),
        ("ready> f();\nready> Read top-level expression:\ndefine double @0() {\n\n  ret double 1.0\n}\n", ["f();"]),
    ],
)  # fmt: skip
def test_items_are_found_between_prompts_and_output(text: str, entries: list[str]) -> None:
    assert classic_entries(text) == entries


def test_a_pasted_transcript_runs_item_by_item(type_keys: TypeKeys) -> None:
    text = """\
ready> def twice(x)
  2 * x;
ready> Read function definition:
define double @twice(double %x) {
entry:
  %multmp = fmul double 2.000000e+00, %x
  ret double %multmp
}

ready> ready> twice(4);
ready> Evaluated to 8.000000
ready> twice(5);
ready> Evaluated to 10.000000
ready> ^D
"""
    outcome = type_keys(pasted(text))
    assert outcome.output == "8.0\n10.0\n"
    assert outcome.errors == ""
