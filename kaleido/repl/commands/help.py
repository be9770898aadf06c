"""The command that tells about the others, and about the language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from kaleido.diagnostics import suggestion
from kaleido.repl.commands.table import Command, Group, Parameter, Request, Word
from kaleido.repl.console import Console
from kaleido.repl.state import State
from kaleido.repl.topics import ALIASES, TOPICS, Topic
from kaleido.terminal.text import padded

__all__ = ["COMMANDS"]

_BEGINNING = """\
Type a definition or an expression. Enter runs it when it is complete, and goes on below when it is not.
"""

_EXAMPLE = """\
kal> def square(x) x * x
kal> square(7)
49.0
"""

# Lines of running text are not longer than this, however wide the terminal is.
_WIDEST = 80


def _help(request: Request, word: Word | None = None) -> None:
    console = request.console
    if word is None:
        console.show(_overview(request.commands, console))
        return
    name = word.text.removeprefix(":")
    topic = TOPICS.get(ALIASES.get(word.text, word.text))
    if topic is None and name not in request.commands and not word.text.startswith(":"):
        hint = suggestion(word.text, [*TOPICS, *ALIASES, *request.commands])
        request.fail(f"no help for `{word.text}`", word, "", hint or "`:help` shows what there is")
    parts = [_about_topic(topic, console)] if topic is not None else []
    if topic is None or name in request.commands:
        parts.append(_about_command(request.command(word), console))
    console.show("\n".join(parts))


def _overview(commands: Mapping[str, Command], console: Console) -> str:
    """All commands on one screen, by what they are for."""
    lines = wrap(_BEGINNING, _width(console))
    lines += ["", *console.highlighted(_EXAMPLE, "kaleido-console").splitlines(), ""]
    longest = max(len(group.value) for group in Group)
    for group in Group:
        usages = "  ".join(_unbroken(each.usage) for each in commands.values() if each.group is group)
        heading = console.emphasized(padded(group.value, longest))
        indented = wrap(usages, _width(console) - longest - 2)
        lines += [f"{heading if not index else ' ' * longest}  {line}" for index, line in enumerate(indented)]
    topics = wrap(f"`:help :COMMAND` explains one. There is more to learn: {', '.join(TOPICS)}.", _width(console))
    return "\n".join([*lines, "", *topics]).replace("\xa0", " ") + "\n"


def _unbroken(text: str) -> str:
    return text.replace(" ", "\xa0")


def _wrapped(text: str, width: int) -> list[str]:
    """Running text in lines, which do not end within what stands in backquotes."""
    whole = re.sub(r"`[^`]+`", lambda match: _unbroken(" ".join(match[0].split())), text)
    return [line.replace("\xa0", " ") for line in wrap(whole, width, break_on_hyphens=False)]


def _about_command(command: Command, console: Console) -> str:
    lines = [console.emphasized(command.usage), *_wrapped(command.summary, _width(console))]
    details = ["", *_wrapped(command.details, _width(console))] if command.details else []
    return "\n".join([*lines, *details]) + "\n"


def _about_topic(topic: Topic, console: Console) -> str:
    lines = [console.emphasized(f"{topic.name}: {topic.title}"), "", *_blocks(topic, _width(console))]
    if topic.example:
        lines += ["", *console.highlighted(topic.example, "kaleido-console").rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"


def _blocks(topic: Topic, width: int) -> Iterator[str]:
    """The text of a topic: paragraphs wrapped, and what is indented as it is."""
    for index, block in enumerate(topic.text.split("\n\n")):
        if index:
            yield ""
        yield from block.split("\n") if block.startswith(" ") else _wrapped(block, width)


def _width(console: Console) -> int:
    return min(_WIDEST, console.columns)


def _subjects(state: State, before: Sequence[str]) -> Iterable[str]:
    from kaleido.repl.commands import COMMANDS

    return dict.fromkeys([*TOPICS, *ALIASES, *COMMANDS, *(f":{name}" for name in COMMANDS)])


COMMANDS = [
    Command(
        "help",
        Group.LEARN,
        (Parameter("topic", "a subject", _subjects, optional=True),),
        "this, a subject, or a command",
        "A subject is a part of the language, of this prompt, or of the compiler, each with an example that can be "
        "pasted as it is. With a colon it is the command of that name.",
        _help,
    ),
]
