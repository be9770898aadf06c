"""Sessions and machine code that many programs share: most of the time of a short program is its session and LLVM.

- A session is reset between two programs. So a search also tests that nothing of a program is left after it.
- Compilation depends on the units and the tier alone. The same units are compiled once, whatever the mode: at -O0 the
  modes with two tiers share all their code, and at -O3 most of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from unittest import mock

from kaleido.codegen import lowering
from kaleido.jit import Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.session import Session

__all__ = ["Sessions"]

# Objects that are kept, the latest used: those of a few programs, and of the prelude.
OBJECTS = 500

_Key = tuple[Tier, tuple[tuple[str, str], ...]]


class Sessions:
    """A session for each way to run, and the code that they have compiled. Close it, or use it in a ``with``.

    In one that is not `shared`, each program has a session of its own.
    """

    def __init__(self, *, shared: bool = True) -> None:
        self._shared = shared
        self._sessions: dict[tuple[str, int | None], Session] = {}
        self._objects: OrderedDict[_Key, ObjectCode] = OrderedDict()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sessions. Those that are needed afterwards are new."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    @contextmanager
    def session(self, jit: str, threshold: int | None) -> Iterator[Session]:
        """A session in its initial state. An AssertionError unless it can be made that again after the block."""
        if not self._shared:
            with Session(jit=jit, threshold=threshold) as session:
                yield session
            return
        if (jit, threshold) not in self._sessions:
            self._sessions[jit, threshold] = Session(jit=jit, threshold=threshold)
        session = self._sessions[jit, threshold]
        try:
            with self._compiled_once():
                yield session
            session.reset()
            assert not session.functions(), f"left after a reset: {session.functions()[0].name}"
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _compiled_once(self) -> Iterator[None]:
        """Compile units that are the same once, and give loops and expressions the same symbols in each session."""
        compile_units = Compiler.compile

        def compile_once(compiler: Compiler, units: Sequence[Unit], tier: Tier) -> ObjectCode:
            key = tier, tuple((unit.symbol, unit.ir) for unit in units)
            if key not in self._objects:
                self._objects[key] = compile_units(compiler, units, tier)
                if len(self._objects) > OBJECTS:
                    self._objects.popitem(last=False)
            return self._objects[key]

        with ExitStack() as patches:
            patches.enter_context(mock.patch.object(lowering, "_serials", count(1)))
            patches.enter_context(mock.patch.object(Compiler, "compile", compile_once))
            yield
