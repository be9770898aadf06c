"""Object code into executable memory, and out of it.

Linking into an LLJIT gets slower with the number of objects it ever held, and the name of an object in it cannot be
used again. So objects go into *arenas*: an LLJIT takes a few dozen of them, then the next one begins; an arena is
closed when its last object is freed. Objects never refer to each other by name: every symbol that they need is
imported as an absolute address, so it does not matter which arena they are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import ObjectCode, Target

__all__ = ["LoadedObject", "Loader"]


class _Arena:
    def __init__(self, target: Target) -> None:
        self.jit = llvm.create_lljit_compiler(target.machine, use_jit_link=True, suppress_errors=True)
        self.linked = 0
        # llvmlite frees an object when its tracker is collected: this keeps the trackers of all loaded objects.
        self.objects: set[LoadedObject] = set()


class LoadedObject:
    """Object code in executable memory. It has a number of users, and is freed when the last one releases it.

    `addresses` maps each exported symbol to its address; valid until the memory is freed.
    """

    def __init__(
        self,
        loader: Loader,
        arena: _Arena,
        tracker: llvm.ResourceTracker,
        addresses: Mapping[str, int],
        users: int,
    ) -> None:
        self.addresses = addresses
        self._loader, self._arena, self._tracker = loader, arena, tracker
        self._users = users

    def release(self) -> None:
        """End one use. The last one frees the memory: then no thread may be running in it or be able to call it."""
        self._users -= 1
        if self._users == 0:
            self._tracker.close()
            self._arena.objects.remove(self)
            self._loader.close_if_used_up(self._arena)


class Loader:
    """Loads object code; `capacity` is the number of objects in one arena. Not thread-safe by itself."""

    def __init__(self, target: Target, capacity: int) -> None:
        self._target = target
        self._capacity = capacity
        self._arenas: list[_Arena] = []

    @property
    def arenas(self) -> int:
        """The number of arenas in memory."""
        return len(self._arenas)

    @property
    def objects(self) -> int:
        """The number of loaded objects."""
        return sum(len(arena.objects) for arena in self._arenas)

    def load(
        self, code: ObjectCode, exports: Iterable[str], imports: Mapping[str, int], *, users: int = 1
    ) -> LoadedObject:
        """Link `code` against `imports` (symbol to address), and against the process for all other symbols.

        Raises LookupError if a symbol is not found.
        """
        arena = self._arena()
        arena.linked += 1
        builder = llvm.JITLibraryBuilder().add_object_img(code.data).add_current_process()
        names = list(exports)
        for name in names:
            builder.export_symbol(name)
        for name, address in imports.items():
            builder.import_symbol(name, address)
        try:
            tracker = builder.link(arena.jit, str(arena.linked))
        except RuntimeError as error:
            self.close_if_used_up(arena)
            raise LookupError(str(error)) from None
        loaded = LoadedObject(self, arena, tracker, {name: tracker[name] for name in names}, users)
        arena.objects.add(loaded)
        return loaded

    def close_if_used_up(self, arena: _Arena) -> None:
        """Close an arena that has no object left and takes no more."""
        if not arena.objects and arena.linked >= self._capacity:
            self._arenas.remove(arena)
            arena.jit.close()

    def close(self) -> None:
        """Close every arena, which frees all code."""
        for arena in self._arenas:
            arena.objects.clear()
            arena.jit.close()
        self._arenas.clear()

    def _arena(self) -> _Arena:
        if not self._arenas or self._arenas[-1].linked >= self._capacity:
            self._arenas.append(_Arena(self._target))
        return self._arenas[-1]
