"""The command `:help`: an overview, the topics, and the descriptions of commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from kaleido.diagnostics import suggestion
from kaleido.repl.commands.examples import EXAMPLES
from kaleido.repl.commands.table import Command, Group, Parameter, Request, Word
from kaleido.repl.commands.topics import ALIASES, TOPICS, Topic
from kaleido.repl.display.console import Console
from kaleido.terminal.text import padded

__all__ = ["help_command"]

_INTRODUCTION = """\
Type a definition or an expression. Enter runs it if it is complete; otherwise it begins a new line.
"""

_EXAMPLE = """\
kal> def square(x) x * x
kal> square(7)
49.0
"""

_SUMMARY = "show an overview, a topic, or the description of a command"

# The maximum width of paragraphs, on terminals of any width.
_MAX_WIDTH = 80


def _help(request: Request, word: Word | None = None) -> None:
    console = request.console
    if word is None:
        console.show(_overview(request.commands, console))
        return
    name = word.text.removeprefix(":")
    topic = TOPICS.get(ALIASES.get(word.text, word.text))
    if topic is None and name not in request.commands and not word.text.startswith(":"):
        hint = suggestion(word.text, [*TOPICS, *ALIASES, *request.commands])
        request.fail(f"no help for `{word.text}`", word, "", hint or "`:help` shows the topics and the commands")
    parts = [_about_topic(topic, console)] if topic is not None else []
    if topic is None or name in request.commands:
        parts.append(_about_command(request.command(word), console))
    console.show("\n".join(parts))


def _overview(commands: Mapping[str, Command], console: Console) -> str:
    """All commands by group, and the names of the topics, on one screen."""
    lines = wrap(_INTRODUCTION, _width(console))
    lines += ["", *console.highlighted(_EXAMPLE, "kaleido-console").splitlines(), ""]
    longest = max(len(group.value) for group in Group)
    for group in Group:
        usages = "  ".join(_unbroken(each.usage) for each in commands.values() if each.group is group)
        heading = console.emphasized(padded(group.value, longest))
        indented = wrap(usages, _width(console) - longest - 2)
        lines += [f"{heading if not index else ' ' * longest}  {line}" for index, line in enumerate(indented)]
    text = f"`:help :COMMAND` describes a command. `:help TOPIC` explains one of these topics: {', '.join(TOPICS)}."
    topics = _wrapped(text, _width(console))
    return "\n".join([*lines, "", *topics]).replace("\xa0", " ") + "\n"


def _unbroken(text: str) -> str:
    return text.replace(" ", "\xa0")


def _wrapped(text: str, width: int) -> list[str]:
    """Wrap a paragraph, without line breaks inside backquotes."""
    unbroken = re.sub(r"`[^`]+`", lambda match: _unbroken(" ".join(match[0].split())), text)
    return [line.replace("\xa0", " ") for line in wrap(unbroken, width, break_on_hyphens=False)]


def _about_command(command: Command, console: Console) -> str:
    lines = [console.emphasized(command.usage), *_wrapped(command.summary, _width(console))]
    details = ["", *_wrapped(command.details, _width(console))] if command.details else []
    example = console.highlighted(EXAMPLES.get(command.name, ""), "kaleido-console").rstrip("\n").split("\n")
    return "\n".join([*lines, *details, "", *example]) + "\n"


def _about_topic(topic: Topic, console: Console) -> str:
    lines = [console.emphasized(f"{topic.name}: {topic.title}"), "", *_blocks(topic, _width(console))]
    if topic.example:
        lines += ["", *console.highlighted(topic.example, "kaleido-console").rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"


def _blocks(topic: Topic, width: int) -> Iterator[str]:
    """The lines of a topic's text: paragraphs are wrapped, indented blocks are kept."""
    for index, block in enumerate(topic.text.split("\n\n")):
        if index:
            yield ""
        yield from block.split("\n") if block.startswith(" ") else _wrapped(block, width)


def _width(console: Console) -> int:
    return min(_MAX_WIDTH, console.columns)


def help_command(others: Sequence[Command]) -> Command:
    """The command `:help`; `others` are all other commands, which completion offers with the topics."""
    topics = {name: topic.title for name, topic in TOPICS.items()}
    aliases = {alias: f"see {name}" for alias, name in ALIASES.items()}
    commands = {"help": _SUMMARY, **{command.name: command.summary for command in others}}
    with_colons = {f":{name}": text for name, text in commands.items()}
    # Topics first, and with the description of the topic where a command has the same name.
    candidates = {**topics, **with_colons, **aliases, **commands, **topics}
    return Command(
        "help",
        Group.LEARN,
        (Parameter("topic", "a topic", lambda state, before: candidates, optional=True),),
        _SUMMARY,
        "A topic explains a part of the language, of the prompt or of the compiler, with an example that can be "
        "pasted. A word with a colon, as in `:help :tiers`, is the command of that name.",
        _help,
    )
