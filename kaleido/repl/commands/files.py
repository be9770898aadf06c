"""Commands that read and write files, or have another program do it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from kaleido.diagnostics import KaleidoError, Source, counted
from kaleido.language.source_files import decoded, reason, shown
from kaleido.repl.commands.table import ANY_FUNCTION, Command, Group, Kind, Parameter, Request, Word
from kaleido.repl.init_file import brought, load

__all__ = ["COMMANDS"]

_EDITORS = ("nano", "vi", "vim", "emacs")
"""What may be there where nobody says which editor they like."""


def _load(request: Request, word: Word) -> None:
    path = _path(word)
    _run_file(request, path, word)
    request.state.loaded = path


def _reload(request: Request) -> None:
    if request.state.loaded is None:
        request.fail("nothing has been loaded yet", request.name, "", "`:load file` loads a file")
    _run_file(request, request.state.loaded, request.name)


def _run_file(request: Request, path: Path, word: Word) -> None:
    known = request.state.known
    try:
        # What did not run is nowhere but in the file: it must not be written over.
        (known.add if load(request.state, path) else known.discard)(path.resolve())
    except (OSError, ValueError) as error:
        request.fail(f"cannot read `{shown(path)}`", word, reason(error))


def _path(word: Word) -> Path:
    """The file that an argument names, in quotes or without."""
    quoted = len(word.text) > 1 and word.text[0] == word.text[-1] and word.text[0] in "\"'"
    return Path(word.text[1:-1] if quoted else word.text).expanduser()


def _save(request: Request, word: Word) -> None:
    state, path = request.state, _path(word)
    try:
        if path.is_dir():
            request.fail(f"`{word.text}` is a folder", word)
        if path.exists() and path.resolve() not in state.known:
            hint = "this session does not have all that is in it: choose another name, or remove it first"
            request.fail(f"`{word.text}` is there already", word, "", hint)
        _write(path, state.journal.program)
    except (OSError, ValueError) as error:
        request.fail(f"cannot write `{word.text}`", word, reason(error))
    state.known.add(path.resolve())
    try:
        request.session.check(Source(word.text, state.journal.program))
    except KaleidoError as error:
        request.console.write_error(f"warning: `{word.text}` does not load as it is: {error.diagnostic.title}")
    request.console.write(f"saved {counted(len(state.journal), 'item')} to `{word.text}`\n")


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: whatever fails, what was there before is not lost. Through links."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=".kaleido-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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
        results = state.run(state.entry(text))
    except KaleidoError as error:
        state.report(error)
        request.console.write_error(f"`:edit{f' {name}' if name else ''}` opens it again")
    else:
        del state.drafts[name]
        request.console.write_error(f"edited: {brought(results)}")


def _edited(request: Request, target: Word, text: str) -> str:
    """What the user makes of a text in their editor."""
    command = _editor(request, target)
    descriptor, name = tempfile.mkstemp(prefix="kaleido-", suffix=".kal")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")
        with request.console.lent():
            ended = subprocess.run([*command, name], check=False)
        if ended.returncode != 0:
            request.fail(f"`{command[0]}` ended with {ended.returncode}", target, "nothing has changed")
        return decoded(Path(name).read_bytes()).rstrip("\n")
    except OSError as error:
        request.fail(f"`{command[0]}` cannot be used", target, reason(error), "set EDITOR to the one you like")
    finally:
        with suppress(OSError):
            os.unlink(name)


def _editor(request: Request, target: Word) -> list[str]:
    wanted = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        command = shlex.split(wanted)
    except ValueError as error:
        request.fail("$EDITOR is no command", target, str(error).lower())
    if command:
        return command
    found = next((editor for editor in _EDITORS if shutil.which(editor) is not None), None)
    if found is None:
        request.fail("no editor", target, "", "set EDITOR to the one you like")
    return [found]


_FILE = Parameter("file", "a file", kind=Kind.PATH)

COMMANDS = [
    Command(
        "load",
        Group.FILES,
        (_FILE,),
        "run a file in this session",
        "It is read whole first: with a syntax error anywhere, nothing of it runs. At another error what stands before "
        "it is kept, and of the item that has it nothing. `:undo` takes all of the file back.",
        _load,
    ),
    Command("reload", Group.FILES, (), "run the file that was loaded last again", "", _reload),
    Command(
        "edit",
        Group.FILES,
        (ANY_FUNCTION,),
        "edit a function in your editor, and run what comes of it",
        "In $VISUAL or $EDITOR. Without a function, the last entry. What did not work is there again the next time.",
        _edit,
    ),
    Command(
        "save",
        Group.FILES,
        (_FILE,),
        "write what has worked to a file, as a program",
        "Definitions and expressions in their order, and not what was an error or was taken back: `:load`, or `kaleido "
        "FILE`, does the same again. A file that this session has not loaded or saved is never written over.",
        _save,
    ),
]
