"""How the program is put together from blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaleido.tutorial.chapters import Block, blocks, sections
from kaleido.tutorial.reader import agrees
from kaleido.tutorial.tangle import TangleError, main, tangle


def program(*texts: str) -> str:
    return tangle(Block("python", "", text, f"block {number}") for number, text in enumerate(texts))


def test_blocks_know_their_language_title_and_place() -> None:
    text = "Text.\n\n```kal sum.kal\n1 + 2\n```\n\n```text\n```\n"
    assert blocks(text, "01.md") == [Block("kal", "sum.kal", "1 + 2\n", "01.md:3"), Block("text", "", "", "01.md:7")]


def test_sections() -> None:
    assert sections("# T\n\n## A\na\n## B\nb\n") == {"A": "\na\n", "B": "\nb\n"}


def test_a_definition_replaces_the_one_of_its_name_in_place() -> None:
    first = "def f():\n    return 1\n\n\ndef g():\n    return f()\n"
    second = "# Better.\ndef f():\n    return 2\n"
    assert program(first, second) == "# Better.\ndef f():\n    return 2\n\n\ndef g():\n    return f()\n"


def test_constants_are_replaced_too_and_new_ones_appended() -> None:
    assert program("A = 1\nB: int = 2\n", "A = 3\nC = 4\n") == "A = 3\n\nB: int = 2\n\nC = 4\n"


def test_main_stays_last() -> None:
    first = 'def main():\n    f()\n\n\nif __name__ == "__main__":\n    main()\n'
    ending = 'def main():\n    f()\n\n\nif __name__ == "__main__":\n    main()\n'
    assert program(first, "def f():\n    pass\n") == "def f():\n    pass\n\n\n" + ending


def test_a_class_is_extended_by_itself() -> None:
    first = 'class C:\n    """A class."""\n\n    a = 1\n\n    def f(self):\n        return 1\n'
    second = "class C(C):\n    def f(self):\n        return 2\n\n    # New.\n    def g(self):\n        return 3\n"
    assert program(first, second) == (
        'class C:\n    """A class."""\n\n    a = 1\n\n    def f(self):\n        return 2\n\n'
        "    # New.\n    def g(self):\n        return 3\n"
    )


def test_a_class_of_another_base_replaces() -> None:
    assert program("class C:\n    a = 1\n", "class C(dict):\n    b = 1\n") == "class C(dict):\n    b = 1\n"


def test_imports_are_gathered_sorted_and_dropped_when_unused() -> None:
    first = "from lark import Token, Lark\nimport sys\n\n\ndef f():\n    return Lark, sys\n"
    second = "from __future__ import annotations\nfrom lark import Tree\n\n\ndef g():\n    return Tree\n"
    assert program(first, second).startswith(
        "from __future__ import annotations\n\nimport sys\n\nfrom lark import Lark, Tree\n\n\ndef f"
    )


def test_deleting() -> None:
    assert program("A = 1\nB = 2\n", "del A\n") == "B = 2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print(1)\n", "only definitions"),
        ("def f(:\n", "invalid syntax"),
        ("del nothing\n", "nothing is not defined and cannot be deleted"),
        ("class D(D):\n    a = 1\n", "class D is not defined and cannot be extended"),
    ],
)
def test_what_has_no_place(text: str, message: str) -> None:
    with pytest.raises(TangleError, match=message) as caught:
        program("A = 1\n", text)
    assert "block" in str(caught.value)


def test_the_command_writes_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["2", str(tmp_path / "out.py")]) == 0
    assert main(["2"]) == 0
    assert capsys.readouterr().out == (tmp_path / "out.py").read_text("utf-8") != ""


@pytest.mark.parametrize("arguments", [[], ["x"], ["0"], ["²"], ["1", "2", "3"]])
def test_the_command_tells_how_it_is_used(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "tutorials.tangle N" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shown", "real", "agree"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("took … ms\n", "took 12.5 ms\n", True),
        ("took … ms\n", "took 12.5\nms\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_may_vary(shown: str, real: str, agree: bool) -> None:
    assert agrees(shown, real) is agree
