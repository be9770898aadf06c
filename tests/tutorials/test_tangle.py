"""How the program is put together from blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaleido.tutorial.chapters import Block, blocks, blocks_of, chapters, program_at, sections
from kaleido.tutorial.reader import agrees
from kaleido.tutorial.tangle import Program, TangleError, definitions, main, tangle
from tests.tutorials.changes import as_change, slight, staying
from tests.tutorials.merged import merged


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


def change(text: str) -> Block:
    return Block("diff", "", text, "change")


def test_a_change_has_the_code_before_and_after() -> None:
    block = change(" def f():\n-    return 1\n+    return 2\n\n")
    assert (block.replaced, block.code) == ("def f():\n    return 1\n\n", "def f():\n    return 2\n\n")
    assert definitions(block) == ["f"]


FIRST = Block(
    "python", "", "import sys\n\n\ndef f():\n    # why\n    return sys\n\n\ndef g():\n    return f()\n", "first"
)


def test_a_change_replaces() -> None:
    text = " def f():\n     # why\n-    return sys\n+    return 2\n"
    assert tangle([FIRST, change(text)]) == "def f():\n    # why\n    return 2\n\n\ndef g():\n    return f()\n"


def test_a_change_may_have_new_definitions_and_imports() -> None:
    text = "+import re\n+\n+\n def g():\n-    return f()\n+    return h()\n\n\n+def h():\n+    return re\n"
    assert tangle([FIRST, change(text)]) == (
        "import re\nimport sys\n\n\ndef f():\n    # why\n    return sys\n\n\n"
        "def g():\n    return h()\n\n\ndef h():\n    return re\n"
    )


def test_a_change_removes_what_has_no_lines_afterwards() -> None:
    text = "-def f():\n-    # why\n-    return sys\n \n \n def g():\n-    return f()\n+    return 1\n"
    assert tangle([FIRST, change(text)]) == "def g():\n    return 1\n"


def test_a_change_to_members() -> None:
    first = Block(
        "python", "", 'class C:\n    """A class."""\n\n    a = 1\n\n    def f(self):\n        pass\n', "first"
    )
    text = " class C(C):\n-    a = 1\n-\n     def f(self):\n-        pass\n+        return 1\n"
    assert tangle([first, change(text)]) == 'class C:\n    """A class."""\n\n    def f(self):\n        return 1\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" def f():\n-    return 1\n+    return 2\n", "change: f is not in the program as the block has it"),
        (" def h():\n-    return 1\n+    return 2\n", "change: h is not defined and cannot be changed"),
        (" class C(C):\n-    a = 1\n+    a = 2\n", "change: C.a is not defined"),
        ("def f():\n    return sys\n", "invalid syntax"),
    ],
)
def test_a_change_of_what_is_not_in_the_program(text: str, message: str) -> None:
    with pytest.raises(TangleError, match=message):
        tangle([FIRST, change(text)])


def test_rewriting_a_block_as_a_change() -> None:
    first = Block("python", "", "class C:\n    def f(self):\n        a = 1\n        return a\n\n\nD = 1\n", "first")
    program = Program()
    program.take(first)
    again = Block("python", "", "class C(C):\n    def f(self):\n        a = 2\n        return a\n", "again")
    text = as_change(again, program)
    assert text == (" class C(C):\n     def f(self):\n-        a = 1\n+        a = 2\n         return a\n")
    assert tangle([first, change(text)]) == tangle([first, again])
    assert staying(text) == 3 / 4
    assert slight(again, program) == ["C.f"]
    assert slight(Block("python", "", "D = 2\n", "other"), program) == []


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


def test_the_chapter_on_speculation_continues_the_one_on_inlining() -> None:
    """Its line of needs says so; the chapters between them are not needed."""
    changes = [block for block in blocks_of(chapters()[20]) if block.changes_program]
    assert "def guard(" in tangle([*program_at(16), *changes])


def test_a_change_is_merged_with_an_earlier_one() -> None:
    program = Program()
    program.take(Block("python", "", "class C:\n    def f(self):\n        first(1)\n        last()\n", "x.md:1"))
    text = " class C(C):\n     def f(self):\n         first()\n+        note()\n         last()\n"
    new = merged(Block("diff", "", text.replace("last()", "middle()\n         last()"), "x.md:9"), Program())
    assert new.text == text.replace("last()", "middle()\n         last()"), "there is nothing to merge with"
    with pytest.raises(ValueError, match="both have changed"):
        merged(Block("diff", "", text, "x.md:9"), program)
    kept = text.replace("         first()\n", "         first()\n         second()\n         third()\n")
    program.take(Block("python", "", kept_code(kept).replace("first()", "first(1)"), "x.md:5"))
    assert merged(Block("diff", "", kept, "x.md:9"), program).text == kept.replace("first()", "first(1)")


def kept_code(change: str) -> str:
    return "".join(line[1:] for line in change.splitlines(keepends=True) if not line.startswith("+"))
