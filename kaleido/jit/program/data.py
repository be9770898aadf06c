"""Data: variables in memory that all tiers and versions of all units share.

A unit is compiled in several tiers and versions, and each has a copy of whatever its IR defines: a variable in it would
have several values. So a variable that changes is a definition of its own, :class:`Data`. It is loaded once, and code
gets its address as it gets that of a C function.

What happens when data is defined again:

====================================  ================================================================================
the same type and initial value       nothing: the variable keeps its value
the same type, another initial value  the variable keeps its address, and gets the new value; not atomically
another type, or thread-local         it is another variable. Units that use the old one must be defined again in the
                                      same transaction; code of theirs that is running keeps the old variable
====================================  ================================================================================

*Thread-local* data is a function in C's convention that returns the address of the calling thread's own variable:
``declare ptr @SYMBOL()``. The variable is allocated with ``malloc`` when a thread first asks for it, and freed when the
thread ends. When the data itself is freed, only the variable of the freeing thread is; so define it for good.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Iterable, Iterator, Mapping

from kaleido.jit.native.entry_points import c_function
from kaleido.jit.native.loader import LoadedObject
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.program.reclaim import Reclaimer
from kaleido.jit.program.symbols import labels
from kaleido.jit.program.versions import Version
from kaleido.jit.unit import Data, Signature, quoted

__all__ = ["DataChange", "DataTable"]


class _Variable:
    """Data in memory. `address` is that of the variable; for thread-local data, of the function that finds it."""

    def __init__(self, data: Data, loaded: LoadedObject, size: int) -> None:
        self.data, self.loaded, self.size = data, loaded, size

    @property
    def address(self) -> int:
        return self.loaded.addresses[self.data.symbol]

    def destroy(self) -> None:
        """Give back what is not memory of the loader: the key of thread-local data."""
        if self.data.thread_local:
            c_function(self.loaded.addresses[_destroy(self.data)], Signature("void", ()))()

    def free(self) -> None:
        self.destroy()
        self.loaded.release()


class DataTable:
    """The data that is defined. Used under the engine's lock."""

    def __init__(self, runtime: Runtime, reclaimer: Reclaimer) -> None:
        self._runtime, self._reclaimer = runtime, reclaimer
        self.variables: dict[str, _Variable] = {}
        # Of the transaction in progress: what it adds, and None for what it removes.
        self._pending: dict[str, _Variable | None] = {}

    def addresses(self, names: Iterable[str]) -> Iterator[tuple[str, int]]:
        """The names with their addresses, as they are after the transaction in progress."""
        for name in names:
            variable = self._pending.get(name) or self.variables[name]
            yield name, variable.address

    def address(self, symbol: str) -> int:
        """The address of a variable; if it is thread-local, of the calling thread's. Raises KeyError."""
        variable = self.variables[symbol]
        if not variable.data.thread_local:
            return variable.address
        address: int = c_function(variable.address, Signature("ptr", ()))()
        return address

    def read(self, symbol: str) -> bytes:
        """The bytes of a variable; if it is thread-local, of the calling thread's. Raises KeyError."""
        return ctypes.string_at(self.address(symbol), self.variables[symbol].size)

    def load(self, data: Data) -> _Variable:
        """Load data that is not in the table yet. Raises ValueError where LLVM rejects its type or initial value."""
        module = _thread_local_ir(data) if data.thread_local else _ir(data)
        names = [data.symbol, *([_create(data), _destroy(data)] if data.thread_local else [])]
        loaded = self._runtime.load(module, [*names, _size(data)])
        if data.thread_local:
            created = c_function(loaded.addresses[_create(data)], Signature("i32", ()))()
            if created:
                loaded.release()
                raise MemoryError("no more thread-local data")
        return _Variable(data, loaded, ctypes.c_uint64.from_address(loaded.addresses[_size(data)]).value)

    def begin(self, pending: Mapping[str, _Variable | None]) -> None:
        """Let names mean what they mean after the transaction."""
        self._pending = dict(pending)

    def end(self) -> None:
        """The transaction has ended."""
        self._pending = {}

    def put(self, symbol: str, variable: _Variable | None) -> None:
        """Exchange a variable, or remove it. Code that is running may still use the old one."""
        old = self.variables.pop(symbol, None)
        if old is not None:
            self._reclaimer.retire(old.free)
        if variable is not None:
            self.variables[symbol] = variable

    def close(self) -> None:
        """Destroy what the loader does not know of. The memory is the loader's."""
        for variable in self.variables.values():
            variable.destroy()
        self.variables.clear()


