"""What `:save` writes over a file that was loaded: its text, with what else has run."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.language.source_files import FileSource, decoded, encoded, read
from kaleido.repl import Repl
from kaleido.repl.saving.merging import updated_program
from kaleido.repl.saving.undo_log import UndoLog
from kaleido.session import LAST_VALUE
from tests.repl.conftest import Run

COMMENTS = """\
# A header.

# square is used everywhere.
def square(x) x * x   # fast

# The area of a circle.
def area(r)
  # about
  3.14159 * square(r)
# The end.
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.kal"


def saved(run: Run, path: Path, before: bytes | str, *entries: str) -> str:
    """The file, after it was loaded, the entries have run, and everything was saved over it."""
    path.write_bytes(before.encode() if isinstance(before, str) else before)
    printed = run(f":load {path}", *entries, f":save {path}")
    assert printed[-1].startswith("saved "), printed
    return path.read_bytes().decode("utf-8", "surrogateescape")


# What did not change


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1",
        b"1\n",
        b"# nothing but a comment",
        COMMENTS.encode(),
        COMMENTS.replace("\n", "\r\n").encode(),
        COMMENTS.replace("\n", "\r").encode(),
        b"def f(x) x # one\r\ndef g(x) x\n\r\n\n;;1;2 # no end",
        b"\xef\xbb\xbf# with a mark\n1",
        b"# Latin-1: \xe9t\xe9, cut off: \xe2\x82, a real one: \xef\xbf\xbd\ndef f(x) x # \xff",
        b"#!/usr/bin/env kaleido\n\n\n\t1  \n",
        b"def f(x) g(x) def g(x) x",
    ],
)
def test_an_unchanged_file_is_saved_byte_for_byte(run: Run, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    copy = path.with_name("copy.kal")
    run(f":load {path}", f":save {path}", f":save {copy}", ":reload", f":save {path}")
    assert path.read_bytes() == data
    assert copy.read_bytes() == (data if b"x" in data or b"1" in data else b"")


def test_an_unchanged_file_is_not_written(run: Run, path: Path) -> None:
    path.write_text("def f(x) x")
    inode = path.stat().st_ino
    run(f":load {path}", f":save {path}")
    assert path.stat().st_ino == inode


# What is new


def test_what_is_new_is_appended_with_its_comments(run: Run, path: Path) -> None:
    new = "# half of it\ndef half(x) x / 2 # exact\n# really"
    assert saved(run, path, COMMENTS, new, "half(3)") == (
        COMMENTS + "# half of it\ndef half(x) x / 2; # exact\n# really\nhalf(3);\n"
    )


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_new_lines_end_as_those_of_the_file(run: Run, path: Path, line_break: str) -> None:
    text = f"def f(x) x{line_break}{line_break}f(1)"
    entry = "def g(x)\n  x + 1"
    assert saved(run, path, text, entry) == text + line_break + f"def g(x){line_break}  x + 1;{line_break}"


@pytest.mark.parametrize(
    ("text", "entry", "expected"),
    [
        ("def f(x) x # f", "(1 + 2)", "def f(x) x; # f\n(1 + 2);\n"),
        ("def f(x) x;", "(1 + 2)", "def f(x) x;\n(1 + 2);\n"),
        ("1", "-2", "1;\n-2;\n"),
        ("1 # a; b", ".5", "1; # a; b\n.5;\n"),
        ("# c", "-2", "# c\n-2;\n"),
    ],
)
def test_new_items_do_not_continue_old_ones(run: Run, path: Path, text: str, entry: str, expected: str) -> None:
    assert saved(run, path, text, entry) == expected


def test_what_ran_before_comes_before_the_first_item(run: Run, path: Path) -> None:
    path.write_text(COMMENTS)
    run("def two() 2", "two()", f":load {path}", f":save {path}")
    header, rest = COMMENTS.split("\n\n", 1)
    assert path.read_text() == f"{header}\n\ndef two() 2;\ntwo();\n{rest}"


def test_what_the_file_replaced_is_left_out(run: Run, path: Path) -> None:
    path.write_text(COMMENTS)
    run("def area(r) r", f":load {path}", f":save {path}")
    assert path.read_text() == COMMENTS


# What is changed


def test_a_changed_definition_replaces_its_own_text_only(run: Run, path: Path) -> None:
    entries = ["def square(x) x ^ 2", "def binary ^ 60 (a b) a * b", "def square(y) y * (y + 0)"]
    assert saved(run, path, COMMENTS, entries[2]) == COMMENTS.replace("def square(x) x * x", entries[2])


def test_comments_of_a_changed_definition_are_inserted_above_it(run: Run, path: Path) -> None:
    text = saved(run, path, "1; def f(x) x # old\r\n# end", "# new\ndef f(x)\n  x + 1 # good")
    assert text == "1; # new\r\n# good\r\ndef f(x)\r\n  x + 1 # old\r\n# end"


def test_a_changed_definition_ends_before_the_next_item(run: Run, path: Path) -> None:
    assert saved(run, path, "def f(x) 1 (2)", "def f(x) x") == "def f(x) x; (2)"
    assert saved(run, path, "def f(x) 1", "def f(x) x", "(3)") == "def f(x) x;\n(3);\n"


def test_the_last_of_several_definitions_is_changed(run: Run, path: Path) -> None:
    text = "def f(x) 1; f(0); def f(x) 2; f(0)\n"
    assert saved(run, path, text, "def f(x) 3", "def f(x) 4") == "def f(x) 1; f(0); def f(x) 4; f(0)\n"


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        # An operator that is defined below.
        ("def f(x) x\n", ["def binary ~ 50 (a b) a - b", "def f(x) x ~ 1"]),
        # A function that is defined below an expression that reaches it.
        ("def f(x) x\nf(1)\n", ["def g(x) x", "def f(x) g(x)"]),
        ("def f(x) x\ndef h(x) f(x)\nh(1)\n", ["def g(x) x", "def f(x) g(x)"]),
        # Another precedence for what comes below.
        ("def binary ~ 50 (a b) a\ndef f(x) x ~ 2 * 3\n", ["def binary ~ 5 (a b) a"]),
    ],
)
def test_a_definition_that_would_not_work_there_is_appended(
    run: Run, path: Path, text: str, entries: list[str]
) -> None:
    assert saved(run, path, text, *entries) == text + "".join(f"{entry};\n" for entry in entries)


