"""Memory for code, stubs and stacks that cannot be had: a KaleidoError, and a session that goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from mmap import PAGESIZE
from typing import Any, NamedTuple

import pytest

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.jit import Engine, Policy
from kaleido.jit.native import code_memory, jitlink, stubs
from kaleido.jit.native.code_memory import is_available, no_memory
from kaleido.jit.native.code_ranges import CodeRanges
from kaleido.jit.native.loader import Loader
from kaleido.jit.running import stacks
from tests.jit.helpers import Remains
from tests.jit.schedule import open_files
from tests.jit.tiny import units

pytestmark = pytest.mark.skipif(not is_available(), reason="this platform has no code memory")


@pytest.fixture(scope="module", autouse=True)
def ctrl_c_is_watched() -> None:
    """The pipe for Ctrl-C during direct calls, which stays open, is there."""
    with Session() as session:
        session.run("def f(x) x")
        assert session["f"](1) == 1.0


def no_code_memory(*_: Any, **__: Any) -> Any:
    raise no_memory(os.strerror(errno.ENOMEM))


def no_memory_for_python(*_: Any, **__: Any) -> Any:
    raise MemoryError


def no_memory_of_the_system(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


def no_thread(*_: Any, **__: Any) -> Any:
    raise RuntimeError("can't start new thread")


class Allocation(NamedTuple):
    """A function that allocates, as an attribute, and what it does instead when it fails."""

    owner: Any
    name: str
    fail: Callable[..., Any]


ALLOCATIONS = {
    "address space": Allocation(code_memory, "_reserve", no_code_memory),
    "pages": Allocation(code_memory, "_protect", no_code_memory),
    "the file of the memory": Allocation(os, "open", no_memory_of_the_system),
    "writing it": Allocation(os, "pwrite", no_memory_of_the_system),
    "objects": Allocation(Loader, "load", no_code_memory),
    "the table of code ranges": Allocation(CodeRanges, "add", no_memory_for_python),
    "the record of a thread": Allocation(stacks, "_allocate_native_thread", no_memory_for_python),
    "the guard zone": Allocation(stacks, "_set_guard_zone", lambda *_: False),
    "the thread": Allocation(threading.Thread, "start", no_thread),
}


class Failing:
    """Makes one call of an allocating function fail: the one of this number, from 1."""

    def __init__(self, allocation: Allocation, number: int, patch: pytest.MonkeyPatch) -> None:
        self._function, self._fail = getattr(allocation.owner, allocation.name), allocation.fail
        self._number, self._calls = number, 0
        patch.setattr(allocation.owner, allocation.name, lambda *each, **named: self._call(*each, **named))

    def _call(self, *arguments: Any, **named: Any) -> Any:
        self._calls += 1
        return (self._fail if self.failed_now else self._function)(*arguments, **named)

    @property
    def failed_now(self) -> bool:
        return self._calls == self._number

    @property
    def failed(self) -> bool:
        return self._calls >= self._number


def use(session: Session, do: Callable[[Callable[[], Any]], Any]) -> list[float | None]:
    """Definitions, calls in both tiers, redefinitions, an address, undoing. `do` does each step."""
    texts = [
        "def g(x) x + 1",
        "def f(x y) var s in (for i = 1, i < 6 in s = s + g(x) * y) : s",
        "f(1, 2)",
        "f(1, 2) + f(2, 1)",
        "def g(x) x + 2",
        "f(1, 2)",
        "def h(a b c) f(a, b) + c def g(x) h(x, 1, 2) def f(x y) x + y",
        "g(1) + h(1, 2, 3)",
    ]
    values = [do(partial(session.run, text)) for text in texts]
    assert do(lambda: session["g"].address) > 0
    [result] = do(lambda: list(session.evaluate(Source("<test>", "def g(x) 7"))))
    values.append(do(lambda: session["g"](1)))
    do(lambda: session.undo(result.change))
    values.append(do(lambda: session["g"](1)))
    do(session.reset)
    return values


EXPECTED = [None, None, 24.0, 42.0, None, 36.0, None, 10.0, 7.0, 4.0]


@pytest.fixture(autouse=True)
def _small_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that nearly every object needs another one.
    monkeypatch.setattr(code_memory, "_REGION", 4 * PAGESIZE)
    monkeypatch.setattr(code_memory, "_VARIABLES", PAGESIZE)
    monkeypatch.setattr(code_memory, "_COMMIT", PAGESIZE)
    # And so that stubs fill pages.
    monkeypatch.setattr(stubs, "_SINGLE", 1)


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_each_allocation_fails_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number, errors = 1, 0
    while True:
        failed, error = session_with_failure(ALLOCATIONS[name], number, monkeypatch)
        if not failed:
            break
        number, errors = number + 1, errors + error
    # Failures that no step shows are those of the recompiler: its unit stays at -O0.
    assert number > 1
    assert errors > 0


def session_with_failure(allocation: Allocation, number: int, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, bool]:
    """Use a session in which one allocation fails. Returns whether it came to that, and whether a step failed."""
    files = open_files()
    with Session(jit="sync", threshold=2) as session, monkeypatch.context() as patch:
        failing, errors = Failing(allocation, number, patch), list[KaleidoError]()

        def do(step: Callable[[], Any]) -> Any:
            try:
                return step()
            except KaleidoError as error:
                errors.append(error)
                return step()

        assert use(session, do) == EXPECTED
        assert len(errors) <= 1 and (failing.failed or not errors)
        assert all(error.diagnostics[0].title for error in errors)
        assert session.engine.memory().retired == 0
        failed, remains = failing.failed, Remains(session.engine)
    assert remains.wait_until_freed()
    del session
    assert open_files() == files
    return failed, bool(errors)


@pytest.mark.parametrize("name", ["address space", "pages", "writing it", "objects", "the thread"])
def test_an_engine_that_cannot_be_created_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files, number = open_files(), 1
    while True:
        with monkeypatch.context() as patch:
            failing = Failing(ALLOCATIONS[name], number, patch)
            try:
                Engine(Policy(background=False)).close()
                break
            except (MemoryError, OSError):
                assert failing.failed
            finally:
                assert open_files() == files
        number += 1
    assert number > 1


def test_llvm_is_not_asked_where_it_would_find_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(Policy()) as engine:
        engine.define(*units("(define (f x) (+ x 1)) (define (g x) (+ x 2))"))
        assert engine.call("g", 1) == 3
        with monkeypatch.context() as patch:
            patch.setattr(code_memory, "_reserve", no_code_memory)
            patch.setattr(engine._program.compiler._compiler, "compile", lambda *_: pytest.fail("LLVM was asked"))
            with pytest.raises(MemoryError, match=r"^no memory for more code: "):
                engine.call("f", 1)
            with pytest.raises(MemoryError):
                engine.optimize("g")
        assert (engine.call("f", 1), engine.call("g", 1)) == (2, 3)


def test_llvms_linker_takes_no_more_objects_than_there_are_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.jit.native.loader.is_available", lambda: False)
    before = jitlink.JitLink._objects
    with Engine(Policy(optimize=False)) as engine:
        engine.define(*units("(define (f x) (+ x 1)) (define (g x) (+ x 2))"))
        assert engine.call("f", 1) == 2
        monkeypatch.setattr(jitlink, "_most_objects", lambda: before)
        with pytest.raises(MemoryError, match=r"^no memory for more code: [0-9,]+ objects are loaded"):
            engine.call("g", 1)
        monkeypatch.setattr(jitlink, "_most_objects", lambda: before + 100)
        assert engine.call("g", 1) == 3
    assert jitlink.JitLink._objects == before


LIMITED = """
import resource
import kaleido

