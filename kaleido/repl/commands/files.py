"""Commands that read, edit and write files: `:load`, `:reload`, `:edit`, `:save`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kaleido.diagnostics import KaleidoError, ParseError, Source, counted
from kaleido.jit import uninterrupted
from kaleido.language.nodes import Definition, External, Item
from kaleido.language.source_files import FileSource, decoded, encoded, read, reason, replace_content, shown
from kaleido.repl.commands.table import OPTIONAL_FUNCTION, Command, Group, Kind, Parameter, Request, Word
from kaleido.repl.prompt_lines import explained
from kaleido.repl.state import State
from kaleido.session import Result, Session

__all__ = ["COMMANDS", "run_file", "summary"]

_MOST_CALLERS = 10
"""The number of callers that a message names."""

_EDITORS = ("nano", "vi", "vim", "emacs")
"""The editors to look for if neither VISUAL nor EDITOR is set."""


def _load(request: Request, word: Word) -> None:
    path = _path(word)
    _run_file(request, path, word)
    request.state.last_loaded = path


def _reload(request: Request) -> None:
    if request.state.last_loaded is None:
        request.fail("nothing has been loaded yet", request.name, "", "`:load file` loads a file")
    _run_file(request, request.state.last_loaded, request.name)


def _run_file(request: Request, path: Path, word: Word) -> None:
    try:
        source = read(path)
    except (OSError, ValueError) as error:
        request.fail(f"cannot read `{shown(path)}`", word, reason(error))
    run_file(request.state, source, request.commands)


def run_file(
    state: State, source: FileSource, commands: Iterable[str], *, report_success: bool = True
) -> None:  # fmt: skip
    """Run the program of a file, and show its errors and a summary. What has run before an error stays.

    `commands` are the names of all commands, to be told from the program.
    """
    results: list[Result] = []
    complete = False
    try:
        state.run(source, results)
        complete = True
    except KaleidoError as error:
        state.report(explained(error, commands))
        kept = "nothing has run" if isinstance(error, ParseError) or not results else f"kept {_summary(results)}"
        state.console.write_message(f"{source.name}: {kept}")
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{str(stop) or 'interrupted'}\n{source.name}: kept {_summary(results)}") from stop
    else:
        if report_success:
            state.console.write_message(f"{source.name}: {_summary(results)}")
    finally:
        # The items that did not run are only in the file: `:save` must not overwrite it.
        state.files.loaded(source, state.undo_log.items, complete=complete)


def summary(items: Sequence[Item], command_count: int = 0) -> str:
    """The number of definitions, of expressions and of commands that have run."""
    definitions = sum(isinstance(item, Definition | External) for item in items)
    expressions = len(items) - definitions
    counts = [(definitions, "definition"), (expressions, "expression"), (command_count, "command")]
    return ", ".join(counted(number, noun) for number, noun in counts if number) or "no definitions or expressions"


def _summary(results: Sequence[Result]) -> str:
    return summary([result.item for result in results])


def _path(word: Word) -> Path:
    """The path that an argument names, with or without quotes."""
    quoted = len(word.text) > 1 and word.text[0] == word.text[-1] and word.text[0] in "\"'"
    return Path(word.text[1:-1] if quoted else word.text).expanduser()


def _save(request: Request, word: Word) -> None:
    state, path, items = request.state, _path(word), [*request.state.undo_log.items]
    try:
        if path.is_dir():
            request.fail(f"`{word.text}` is a folder", word)
        refusal = state.files.refusal(path, items) if path.exists() else ""
        if refusal:
            hint = f"{refusal}: choose another name, or remove the file first"
            request.fail(f"`{word.text}` already exists", word, "", hint)
        data, saved = state.files.program(path, items, lambda text: _checked(request.session, text))
        with uninterrupted():
            replace_content(path, data)
            state.files.saved(path, data, items)
    except (OSError, ValueError) as error:
        request.fail(f"cannot write `{word.text}`", word, reason(error))
    _warn(request, Source(word.text, decoded(data)))
    request.console.write(f"saved {summary([each.item for each in saved])} to `{word.text}`\n")


def _checked(session: Session, text: str) -> Sequence[Item]:
    return session.check(Source("<saved>", decoded(encoded(text))))


def _warn(request: Request, saved: Source) -> None:
    """Say if a saved program could not run in a new REPL, or without the user's init.kal."""
    try:
        problem = "does not load as it is"
        request.session.check(saved)
        if request.state.init_run:
            problem = f"needs your init.kal, which `kaleido {saved.name}` does not run"
            request.session.check(saved, initial=False)
    except KaleidoError as error:
        request.console.write_message(f"warning: `{saved.name}` {problem}: {error.diagnostic.title}")


