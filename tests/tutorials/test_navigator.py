"""Going through chapters: what keys do, and blocks of each kind, run where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from kaleido.repl.display.console import Console, Size
from kaleido.repl.settings import Settings
from kaleido.tutorial import chapters as module
from kaleido.tutorial.block_runner import BlockRunner
from kaleido.tutorial.chapters import Block
from kaleido.tutorial.key_choices import Choice, Key
from kaleido.tutorial.keyboard import LineKeyboard, TerminalKeyboard
from kaleido.tutorial.navigator import Navigator

FIRST = """# 1. One

## Defining

```kal square.kal
def square(x) x * x
```

Text.

```kal
square(7)
```

## Failing

```kal
square(
```

```kal
for i = 0, 1 in 0
```

## Printing

```python
def main():
    print("first")


if __name__ == "__main__":
    main()
```

```console
$ python kaleidoscope.py
first
$ kaleido square.kal
```

## Exercises

1. None.
"""

SECOND = """# 2. Two

```pycon
>>> import kaleidoscope
>>> kaleidoscope.main()
first
>>> if True:
...     1 / 0
Traceback (most recent call last):
ZeroDivisionError: division by zero
```

```python
def main():
    print("second")
```

```console
$ python kaleidoscope.py
other
```

```console
$ rm -r something
```
"""

SOLUTIONS = """# Solutions

## Exercise 1

```python
def main():
    print("solved")
```

```console
$ python kaleidoscope.py
solved
```

## Exercise 2

```console
$ python kaleidoscope.py
first
```
"""

Session = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "01-one.md").write_text(FIRST)
    (tmp_path / "02-two.md").write_text(SECOND)
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01.md").write_text(SOLUTIONS)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal that can do no more than write on."""
    monkeypatch.setenv("TERM", "dumb")
    return Console(Settings(), interactive=True, size=lambda: Size(80, 24))


@pytest.fixture
def read(console: Console, capfd: pytest.CaptureFixture[str]) -> Session:
    """Reads a chapter, or begins with the list, with lines as keys; gives what came after each, errors behind."""

    def read(chapter: int | None, *entries: str) -> list[str]:
        shown: list[str] = []

        def lines() -> Iterator[bytes]:
            for entry in entries:
                shown.append("".join(capfd.readouterr()))
                yield f"{entry}\n".encode()
            shown.append("".join(capfd.readouterr()))

        given = lines()
        keyboard = LineKeyboard(console, given)
        Navigator(console, keyboard, lambda before: BlockRunner(console, before, lines=given)).run(chapter)
        return [*shown, "".join(capfd.readouterr())]

    return read


ENTER = ""


def test_it_stops_at_blocks_that_can_be_run(read: Session) -> None:
    first, second, third, *_ = read(1, ENTER, ENTER)
    assert first.startswith("1. One\n══════\n\nDefining\n")
    assert "def square(x) x * x\n" in first
    assert first.endswith("\n\n[Enter more · r run in Kaleido · t try · b back · c contents · ? keys · q quit] ")
    assert second.startswith("Text.\n\n── Kaleidoscope ─")
    assert third.startswith("Failing\n")


def test_a_block_runs_in_the_live_session(read: Session) -> None:
    shown = read(1, ENTER, "r", "r", ENTER, "r", ENTER)
    # The block above it has not been run, and yet what it defines is there.
    assert shown[2].startswith("49.0\n\n[Enter")
    assert shown[3].startswith("49.0\n\n[Enter")
    assert "error: " in shown[5]
    assert "block:1:8" in shown[5]
    assert "for i = 0, 1" in shown[6]


FILES = """# 3. Three

```kal sum.kal
def binary + 20 (a b) a - b
1 + 2
```

```kal plain.kal
1 + 2
```

```kal wrong.kal
def area(x) y
```
"""


def test_a_block_with_a_title_is_a_file_by_itself(read: Session, tmp_path: Path) -> None:
    (tmp_path / "03-three.md").write_text(FILES)
    shown = read(3, "r", ENTER, "r", ENTER, "r")
    assert shown[1].startswith("$ kaleido sum.kal\n-1.0\n")
    assert shown[3].startswith("$ kaleido plain.kal\n3.0\n")
    assert "unknown variable `y`" in shown[5]
    assert "Defined" not in shown[5]


def test_what_is_defined_at_the_prompt_stays_until_the_next_file(read: Session, tmp_path: Path) -> None:
    (tmp_path / "03-three.md").write_text(FILES)
    shown = read(3, "t", "def mine() 5", ":quit", "t", "mine()", ":quit", ENTER, ENTER, "t", "mine()", ":quit")
    assert "5.0\n" in shown[5]
    assert "unknown function `mine`" in shown[10]


def test_kaleido_does_not_run_what_solutions_add_to_the_language(read: Session, tmp_path: Path) -> None:
    (tmp_path / "solutions" / "01.md").write_text(f"# Solutions\n\n{FILES}")
    assert "run it" not in read(1, "n", "n", "n", "s")[4].splitlines()[-1]


