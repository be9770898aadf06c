"""Pools of stubs: what is compiled and loaded for many stubs of a kind, and which signatures are of one kind."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from itertools import count
from types import SimpleNamespace
from typing import Any

from kaleido.jit.native.stubs import Stub, Stubs
from kaleido.jit.unit import Signature


class FakeRuntime:
    """Loads nothing: its objects have addresses in memory that is kept here."""

    hook = 0

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.published: dict[int, int] = {}
        self._memory: list[Any] = []
        self._addresses = count(4096, 16)

    def load(self, ir: str, exports: Iterable[str], imports: object) -> Any:
        self.loaded.append(ir)
        addresses = {name: next(self._addresses) for name in exports}
        self._memory.append(ctypes.create_string_buffer(4096))
        addresses["records"] = ctypes.addressof(self._memory[-1])
        return SimpleNamespace(addresses=addresses)

    def publish(self, slot: int, code: int) -> None:
        self.published[slot] = code


def stubs_of(runtime: FakeRuntime, *, profiled: bool = False) -> Stubs:
    return Stubs(runtime, profiled=profiled)  # type: ignore[arg-type]


SIGNATURE = Signature("double", ("double",))


def allocated(stubs: Stubs, number: int, signature: Signature = SIGNATURE) -> list[Stub]:
    return [stubs.allocate(signature) for _ in range(number)]


def test_the_first_stubs_share_the_code_of_one() -> None:
    runtime = FakeRuntime()
    stubs = stubs_of(runtime)
    found = allocated(stubs, 16)
    assert len(runtime.loaded) == 16
    [ir] = set(runtime.loaded)
    assert "stub.0" in ir
    assert "stub.1" not in ir
    assert len({stub.record for stub in found}) == len({stub.address for stub in found}) == 16


def test_further_stubs_are_loaded_many_at_once() -> None:
    runtime = FakeRuntime()
    stubs = stubs_of(runtime)
    found = allocated(stubs, 512 + 160)
    assert len(runtime.loaded) == 512 + 10
    assert len(set(runtime.loaded)) == 2
    assert len({stub.record for stub in found}) == 512 + 160
    # Each kind counts for itself.
    allocated(stubs, 1, Signature("double", ("<2 x double>",)))
    assert "stub.1" not in runtime.loaded[-1]


def test_signatures_of_scalars_in_registers_share_code() -> None:
    runtime = FakeRuntime()
    stubs = stubs_of(runtime)
    scalars = [
        SIGNATURE,
        Signature("void", ()),
        Signature("ptr", ("i1 zeroext", "i64", "ptr noalias", "half", "float")),
        Signature("double", ("i64",) * 6 + ("double",) * 8),
    ]
    assert [stub.signature for each in scalars for stub in allocated(stubs, 1, each)] == scalars
    assert len(set(runtime.loaded)) == 1
    # On the stack; larger than a register; several registers for a result.
    allocated(stubs, 1, Signature("double", ("i64",) * 7))
    for each in ("<4 x double>", "i128", "{ double, double }"):
        allocated(stubs, 1, Signature("double", (each,)))
    allocated(stubs, 1, Signature("{ i64, i64 }", ("double",)))
    assert len(set(runtime.loaded)) == 6


def test_profilers_know_their_arguments() -> None:
    runtime = FakeRuntime()
    stubs = stubs_of(runtime, profiled=True)
    one, none = allocated(stubs, 1)[0], allocated(stubs, 1, Signature("double", ()))[0]
    assert (bool(one.profiler), bool(none.profiler)) == (True, False)
    assert len(set(runtime.loaded)) == 2


def test_a_freed_stub_is_allocated_again() -> None:
    runtime = FakeRuntime()
    stubs = stubs_of(runtime)
    [stub] = allocated(stubs, 1)
    stub.fields.runs = 7
    stubs.free(stub)
    assert (stub.fields.runs, runtime.published[stub.record]) == (0, stub.undefined)
    other = Signature("void", ("i64",))
    assert allocated(stubs, 1, other) == [stub._replace(signature=other)]
    assert len(runtime.loaded) == 1