def _edit(request: Request, word: Word | None = None) -> None:
    function = request.function(word) if word is not None else None
    state, name = request.state, function.name if function is not None else ""
    target = word or request.name
    if not request.console.interactive:
        request.fail("an editor needs a terminal", target)
    before = state.drafts.get(name) or (function.source if function is not None else state.last_program)
    text = _edited(request, target, before)
    if not text.strip() or (text == before and name not in state.drafts):
        request.console.write("nothing has changed\n")
        return
    state.drafts[name] = text
    try:
        results = state.run(Source(f"{request.source.name.removesuffix('>')}, edited>", text))
    except KaleidoError as error:
        state.report(error)
        request.console.write_message(f"`:edit{f' {name}' if name else ''}` opens the edited text again")
    else:
        del state.drafts[name]
        for line in _effects(request.session, results) or [f"edited: {_summary(results)}"]:
            request.console.write_message(line)


def _effects(session: Session, results: Sequence[Result]) -> list[str]:
    """What edited definitions changed: a line for each, which names the callers that use the new definition."""
    changes = [result.change for result in results if result.change is not None]
    past = {name: before for change in changes for name, before in change.past.functions.items()}
    deoptimized = {symbol for change in changes for symbol in change.deoptimized}
    names = [result.item.prototype.name for result in results if isinstance(result.item, Definition)]
    return [_effect(session, name, past, deoptimized) for name in dict.fromkeys(names)]


def _effect(session: Session, name: str, past: Mapping[str, object], deoptimized: Collection[str]) -> str:
    if name not in past:
        return f"{name}: the same definition as before"
    if past[name] is None:
        return f"{name}: defined"
    callers = [each for each in session.functions() if name in each.calls and each.name != name]
    if not callers:
        return f"{name}: redefined"
    shown = (
        f"{each.name} (deoptimized)" if each.unit.symbol in deoptimized else each.name
        for each in callers[:_MOST_CALLERS]
    )
    more = ["…"] if len(callers) > _MOST_CALLERS else []
    return f"{name}: redefined; its callers call the new one from now on: {', '.join([*shown, *more])}"


def _edited(request: Request, target: Word, text: str) -> str:
    """Let the user edit a text in their editor; returns the edited text."""
    command = _editor(request, target)
    descriptor, name = tempfile.mkstemp(prefix="kaleido-", suffix=".kal")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")
        with request.console.lent():
            ended = subprocess.run([*command, name], check=False)
        if ended.returncode != 0:
            request.fail(f"`{command[0]}` exited with status {ended.returncode}", target, "nothing has changed")
        return decoded(Path(name).read_bytes()).rstrip("\n")
    except OSError as error:
        request.fail(f"`{command[0]}` cannot be used", target, reason(error), "set EDITOR to your editor")
    finally:
        with suppress(OSError):
            os.unlink(name)


def _editor(request: Request, target: Word) -> list[str]:
    wanted = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        command = shlex.split(wanted)
    except ValueError as error:
        request.fail("$EDITOR is not a command", target, str(error).lower())
    if command:
        return command
    found = next((editor for editor in _EDITORS if shutil.which(editor) is not None), None)
    if found is None:
        request.fail("no editor found", target, "", "set EDITOR to your editor")
    return [found]


_FILE = Parameter("file", "a file", kind=Kind.PATH)

COMMANDS = [
    Command(
        "load",
        Group.FILES,
        (_FILE,),
        "run a file in this session",
        "The whole file is parsed first: if it has a syntax error, nothing runs. At any other error, what has run "
        "before it is kept. Definitions without an expression between them take effect together: if one has an error, "
        "none does. `:undo` undoes the whole file.",
        _load,
    ),
    Command(
        "reload",
        Group.FILES,
        (),
        "run the last loaded file again",
        "At first, that is the file of the command line: `kaleido -i FILE`.",
        _reload,
    ),
    Command(
        "edit",
        Group.FILES,
        (OPTIONAL_FUNCTION,),
        "edit a function in your editor, and run the edited text",
        "The editor is $VISUAL or $EDITOR. Without a function, the last entry is edited. A text that had an error is "
        "kept for the next `:edit`.",
        _edit,
    ),
    Command(
        "save",
        Group.FILES,
        (_FILE,),
        "save the definitions and expressions that have run",
        "In the order in which they ran, without those that had errors or were undone. A file that was loaded keeps "
        "its text: a new definition replaces the old one, and everything else is added. A file that this session has "
        "not loaded or saved, or that has changed since, is not overwritten.",
        _save,
    ),
]