def test_what_a_block_defines_is_told(read: Session) -> None:
    assert read(1, "r")[1].startswith("$ kaleido square.kal\nDefined: square.\n\n[Enter")


def test_the_prompt_knows_what_stands_above_it(read: Session) -> None:
    shown = read(1, "t", "square(8)", ":quit")
    assert shown[1].startswith("Defined so far: square. Ctrl-D returns to the chapter.\n")
    assert "64.0\n" in shown[2]
    # The page is there again.
    assert "1. One\n" in shown[3]


def test_nothing_is_defined_that_stands_below(read: Session) -> None:
    assert "Defined so far: nothing yet." in read(2, "t", ":quit")[1]


def test_sections(read: Session) -> None:
    shown = read(1, "n", "n", "n", "b", "b")
    assert [text.splitlines()[0] for text in shown[1:6]] == ["Failing", "Printing", "Exercises", "Printing", "Failing"]
    assert "chapter 2 · t try · b back · s solutions" in shown[3]


def test_programs_run_in_a_folder_of_their_own(read: Session) -> None:
    shown = read(1, "n", "n", "r")
    assert shown[3].startswith(
        "$ python kaleidoscope.py\nfirst\n$ kaleido square.kal\n✓ as the chapter shows\n\n[Enter"
    )


def test_a_python_session_is_played(read: Session) -> None:
    shown = read(2, "r")
    assert shown[1].startswith(
        ">>> import kaleidoscope\n>>> kaleidoscope.main()\nfirst\n>>> if True:\n...     1 / 0\n"
        "Traceback (most recent call last):\nZeroDivisionError: division by zero\n✓ as the chapter shows\n\n[Enter"
    )


def test_a_block_that_fails_says_so_and_the_chapter_goes_on(read: Session) -> None:
    shown = read(2, ENTER, "r", ENTER, "r", ENTER)
    assert shown[2].startswith("$ python kaleidoscope.py\nsecond\nThe output is not what the chapter shows.")
    assert "error: `rm` cannot be run here\n" in shown[4]
    assert "This was the last chapter.\n" in shown[5]


def test_going_back_does_not_change_the_program(read: Session) -> None:
    shown = read(2, ENTER, ENTER, "b", "r")
    assert "✓ as the chapter shows" in shown[4]


def test_from_chapter_to_chapter(read: Session) -> None:
    shown = read(1, "n", "n", "n", ENTER)
    assert shown[4].startswith("2. Two\n")


def test_solutions_each_continue_the_chapter(read: Session) -> None:
    shown = read(1, "n", "n", "n", "s", "r", ENTER, "r", ENTER)
    assert shown[4].startswith("Solutions\n")
    assert shown[5].startswith("$ python kaleidoscope.py\nsolved\n✓ as the chapter shows\n\n[Enter")
    assert shown[7].startswith("$ python kaleidoscope.py\nfirst\n✓ as the chapter shows\n\n[Enter")
    assert "chapter 2 · t try · b back · s solutions" in shown[8]


def test_contents(read: Session) -> None:
    shown = read(1, "c", ENTER, "c", "7", "2")
    assert shown[1] == "\n>  1  One\n   2  Two\n\nWhich chapter? (Enter: continue with this one) "
    assert shown[2].startswith("[Enter more")
    assert shown[4].startswith("No such chapter: the chapters are 1 to 2.\n")
    assert shown[5].startswith("2. Two\n")


def test_without_a_number_it_asks(read: Session) -> None:
    assert read(None, ENTER)[0].endswith("   1  One\n   2  Two\n\nWhich chapter? (Enter: the first) ")
    assert read(None, ENTER)[1].startswith("1. One\n")
    assert read(None, "2")[1].startswith("2. Two\n")
    assert len(read(None, "q", "2")) == 2


def test_it_remembers_where_the_reader_stopped(read: Session, tmp_path: Path) -> None:
    read(1, "n", "q")
    question = read(None, ENTER)
    assert question[0].endswith(">  1  One\n   2  Two\n\nWhich chapter? (Enter: 1, where you stopped) ")
    assert question[1].startswith("Failing\n")
    assert read(None, "1")[1].startswith("1. One\n")
    read(2, "q")
    assert read(None, ENTER)[1].startswith("2. Two\n")
    for text in ("", "x y", "9 0", "1 -1", "\0"):
        (tmp_path / "state" / "kaleido" / "tutorial").write_text(text)
        assert read(None, ENTER)[0].endswith("Which chapter? (Enter: the first) ")


def test_the_place_is_kept_when_the_terminal_is_closed(console: Console, tmp_path: Path) -> None:
    kept: list[str] = []

    def lines() -> Iterator[bytes]:
        for _ in range(2):
            kept.append((tmp_path / "state" / "kaleido" / "tutorial").read_text())
            yield b"\n"

    given = lines()
    Navigator(console, LineKeyboard(console, given), lambda before: BlockRunner(console, before, lines=given)).run(1)
    assert kept == ["1 0\n", "1 3\n"]


