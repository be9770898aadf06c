"""Functions that arrive in a process by pickle: each program has one session here, and is compiled once.

A worker gets a function with each of its tasks. Sessions are found by a hash of the program, of its libraries and of
Kaleido's version. The latest _KEPT are kept; the others as long as a function of theirs exists.

Limits. A Python function does not travel. The process that receives a function needs the same libraries, and runs what
they contain when they are loaded. So unpickling is for sources that are trusted, as always. The session has the default
settings: not the mode or the stack of the session that the function comes from.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from kaleido import __version__
from kaleido.diagnostics import KaleidoError
from kaleido.session.function import Function
from kaleido.session.session import Session

__all__ = ["restored"]

_KEPT = 32

_lock = threading.Lock()
_sessions: OrderedDict[str, Session] = OrderedDict()


def restored(name: str, program: str, libraries: Sequence[str]) -> Function:
    """The function of a program that ``Function.as_program`` has made, in the session for that program.

    Raises LibraryError where a library cannot be loaded, KaleidoError where Kaleido's version cannot read the program.
    """
    from hashlib import sha256

    key = sha256(repr((__version__, program, tuple(libraries))).encode()).hexdigest()
    with _lock:
        if key not in _sessions:
            _sessions[key] = _arrived(name, program, libraries)
        _sessions.move_to_end(key)
        while len(_sessions) > _KEPT:
            _sessions.popitem(last=False)
        return _sessions[key][name]


def _arrived(name: str, program: str, libraries: Sequence[str]) -> Session:
    session = Session(prelude=False, libraries=libraries)
    session.run(program, f"<pickled {name}>")
    # What it needs and is not here is an error of the call.
    with suppress(KaleidoError):
        session[name].compile()
    return session


def _forget() -> None:
    """In a forked child: the sessions are the parent's, and another thread may have held the lock."""
    global _lock
    _lock = threading.Lock()
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
