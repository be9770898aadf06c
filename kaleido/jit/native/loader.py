"""Object code into executable memory, and out of it.

Objects never refer to each other by name: every symbol that they need is imported as an absolute address, so it does
not matter where each is. An object goes into code memory (``linking``, ``code_memory``) where the platform and the
object allow it, otherwise to LLVM's linker (``jitlink``), which takes ten times as long, and 50 KB for each object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.native.code_memory import Block, CodeMemory, NotWritable, is_available
from kaleido.jit.native.elf import UnsupportedObject, placed
from kaleido.jit.native.linking import link

if TYPE_CHECKING:
    from kaleido.jit.native.jitlink import JitLink, LinkedObject

__all__ = ["LoadedObject", "Loader"]


class LoadedObject:
    """Object code in executable memory. It has a number of users, and is freed when the last one releases it.

    `addresses` maps each exported symbol to its address; valid until the memory is freed. `debug_file` is the object
    file, with the addresses of its sections, if it has debug information.
    """

    __slots__ = ("_loader", "_place", "_users", "addresses", "debug_file")

    def __init__(
        self, loader: Loader, place: Block | LinkedObject, addresses: Mapping[str, int], users: int, debug_file: bytes
    ) -> None:
        self.addresses, self.debug_file = addresses, debug_file
        self._loader, self._place, self._users = loader, place, users

    @property
    def code(self) -> tuple[int, int]:
        """The address and the size of its code; zeros where LLVM's linker has loaded it."""
        return (self._place.code, self._place.code_size) if isinstance(self._place, Block) else (0, 0)

    def release(self) -> None:
        """End one use. The last one frees the memory: then no thread may be running in it or be able to call it."""
        self._users -= 1
        if self._users == 0:
            self._loader.free(self, self._place)


class Loader:
    """Loads object code. Not thread-safe by itself.

    `capacity` is the number of objects in one arena of LLVM's linker, and `jitlink` says that it loads every object.
    `debug` keeps their debug information, where it is not LLVM's linker that loads them.
    """

    def __init__(self, capacity: int, *, jitlink: bool = False, debug: bool = False) -> None:
        self._memory = CodeMemory() if is_available() and not jitlink else None
        self._capacity, self._debug = capacity, debug
        # LLVM's linker, from the first object on that needs it: it loads LLVM.
        self._jitlink: JitLink | None = None
        self._loaded: set[LoadedObject] = set()

    @property
    def arenas(self) -> int:
        """The number of regions of code memory, and of arenas of LLVM's linker."""
        return (self._jitlink.arenas if self._jitlink else 0) + (self._memory.regions if self._memory else 0)

    @property
    def loaded(self) -> frozenset[LoadedObject]:
        """The loaded objects."""
        return frozenset(self._loaded)

    @property
    def objects(self) -> int:
        """The number of loaded objects."""
        return len(self._loaded)

    def load(
        self, code: ObjectCode, exports: Iterable[str], imports: Mapping[str, int], *, users: int = 1
    ) -> LoadedObject:
        """Link `code` against `imports` (symbol to address), and against the process for all other symbols.

        Raises LookupError if a symbol is not found, and MemoryError. Then nothing has changed.
        """
        place, addresses, sections = self._link(code.data, list(exports), imports)
        debug_file = placed(code.data, sections) if self._debug and sections else b""
        loaded = LoadedObject(self, place, addresses, users, debug_file)
        self._loaded.add(loaded)
        return loaded

    def free(self, loaded: LoadedObject, place: Block | LinkedObject) -> None:
        """Free the memory of an object: see :meth:`LoadedObject.release`."""
        if isinstance(place, Block):
            assert self._memory is not None
            self._memory.free(place)
        else:
            assert self._jitlink is not None
            self._jitlink.free(place)
        self._loaded.remove(loaded)

    def close(self) -> None:
        """Free all code."""
        self._loaded.clear()
        if self._jitlink is not None:
            self._jitlink.close()
        if self._memory is not None:
            self._memory.close()

    def _link(
        self, data: bytes, exports: Collection[str], imports: Mapping[str, int]
    ) -> tuple[Block | LinkedObject, dict[str, int], dict[int, int]]:
        if self._memory is not None:
            try:
                return link(data, exports, imports, self._memory)
            except (UnsupportedObject, NotWritable):
                pass
        if self._jitlink is None:
            from kaleido.jit.native.jitlink import JitLink

            self._jitlink = JitLink(self._capacity)
        return *self._jitlink.link(data, exports, imports), {}