def test_one_screenful_up(read: Session) -> None:
    shown = read(1, ENTER, ENTER, "u", "u", "u", ENTER)
    begins = [text.lstrip("\n").splitlines()[0] for text in shown[1:7]]
    assert begins == ["Text.", "Failing", "Text.", "1. One", "1. One", "Text."]


def test_up_from_the_end(read: Session) -> None:
    assert read(2, ENTER, ENTER, ENTER, "u")[4].lstrip("\n").startswith("── kaleidoscope.py ─")


def test_the_exercises(read: Session) -> None:
    shown = read(1, "e", "u")
    assert shown[1].startswith("Exercises\n")
    assert shown[2].lstrip("\n").startswith("1. One\n")


def test_a_file_for_the_readers_program_is_not_run_by_kaleido(read: Session, tmp_path: Path) -> None:
    (tmp_path / "03-three.md").write_text(
        "# 3. Three\n\n```kal one.kal\n1\n```\n\n```console\n$ python kaleidoscope.py --stats one.kal\n```\n"
    )
    assert "r run it ·" in read(3)[0]


def test_the_last_block_above_runs_until_the_section_ends(read: Session, tmp_path: Path) -> None:
    (tmp_path / "03-three.md").write_text(
        "# 3. Three\n\n```kal\n20 + 1\n```\n\n" + "Prose.\n\n" * 30 + "## Next\n\n" + "More prose.\n\n" * 30
    )
    shown = read(3, ENTER, "?", "r", "n", "?", "r")
    # The line of keys is too short for it.
    assert "\nr     runs the last block above" in shown[2]
    assert shown[3].startswith("21.0\n")
    assert "runs the last block above" not in shown[5]
    assert "21.0" not in shown[6]


def test_a_block_that_is_longer_than_the_screen_runs_before_its_end(read: Session, tmp_path: Path) -> None:
    text = "".join(f"def f{number}(x) x\n" for number in range(40))
    (tmp_path / "03-three.md").write_text(f"# 3. Three\n\n```kal\n{text}```\n")
    assert "Defined: f0, f1" in read(3, "r")[1]


def test_help_and_keys_that_mean_nothing(read: Session) -> None:
    shown = read(1, "?", "x", "R")
    assert "\nr     runs the last block above" in shown[1]
    assert shown[2].startswith("[Enter more")
    assert "Defined: square." in shown[3]


def test_the_end_of_input_leaves(read: Session) -> None:
    assert len(read(1)) == 2


# Keys of a terminal

CHOICES = [Choice(Key.MORE, "more"), Choice(Key.UP, "up"), Choice(Key.TRY, "try"), Choice(Key.QUIT, "quit")]


def pressed(keys: str, choices: Sequence[Choice] = CHOICES) -> list[Key]:
    """What keys come to, up to the one that leaves."""
    found: list[Key] = []
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        reader = TerminalKeyboard(input=keyboard, output=DummyOutput())
        while not found or found[-1] is not Key.QUIT:
            found.append(reader.key(choices))
    return found


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ("\r\n q", [Key.MORE] * 3),
        ("\x1b[B\x1b[6~q", [Key.MORE] * 2),
        ("\x1b[A\x1b[5~uq", [Key.UP] * 3),
        ("ttq", [Key.TRY] * 2),
        ("\x04", []),
        # Ctrl-C, keys that do nothing here, and letters in brackets that somebody pastes.
        ("\x03\x03t\x03q", [Key.TRY]),
        ("rxzq", []),
    ],
)
def test_keys(keys: str, meant: list[Key]) -> None:
    assert pressed(keys) == [*meant, Key.QUIT]


def test_input_that_ends_leaves() -> None:
    with create_pipe_input() as keyboard:
        reader = TerminalKeyboard(input=keyboard, output=DummyOutput())
        keyboard.close()
        assert reader.key(CHOICES) is Key.QUIT


def typed(keys: str, console: Console) -> None:
    """Read the first chapter with keys, and the prompt with them, too."""
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        _navigator(console, keyboard).run(None)


def _navigator(console: Console, keyboard: PipeInput) -> Navigator:
    def make_runner(before: Sequence[Block]) -> BlockRunner:
        return BlockRunner(console, before, input=keyboard, output=DummyOutput())

    return Navigator(console, TerminalKeyboard(input=keyboard, output=DummyOutput()), make_runner)


def test_with_keys(console: Console, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "xterm")
    typed("\r\rrq", console)
    assert "\n49.0\n\n" in capfd.readouterr().out
    typed("2\r\x03q", console)
    assert "2. Two\n" in capfd.readouterr().out
    typed("\x04", console)
    assert "1. One\n" not in capfd.readouterr().out
