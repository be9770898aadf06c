"""Sessions that many programs share: most of the time of a short program is its session and LLVM.

A session is reset between two programs. So a search also tests that nothing of a program is left after it. For what the
sessions share, see ``tests/compiled_once.py``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from kaleido.session import Session
from tests.compiled_once import CompiledOnce

__all__ = ["Sessions"]

_ENTRIES = 10


class _Entries:
    """Object code of executables: what is the same in all of them is compiled once, as with the object cache."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: str, entry: bytes) -> None:
        self._entries[key] = entry
        if len(self._entries) > _ENTRIES:
            self._entries.popitem(last=False)


class Sessions:
    """A session for each way to run, and the code that they have compiled. Close it, or use it in a ``with``.

    In one that is not `shared`, each program has a session of its own.
    """

    def __init__(self, *, shared: bool = True) -> None:
        self._shared = shared
        self._sessions: dict[tuple[str, int | None, bool, bool], Session] = {}
        self._compiled = CompiledOnce()
        self.executables = _Entries()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sessions. Those that are needed afterwards are new."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    @contextmanager
    def session(
        self, jit: str, threshold: int | None, *, speculate: bool = False, debug: bool = False
    ) -> Iterator[Session]:
        """A session in its initial state. An AssertionError unless it can be made that again after the block."""
        if not self._shared:
            with Session(jit=jit, threshold=threshold, speculate=speculate, debug=debug) as session:
                yield session
            return
        key = jit, threshold, speculate, debug
        if key not in self._sessions:
            self._sessions[key] = Session(jit=jit, threshold=threshold, speculate=speculate, debug=debug)
        session = self._sessions[key]
        try:
            with self._compiled.block():
                yield session
            session.reset()
            assert not session.functions(), f"left after a reset: {session.functions()[0].name}"
        except BaseException:
            self.close()
            raise
