"""Object code into memory, and out of it.

Linking into an LLJIT gets slower with the number of libraries it ever held, and library names cannot be used
again. So libraries go into *arenas*: an LLJIT takes a few dozen of them, then the next one begins; an arena is
disposed of when its last library is unloaded. Libraries never refer to each other by name: every symbol they
need comes as an absolute address, so it does not matter which arena they are in.
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
        # llvmlite unloads a library when nobody refers to its tracker: loaded ones are kept here until unloaded.
        self.libraries: set[LoadedObject] = set()


class LoadedObject:
    """One loaded object. `addresses` maps the exported symbols to where they are; valid until :meth:`unload`."""

    def __init__(self, arena: _Arena, tracker: llvm.ResourceTracker, addresses: dict[str, int], loader: Loader):
        self.addresses = addresses
        self.users = 1
        self._arena, self._tracker, self._loader = arena, tracker, loader

    def release(self) -> None:
        """One user less. The last one frees the memory: nothing may be running in it, or call it, any more."""
        self.users -= 1
        if self.users:
            return
        self._tracker.close()
        self._arena.libraries.remove(self)
        self._loader.dispose_if_spent(self._arena)


class Loader:
    """Loads objects; `capacity` is the number of libraries in one arena. Not thread-safe by itself."""

    def __init__(self, target: Target, capacity: int) -> None:
        self._target = target
        self._capacity = capacity
        self._arenas: list[_Arena] = []

    @property
    def arenas(self) -> int:
        """How many arenas are in memory."""
        return len(self._arenas)

    @property
    def objects(self) -> int:
        """How many objects are loaded."""
        return sum(len(arena.libraries) for arena in self._arenas)

    def load(self, code: ObjectCode, exports: Iterable[str], imports: Mapping[str, int]) -> LoadedObject:
        """Link `code` against `imports` (symbol to address), and against the process for anything else.

        Raises LookupError where a symbol is nowhere to be found.
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
            self.dispose_if_spent(arena)
            raise LookupError(str(error)) from None
        library = LoadedObject(arena, tracker, {name: tracker[name] for name in names}, self)
        arena.libraries.add(library)
        return library

    def dispose_if_spent(self, arena: _Arena) -> None:
        """Dispose of an arena that has no library left and will get no more."""
        if not arena.libraries and arena.linked >= self._capacity:
            self._arenas.remove(arena)
            arena.jit.close()

    def close(self) -> None:
        """Dispose of every arena, and with them of all code."""
        for arena in self._arenas:
            arena.libraries.clear()
            arena.jit.close()
        self._arenas.clear()

    def _arena(self) -> _Arena:
        if not self._arenas or self._arenas[-1].linked >= self._capacity:
            self._arenas.append(_Arena(self._target))
        return self._arenas[-1]