def test_a_definition_may_use_what_is_appended(run: Run, path: Path) -> None:
    assert saved(run, path, "def f(x) x\n", "def g(x) x", "def f(x) g(x)") == "def f(x) g(x)\ndef g(x) x;\n"


# Undoing and reloading


def test_undoing_brings_the_old_text_back(run: Run, path: Path) -> None:
    path.write_text(COMMENTS[:-1])
    entries = ["def square(x) 0", f":save {path}", "def g(x) x", f":save {path}", ":undo", ":undo"]
    run(f":load {path}", *entries, f":save {path}")
    assert path.read_text() == COMMENTS[:-1]


def test_reloading_replaces_what_the_file_had(run: Run, path: Path) -> None:
    path.write_text("def f(x) x; f(1)")
    edited = "# edited\ndef f(x) x + 1\nf(1)"
    run(
        f":load {path}", "def f(x) 0", "f(2)", "def g(x) x", lambda: path.write_text(edited), ":reload", f":save {path}"
    )
    assert path.read_text() == edited + "\nf(2);\ndef g(x) x;\n"


def test_a_saved_file_that_is_edited_and_loaded_replaces_what_was_saved(run: Run, path: Path) -> None:
    edited = "# edited\ndef g(x) x"
    run("def f(x) x", "f(1)", f":save {path}", lambda: path.write_text(edited), f":load {path}", f":save {path}")
    assert path.read_text() == edited


def test_what_was_edited_elsewhere_is_not_overwritten(run: Run, path: Path) -> None:
    path.write_text("def f(x) x")
    printed = run(f":load {path}", lambda: path.write_text("def f(x) x # mine"), f":save {path}")
    assert printed[1].startswith("error: ")
    assert "it has changed since" in printed[1]
    assert path.read_text() == "def f(x) x # mine"


@pytest.mark.parametrize("command", [":undo", ":reset"])
def test_a_file_whose_items_were_removed_is_not_overwritten(run: Run, path: Path, command: str) -> None:
    path.write_text("def f(x) x")
    printed = run(f":load {path}", command, "1", f":save {path}", lambda: path.unlink(), f":save {path}")
    assert "has been undone" in printed[3]
    assert path.read_text() == "1;\n"


def test_a_file_that_was_stopped_is_not_overwritten(run: Run, session: Session, path: Path) -> None:
    path.write_text("def f(x) x; f(1); def g(x) f(x) + 1; g(2); 3 # not lost")
    session.subscribe(lambda event: signal.raise_signal(signal.SIGINT) if event.unit == "g" else None)
    printed = run(f":load {path}", f":save {path}", f":load {path}", f":save {path}")
    assert printed[0] == f"1.0\ninterrupted\n{path}: kept 2 definitions, 1 expression\n"
    assert "this session has not loaded all of it" in printed[1]
    assert path.read_text().endswith("# not lost")


# The file of the command line


def started_with(session: Session, path: Path, *entries: str) -> None:
    """A REPL that was started with a file, as ``kaleido -i FILE`` does, and was given entries."""
    Repl(session, sources=[read(path)], lines=[f"{entry}\n".encode() for entry in entries]).run()


