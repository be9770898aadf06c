"""LLVM's own linker, JITLink, for objects and platforms that ``linking`` does not know.

It maps pages for each object, some 50 KB, so a process can hold about 29,000 of them. Linking into an LLJIT gets slower
with the number of objects it ever held, and the name of an object in it cannot be used again. So objects go into
*arenas*: an LLJIT takes a few dozen of them, then the next one begins; an arena is closed when its last object is
freed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping
from functools import cache
from math import inf
from pathlib import Path

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import Target
from kaleido.jit.native.code_memory import no_memory
from kaleido.jit.policy import Policy

__all__ = ["Arena", "JitLink", "LinkedObject"]


# An object takes 2.2 memory mappings, rounded up. LLVM ends the process where there is no other.
_MAPPINGS = 2.5


class LinkedObject:
    """An object in an arena. llvmlite frees it when its tracker is collected."""

    def __init__(self, arena: Arena, tracker: llvm.ResourceTracker) -> None:
        self.arena, self.tracker = arena, tracker


class Arena:
    """An LLJIT, with the objects in it and the number that there ever were."""

    def __init__(self) -> None:
        self.jit = llvm.create_lljit_compiler(Target(Policy()).machine, use_jit_link=True, suppress_errors=True)
        self.linked = 0
        # This keeps the trackers of all loaded objects.
        self.objects: set[LinkedObject] = set()


class JitLink:
    """Links objects; `capacity` is the number of objects in one arena. Not thread-safe by itself."""

    # The loaded objects of this process. (Engines may count at the same time, and be a few off.)
    _objects = 0

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._arenas: list[Arena] = []

    @property
    def arenas(self) -> int:
        """The number of arenas in memory."""
        return len(self._arenas)

    def link(
        self, data: bytes, exports: Collection[str], imports: Mapping[str, int]
    ) -> tuple[LinkedObject, dict[str, int]]:
        """Load an object file. Returns it, and the addresses of `exports`. Raises LookupError, MemoryError."""
        if JitLink._objects >= _most_objects():
            raise no_memory(f"{JitLink._objects:,} objects are loaded")
        arena = self._arena()
        arena.linked += 1
        builder = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
        for name in exports:
            builder.export_symbol(name)
        for name, address in imports.items():
            builder.import_symbol(name, address)
        try:
            tracker = builder.link(arena.jit, str(arena.linked))
        except RuntimeError as error:
            self._close_if_used_up(arena)
            if os.strerror(errno.ENOMEM) in str(error):
                raise no_memory(os.strerror(errno.ENOMEM)) from None
            raise LookupError(str(error)) from None
        linked = LinkedObject(arena, tracker)
        arena.objects.add(linked)
        JitLink._objects += 1
        return linked, {name: tracker[name] for name in exports}

    def free(self, linked: LinkedObject) -> None:
        linked.tracker.close()
        linked.arena.objects.remove(linked)
        JitLink._objects -= 1
        self._close_if_used_up(linked.arena)

    def close(self) -> None:
        """Close every arena, which frees all code."""
        for arena in self._arenas:
            JitLink._objects -= len(arena.objects)
            arena.objects.clear()
            arena.jit.close()
        self._arenas.clear()

    def _arena(self) -> Arena:
        if not self._arenas or self._arenas[-1].linked >= self._capacity:
            self._arenas.append(Arena())
        return self._arenas[-1]

    def _close_if_used_up(self, arena: Arena) -> None:
        """Close an arena that has no object left and takes no more."""
        if not arena.objects and arena.linked >= self._capacity:
            self._arenas.remove(arena)
            arena.jit.close()


@cache
def _most_objects() -> float:
    """The number of objects that this process may load: Linux limits the memory mappings of a process."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text()) // _MAPPINGS
    except (OSError, ValueError):
        return inf
