"""The command ``kaleido tutorial check``: what a reader's own program does differently from a chapter's."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from kaleido.diagnostics import OK
from kaleido.language.source_files import read, reason, shown
from kaleido.terminal import streams
from kaleido.terminal.text import painted
from kaleido.tutorial.chapters import chapter_number, chapter_range
from kaleido.tutorial.own_program import TIMEOUT, Check, Difference, Step, check
from kaleido.tutorial.reader import first_difference

__all__ = ["as_data", "run"]

_FAILED = 1

_GREEN, _RED = "32", "31"
_MOST_DIFFERENCES = 8

_UNKNOWN_NAME = re.compile(r"^(NameError|ImportError): .*\n", re.MULTILINE)

_DESCRIPTION = """Check your own program against a chapter of the tutorial.

What the chapter runs after its last change to the program is run with FILE in
its place, and compared with what the chapter shows. The first step that differs
is shown, and the definitions that are not the chapter's: look there first. The
definitions themselves do not count: programs may do the same in another way.

Check at the end of a chapter: before that, much is still missing.

The exit code is 0 if all steps pass, 1 if not, 2 if the command line is wrong.
The program runs with your rights."""


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command; `parser` has the options that all commands share. Return the exit code.

    Raises SystemExit if the command line is wrong, and OSError if output cannot be written.
    """
    options = _options(arguments, parser)
    colored = streams.colored(options.color, 1) and not options.json

    def report(step: Step) -> None:
        if not options.json:
            mark = painted("✓", _GREEN if colored else "") if step.passed else painted("✗", _RED if colored else "")
            streams.write(f"{mark} {step.place}  {_summary(step)}\n")
            streams.flush()

    def checked(text: str) -> Check:
        return check(text, options.chapter, options.exercise, timeout=options.timeout, report=report)

    wrong = {}
    try:
        result = checked(read(options.file).text)
    except SyntaxError as error:
        message = f"{shown(options.file)}:{error.lineno}:{error.offset}: {error.msg}"
        if not options.json:
            parser.exit(_FAILED, message + "\n")
        # A grader needs the number of steps.
        wrong, result = {"error": message}, checked("")
    except OSError as error:
        parser.error(f"cannot read {shown(options.file)}: {reason(error)}")
    except ValueError as error:
        parser.error(str(error))
    streams.write(json.dumps(as_data(result) | wrong, indent=2) + "\n" if options.json else _explanation(result))
    streams.flush()
    return OK if result.passed == len(result.steps) else _FAILED


def _options(arguments: Sequence[str], parser: ArgumentParser) -> Namespace:
    parser.prog += " check"
    parser.description = _DESCRIPTION
    parser.add_argument("chapter", metavar="N", help="the chapter whose end your program has reached")
    parser.add_argument("file", metavar="FILE", help="your program")
    parser.add_argument("--exercise", metavar="K", type=int, help="check an exercise of the chapter instead")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=TIMEOUT,
        help="the limit of each command and Python session (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="write the steps and differences as JSON, for graders")
    options = parser.parse_args(arguments)
    number = chapter_number(options.chapter)
    if number is None:
        parser.error(f"no chapter {shown(options.chapter)}: {chapter_range()}")
    options.chapter = number
    return options


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= 1e6:
        raise ArgumentTypeError(f"a number of seconds, not {text[:40]!r}")
    return number


def _summary(step: Step) -> str:
    commands = [line for line in step.shown.splitlines() if line.startswith("$ ")]
    return ", ".join(commands) or "a Python session"


def _explanation(result: Check) -> str:
    """The first step that failed and what may be the cause, for people."""
    lines = [f"{result.passed} of {len(result.steps)} steps of the chapter print what it shows."]
    failed = [step for step in result.steps if not step.passed]
    if failed:
        missing = [each for each in result.differences if each.missing]
        first = _missing(missing) if result.exercise is None else []
        lines = [*first, *_failure(failed[0]), *_hints(result.differences), "", *lines]
    if not result.builds:
        lines.append("Nothing is built in this exercise: the program of the chapter passes as it is.")
    return "\n".join(lines) + "\n"


def _missing(differences: list[Difference]) -> list[str]:
    """A question about the first definition that a program lacks, before the failures that follow from that."""
    return [f"\n{each.name} is missing: have you typed {each.place} yet?" for each in differences[:1]]


def _failure(step: Step) -> list[str]:
    expected, actual = first_difference(step.shown, step.actual)
    if expected.startswith(("$ ", ">>> ")):
        expected = "(no output)"
    return [
        "",
        f"The first step that differs is at {step.place}. Your program:",
        indent(_to_first_unknown_name(step.actual).rstrip("\n"), "    "),
        f"Here the chapter shows:  {expected or '(nothing more)'}",
        f"Your program printed:    {actual or '(nothing more)'}",
    ]


def _to_first_unknown_name(session: str) -> str:
    """A Python session without what comes after an unknown name: it only fails for the same reason."""
    found = _UNKNOWN_NAME.search(session) if session.startswith(">>> ") else None
    return session[: found.end()] + "…" if found and found.end() < len(session) else session


def _hints(differences: list[Difference]) -> list[str]:
    if not differences:
        return ["All definitions are the chapter's: what is at the top level of your program, outside of them?"]
    differences = sorted(differences, key=lambda each: not each.missing)
    more = len(differences) - _MOST_DIFFERENCES
    return [
        "These definitions are not the chapter's; begin with the first one:",
        *(
            f"    {each.name:28} {'is missing' if each.missing else 'differs'}; it is defined at {each.place}"
            for each in differences[:_MOST_DIFFERENCES]
        ),
        *([f"    and {more} more"] if more > 0 else []),
    ]


def as_data(result: Check) -> dict[str, Any]:
    """A check as JSON: what `--json` writes."""
    return {
        "chapter": result.chapter,
        "exercise": result.exercise,
        "builds": result.builds,
        "passed": result.passed,
        "total": len(result.steps),
        "steps": [
            {
                "place": step.place,
                "passed": step.passed,
                "shown": step.shown,
                "actual": step.actual,
            }
            for step in result.steps
        ],
        "differences": [
            {"name": each.name, "missing": each.missing, "place": each.place} for each in result.differences
        ],
    }