class DataChange:
    """The data of one transaction: what it defines, and what it removes.

    `removed` are the names among those to remove that are data.
    """

    def __init__(self, table: DataTable, added: Collection[Data], removed: Iterable[str]) -> None:
        self._table = table
        self.added = [data for data in added if table.variables.get(data.symbol) is None or not self._is_same(data)]
        self.kept = {data.symbol for data in added} - {data.symbol for data in self.added}
        self.removed = [name for name in removed if name in table.variables]
        self._resets = {data.symbol for data in self.added if self._is_reset(data)}
        self._loaded: dict[str, _Variable] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed)

    def check(self, added: Collection[Version], remaining: Collection[Version]) -> None:
        """Raise ValueError where a unit would use data that is not defined, or data that has become other data.

        `added` are the versions that the transaction adds, `remaining` those that it leaves as they are, if it changes
        data.
        """
        names = [data.symbol for data in self.added]
        if len({*names, *self.removed, *self.kept}) < len(names) + len(self.removed) + len(self.kept):
            raise ValueError("a symbol is given twice")
        units = {version.unit.symbol for version in remaining}
        for name in names:
            if name in units:
                raise ValueError(f"{name} is a unit, and cannot be data")
        # Without a copy: most transactions change no data.
        defined: Collection[str] = self._table.variables
        if not self.is_empty:
            defined = {*defined, *names}.difference(self.removed)
        for version in added:
            self._check_uses(version, defined)
        self._check_users(remaining)

    def _check_uses(self, version: Version, defined: Collection[str]) -> None:
        unit = version.unit
        if unit.symbol in defined:
            raise ValueError(f"{unit.symbol} is data, and cannot be a unit")
        for name in unit.data:
            if name not in defined:
                raise ValueError(f"{unit.label} uses the data {name}, which is not defined")

    def _check_users(self, remaining: Collection[Version]) -> None:
        """Whatever becomes another variable, or is removed, must have no users that stay."""
        changed = {*self.removed, *(data.symbol for data in self.added)}.difference(self._resets)
        if changed:
            users = [version for version in remaining if not changed.isdisjoint(version.unit.data)]
            if users:
                raise ValueError(f"data that changes is used by {labels(users)}")

    def load(self) -> None:
        """Load what is added. Raises ValueError."""
        for data in self.added:
            self._loaded[data.symbol] = self._table.load(data)
        new = {name: variable for name, variable in self._loaded.items() if name not in self._resets}
        self._table.begin({**dict.fromkeys(self.removed), **new})

    def commit(self) -> None:
        """Change the table."""
        self._table.end()
        for name, variable in self._loaded.items():
            if name in self._resets:
                old = self._table.variables[name]
                ctypes.memmove(old.address, variable.address, variable.size)
                old.data = variable.data
                variable.free()
            else:
                self._table.put(name, variable)
        for name in self.removed:
            self._table.put(name, None)

    def roll_back(self) -> None:
        """Give back what was loaded."""
        self._table.end()
        for variable in self._loaded.values():
            variable.free()

    def _is_same(self, data: Data) -> bool:
        return self._table.variables[data.symbol].data == data

    def _is_reset(self, data: Data) -> bool:
        """Whether a variable only gets another value."""
        old = self._table.variables.get(data.symbol)
        return old is not None and not (data.thread_local or old.data.thread_local) and old.data.type == data.type


def _size(data: Data) -> str:
    return f"{data.symbol}.size"


def _create(data: Data) -> str:
    return f"{data.symbol}.create"


def _destroy(data: Data) -> str:
    return f"{data.symbol}.destroy"


def _size_ir(data: Data) -> str:
    end = f"getelementptr ({data.type}, ptr null, i64 1)"
    return f"{quoted(_size(data))} = constant i64 ptrtoint (ptr {end} to i64)\n"


def _ir(data: Data) -> str:
    return f"{quoted(data.symbol)} = global {data.type} {data.initializer}\n" + _size_ir(data)


def _thread_local_ir(data: Data) -> str:
    """The accessor: ``pthread_getspecific``, and at a thread's first call memory with the initial value."""
    initial, key = quoted(f"{data.symbol}.initial"), quoted(f"{data.symbol}.key")
    return (
        _size_ir(data)
        + f"""
{initial} = internal constant {data.type} {data.initializer}
{key} = internal global i32 0
declare i32 @pthread_key_create(ptr, ptr)
declare i32 @pthread_key_delete(i32)
declare ptr @pthread_getspecific(i32)
declare i32 @pthread_setspecific(i32, ptr)
declare ptr @malloc(i64)
declare void @free(ptr)
declare ptr @memcpy(ptr, ptr, i64)
define i32 {quoted(_create(data))}() nounwind {{
  %error = call i32 @pthread_key_create(ptr {key}, ptr @free)
  ret i32 %error
}}
define void {quoted(_destroy(data))}() nounwind {{
  %key = load i32, ptr {key}
  %own = call ptr @pthread_getspecific(i32 %key)
  call void @free(ptr %own)
  %error = call i32 @pthread_key_delete(i32 %key)
  ret void
}}
define ptr {quoted(data.symbol)}() nounwind {{
  %key = load i32, ptr {key}
  %own = call ptr @pthread_getspecific(i32 %key)
  %known = icmp ne ptr %own, null
  br i1 %known, label %found, label %allocate
found:
  ret ptr %own
allocate:
  %size = load i64, ptr {quoted(_size(data))}
  %new = call ptr @malloc(i64 %size)
  %copied = call ptr @memcpy(ptr %new, ptr {initial}, i64 %size)
  %error = call i32 @pthread_setspecific(i32 %key, ptr %new)
  ret ptr %new
}}
"""
    )