def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def attempt(step):
    try:
        print(step())
    except (MemoryError, kaleido.KaleidoError) as error:
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}")

session = kaleido.Session(jit="O0")
session.run("def f(x) x + 1 f(1)")
# Its stack is allocated.
session["f"](1)
resource.setrlimit(resource.RLIMIT_AS, (used() + (12 << 20), resource.RLIM_INFINITY))
attempt(lambda: session.run("def g(x) x * 2 g(4)"))
attempt(lambda: session["g"].address)
attempt(lambda: session["f"](2))
attempt(kaleido.Session)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
attempt(lambda: session.run("g(5)"))
attempt(lambda: kaleido.Session().run("6"))
"""


def test_a_limit_on_the_address_space() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=60)
    no_memory = "no memory for more code: Cannot allocate memory"
    *refused, value, engine, first, second = done.stdout.splitlines()
    assert done.stderr == ""
    assert all(no_memory in line and line.startswith("KaleidoError: ") for line in refused)
    assert (len(refused), value, engine) == (2, "3.0", f"MemoryError: {no_memory}")
    assert (first, second) == ("10.0", "6.0")


NO_MAPPINGS = """
import ctypes
import kaleido

session = kaleido.Session(jit="O0")
session.run("def f(x) x + 1 def g(x) x * 2 f(1)")
session["f"](1)
with open("/proc/sys/vm/max_map_count") as file:
    most = int(file.read())
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
size = ctypes.c_size_t(most * 8192)
pages = libc.mmap(None, size, 0, 0x22, -1, 0)
# Every other page gets another protection, until there are no more mappings.
page = pages
while libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(4096), 3) == 0:
    page += 8192
try:
    # Small parts of existing mappings may be left.
    first = session.run("g(1)")
except kaleido.KaleidoError as error:
    first = error.diagnostics[0].title
print(first)
print(session["f"](1))
libc.munmap(ctypes.c_void_p(pages), size)
print(session.run("g(1)"))
"""


def test_no_memory_mapping_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", NO_MAPPINGS], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    first, *values = done.stdout.splitlines()
    assert first in ("2.0", "no memory for more code: Cannot allocate memory")
    assert values == ["2.0", "2.0"]


NO_STACK = """
import resource
import kaleido

session = kaleido.Session(jit="O0", stack_size=256 << 20)
session.run("def f(x) x + 1 f(1)")
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
try:
    session["f"](1)
except kaleido.KaleidoError as error:
    print(error.diagnostics[0].title)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(session["f"](1))
"""


def test_no_memory_for_the_stack_of_direct_calls() -> None:
    done = subprocess.run([sys.executable, "-c", NO_STACK], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "no memory for a stack of 268,435,456 bytes\n2.0\n"


@pytest.mark.parametrize("kilobytes", [400_000, 500_000])
def test_the_command_with_a_limit_on_the_address_space(kilobytes: int) -> None:
    # Enough to import everything, and too little for a stack of 256 MiB.
    command = f'ulimit -v {kilobytes}; exec "$0" -m kaleido -c "def f(x) x + 1; f(2)"'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: no ")
