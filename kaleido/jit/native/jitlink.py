"""LLVM's own linker, JITLink, for objects and platforms that ``linking`` does not know.

It maps pages for each object, some 50 KB, so a process can hold about 29,000 of them. Linking into an LLJIT gets slower
with the number of objects it ever held, and the name of an object in it cannot be used again. So objects go into
*arenas*: an LLJIT takes a few dozen of them, then the next one begins; an arena is closed when its last object is
freed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import Target
from kaleido.jit.policy import Policy

__all__ = ["Arena", "JitLink", "LinkedObject"]


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
        """Load an object file. Returns it, and the addresses of `exports`. Raises LookupError."""
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
            raise LookupError(str(error)) from None
        linked = LinkedObject(arena, tracker)
        arena.objects.add(linked)
        return linked, {name: tracker[name] for name in exports}

    def free(self, linked: LinkedObject) -> None:
        linked.tracker.close()
        linked.arena.objects.remove(linked)
        self._close_if_used_up(linked.arena)

    def close(self) -> None:
        """Close every arena, which frees all code."""
        for arena in self._arenas:
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