@pytest.mark.usefixtures("state_home")
def test_the_file_of_the_command_line_can_be_reloaded_and_saved(
    session: Session, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path.write_text("def f(x) x; f(1) # one")
    started_with(session, path, "def f(x) x + 1", f":save {path}", ":undo", ":reload", ":undo", ":undo", "f(2)")
    output, errors = capfd.readouterr()
    saved = f"saved 1 definition, 1 expression to `{path}`"
    assert output == f"1.0\n{saved}\nrestored f: def f(x) x\n2.0\nrestored f: def f(x) x\nremoved f\n"
    assert errors.startswith(f"{path}: 1 definition, 1 expression\nerror: unknown function `f`\n")
    assert path.read_text() == "def f(x) x + 1; f(1) # one"


@pytest.mark.usefixtures("state_home")
def test_a_file_of_the_command_line_with_an_error_can_be_reloaded_but_not_overwritten(
    session: Session, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path.write_text("def f(x) x; nothing # not lost")
    started_with(session, path, f":save {path}", ":reload")
    errors = capfd.readouterr().err
    assert errors.count("error: unknown variable `nothing`\n") == 2
    assert errors.count(f"\n{path}: kept 1 definition\n") == 2
    assert "` already exists\n" in errors


# Other files


def test_what_is_no_regular_file_is_not_replaced(run: Run, path: Path) -> None:
    def become_a_pipe() -> None:
        path.unlink()
        os.mkfifo(path)

    path.write_text("1")
    assert "it is not a regular file" in run.last(f":load {path}", become_a_pipe, f":save {path}")
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_new_file_has_the_texts_of_the_files_and_entries(run: Run, tmp_path: Path, path: Path) -> None:
    first, second, bad = (tmp_path / name for name in ("1.kal", "2.kal", "bad.kal"))
    first.write_text("# one\n\ndef f(x) x # f")
    second.write_text("(1)\n\n# two")
    bad.write_text("# three\n3 # is kept\nnothing # is not")
    run(f":load {first}", f":load {second}", "# four\n4 # is entered", f":load {bad}", f":save {path}")
    assert path.read_text() == (
        "# one\n\ndef f(x) x; # f\n(1)\n\n# two\n# four\n4; # is entered\n# three\n3; # is kept\n"
    )


# Writing


def test_a_failed_write_changes_nothing(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    path.write_text("def f(x) x")
    monkeypatch.setattr(os, "replace", refuse)
    printed = run(f":load {path}", "1", f":save {path}")
    assert "No space left on device" in printed[2]
    assert path.read_text() == "def f(x) x"
    assert list(path.parent.glob("*kal*")) == [path]


def test_links_and_modes_stay(run: Run, tmp_path: Path, path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target.kal"
    path.symlink_to(target)
    target.write_text("def f(x) x")
    target.chmod(0o604)
    run(f":load {path}", "1", f":save {path}")
    assert path.is_symlink()
    assert target.read_text() == "def f(x) x\n1;\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


# Any program


GAPS = st.sampled_from(["\n", " ", ";", "; ", "\r\n", "\n\n", " # a comment\n", ";\n# one\n# two\n\n", "\t;;\r"])
CALLEES = st.sampled_from([("f", "x"), ("g", "f(x)"), ("h", "(g(x))"), ("h", "1 ~ f(x)"), ("unary!", "f(x)")])
ITEMS = (
    st.builds(
        lambda pair, number: f"def {pair[0]}(x) {pair[1]} + {number}".replace("unary!", "unary !"),
        CALLEES,
        st.integers(0, 9),
    )
    | st.builds(lambda precedence: f"def binary ~ {precedence} (a b) a - 2 * b", st.sampled_from([5, 50]))
    | st.sampled_from(["f(1)", "(g(1))", "-h(1)", "1 ~ 2 * 3 + 4", "!f(2)", "extern sqrt(x)"])
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = [draw(GAPS)]
    for item in draw(st.lists(ITEMS, max_size=6)):
        parts += [item, draw(GAPS)]
    return "".join(parts)


STACK = 1 << 20


@settings(max_examples=60, deadline=None)
@given(texts(), st.lists(ITEMS, max_size=3), st.lists(ITEMS, max_size=5))
def test_what_is_saved_defines_the_same(text: str, before: list[str], after: list[str]) -> None:
    with Session(jit="O0", stack_size=STACK) as session:
        log = UndoLog()

        def enter(source: Source) -> bool:
            log.begin_entry()
            try:
                for result in session.evaluate(source):
                    log.add(result, source, session.variables.get(LAST_VALUE))
            except KaleidoError:
                return False
            return True

        for each in before:
            enter(Source("<entry>", each))
        data = encoded(text)
        source = FileSource("mine.kal", decoded(data), path=Path("mine.kal"), data=data)
        if not enter(source):
            return
        for each in after:
            enter(Source("<entry>", each))
        program, saved = updated_program(source, log.items, set(), lambda text: session.check(Source("", text)))
        check_same(session, program, len(saved))


def check_same(session: Session, program: str, count: int) -> None:
    with Session(jit="O0", stack_size=STACK) as other:
        assert len(list(other.evaluate(Source("<saved>", program)))) == count
        names = [each.name for each in session.functions()]
        assert sorted(names) == sorted(each.name for each in other.functions())
        for name in names:
            assert outcome(other, name) == outcome(session, name)


def outcome(session: Session, name: str) -> str:
    """A value of a function, or the beginning of its error: the generated functions may be recursive."""
    try:
        return repr(session[name](*[2.0] * len(session[name].parameters)))
    except KaleidoError as error:
        return error.diagnostic.title.split(" (")[0]
