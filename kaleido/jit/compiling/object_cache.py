"""Object code from earlier runs: what the engine asks a cache for, and the keys.

A key is a hash of everything that determines the code: the IR, the tier and its policy, the sources of the modules that
put a module of LLVM together, the versions of LLVM and llvmlite, and the processor with its features. Object code is
relocatable, and neither it nor IR contains an address: symbols are resolved when it is loaded.

An entry begins with a hash of its key and its code. One that is damaged, or stored under another key, is ignored and
replaced: LLVM would end the process, and code must not be executed unless it is what was compiled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from kaleido.jit import unit
from kaleido.jit.compiling.llvm import ObjectCode, host_description, object_code

__all__ = ["ObjectCache", "cached_code"]


_HASH = 32


class ObjectCache(Protocol):
    """Keeps entries for other engines, also of other processes. Any thread may use it.

    The engine executes the code in an entry, and its hash is no signature: only trusted programs may be able to write
    to the cache. If a method raises, the code is compiled as if there were no cache.
    """

    def get(self, key: str) -> bytes | None:
        """The entry of a `key`, which is a hash of 64 hexadecimal digits; None if there is none."""

    def put(self, key: str, entry: bytes) -> None:
        """Keep an entry, or drop it: a cache may be limited. It replaces one that was damaged."""


def cached_code(objects: ObjectCache | None, parts: Iterable[str], emit: Callable[[], ObjectCode]) -> ObjectCode:
    """The code that `emit` returns, from `objects` if it is there. `parts` determine it. Raises what `emit` does."""
    if objects is None:
        return emit()
    key = _key(parts)
    with suppress(Exception):
        entry = objects.get(key) or b""
        data = entry[_HASH:]
        if entry[:_HASH] == _digest(key, data):
            return object_code(data)
    code = emit()
    with suppress(Exception):
        objects.put(key, _digest(key, code.data) + code.data)
    return code


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + data).digest()


def _key(parts: Iterable[str]) -> str:
    digest = hashlib.sha256(_environment())
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        # With the lengths, no two lists of parts are the same text.
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


@cache
def _environment() -> bytes:
    """A hash of what is the same for all code that this process compiles."""
    digest = hashlib.sha256(host_description().encode())
    for path in [Path(unit.__file__), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.digest()
