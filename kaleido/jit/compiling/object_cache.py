"""Object code from earlier runs: what the engine asks a cache for, and the keys.

A key is a hash of everything that determines the code: the IR, the tier and its policy, the sources of the modules that
put a module of LLVM together, llvmlite with LLVM, and the processor with its features. Object code is relocatable, and
neither it nor IR contains an address: symbols are resolved when it is loaded.

An entry begins with a hash of its key and its content. One that is damaged, or stored under another key, is ignored and
replaced: LLVM would end the process, and code must not be executed unless it is what was compiled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from struct import Struct
from typing import Protocol

import llvmlite

from kaleido.jit import unit
from kaleido.jit.compiling.llvmlite_version import check
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.processor import processor

try:
    # hashlib loads OpenSSL, which takes as long as ten modules.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

__all__ = ["ObjectCache", "cached_code"]

# The first use of llvmlite in a process.
check(llvmlite.__version__, sys.platform)

# An entry: the hash, the numbers of ObjectCode, the object file.
_HASH, _NUMBERS = 32, Struct("<QQ")


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
        content = entry[_HASH:]
        if entry[:_HASH] == _digest(key, content):
            text_size, levels = _NUMBERS.unpack_from(content)
            return ObjectCode(content[_NUMBERS.size :], text_size, levels, is_cached=True)
    code = emit()
    with suppress(Exception):
        content = _NUMBERS.pack(code.text_size, code.levels) + code.data
        objects.put(key, _digest(key, content) + content)
    return code


def _digest(key: str, content: bytes) -> bytes:
    return blake2b(key.encode() + content, digest_size=_HASH).digest()


def _key(parts: Iterable[str]) -> str:
    digest = blake2b(_environment(), digest_size=_HASH)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        # With the lengths, no two lists of parts are the same text.
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


@cache
def _environment() -> bytes:
    """A hash of what is the same for all code that this process compiles."""
    # The library itself, because it may have been built or replaced apart from its version.
    library = next(each.stat() for each in _files(llvmlite.__file__, "binding") if "llvmlite" in each.name)
    digest = blake2b(f"{llvmlite.__version__} {library.st_size} {library.st_mtime_ns} {sys.platform}".encode())
    digest.update(processor() or _processor_by_llvm())
    for path in [unit.__file__, *(each.path for each in _files(__file__) if each.name.endswith(".py"))]:
        with open(path, "rb") as source:
            digest.update(source.read())
    return digest.digest()


def _files(module: str, folder: str = "") -> list[os.DirEntry[str]]:
    """The files beside that of a module, or in a folder beside it."""
    return sorted(os.scandir(os.path.join(os.path.dirname(module), folder)), key=lambda each: each.name)


def _processor_by_llvm() -> bytes:
    from kaleido.jit.compiling.llvm import host_description

    return host_description().encode()
