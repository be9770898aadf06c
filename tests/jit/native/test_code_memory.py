"""Regions of code memory: what may be done where, use of freed space, no memory, and fork."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from kaleido.jit import Engine
from kaleido.jit.native import code_memory
from kaleido.jit.native.code_memory import ALIGNMENT, Block, CodeMemory
from tests.jit.helpers import in_new_process, sync
from tests.jit.tiny import unit

pytestmark = pytest.mark.skipif(not code_memory.is_available(), reason="this platform has no code memory")

# mov eax, 7; ret. And the same with 8.
SEVEN, EIGHT = (bytes([0xB8, number, 0, 0, 0, 0xC3]) for number in (7, 8))


def run(block: Block) -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(block.code)())


def protection(address: int) -> str:
    """The protection of the mapping at `address`, as in ``/proc/self/maps``."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, flags, *_ = line.split()
        begin, end = (int(each, 16) for each in bounds.split("-"))
        if begin <= address < end:
            return flags
    return ""


def writable_and_executable() -> set[str]:
    """Mappings of this process, among which are the trampolines of ``ctypes``."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line for line in lines if {"w", "x"} <= set(line.split()[1])}


def test_no_memory_is_writable_and_executable() -> None:
    before = writable_and_executable()
    with Engine(sync(1)) as engine:
        engine.define(unit("(define (f x) (+ x 1))"))
        assert [engine.call("f", 1) for _ in range(3)] == [2, 2, 2]
        assert writable_and_executable() == before


def test_a_block_has_code_and_variables() -> None:
    memory = CodeMemory()
    block = memory.allocate(100, 10)
    memory.write(block, SEVEN, b"variables")
    assert run(block) == 7
    assert ctypes.string_at(block.variables, 9) == b"variables"
    assert (protection(block.code), protection(block.variables)) == ("r-xp", "rw-p")
    memory.write(block, EIGHT, b"")
    assert run(block) == 8
    memory.close()
    assert (protection(block.code), memory.regions) == ("", 0)


def test_freed_space_is_used_again() -> None:
    memory = CodeMemory()
    blocks = [memory.allocate(size, size // 2) for size in range(100, 1000)]
    memory.free(blocks[10])
    assert memory.allocate(110, 55) == blocks[10]
    for block in blocks:
        memory.free(block)
    # All spans have merged: the largest possible block is where the first one was.
    assert memory.allocate(20 << 20, 8 << 20).code == blocks[0].code
    assert memory.regions == 1
    memory.close()


def test_a_region_without_blocks_is_given_back() -> None:
    memory = CodeMemory()
    blocks = [memory.allocate(10 << 20, 0) for _ in range(6)]
    assert memory.regions == 3
    for block in blocks:
        memory.free(block)
    assert memory.regions == 1
    assert memory.allocate(10 << 20, ALIGNMENT)
    memory.close()


def test_a_block_may_be_larger_than_a_region() -> None:
    memory = CodeMemory()
    block = memory.allocate(100 << 20, 50 << 20)
    memory.write(block, SEVEN, b"variables")
    assert run(block) == 7
    memory.close()


def run_out_of_address_space() -> None:
    memory = CodeMemory()
    block = memory.allocate(10 << 20, 0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), resource.RLIM_INFINITY))
    memory.allocate(10 << 20, 0)
    for _ in range(3):
        with pytest.raises(MemoryError, match="no memory for more code"):
            memory.allocate(10 << 20, 0)
    assert memory.regions == 1
    memory.free(block)
    assert memory.allocate(10 << 20, 0) == block


def run_out_of_descriptors() -> None:
    """Writing needs one for a moment. Without any, LLVM's linker loads the code, which needs none."""
    with Engine(sync(1)) as engine:
        engine.define(unit("(define (f x) x)"), unit("(define (g x) (+ x 1))"))
        engine.call("f", 1)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, 4096))
        before = engine.memory().arenas
        assert (engine.call("g", 1), engine.call("f", 1)) == (2, 1)
        assert engine.memory().arenas == before + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        assert engine.call("g", 1) == 2


@pytest.mark.parametrize("scenario", [run_out_of_address_space, run_out_of_descriptors])
def test_without_resources(scenario: Callable[[], None]) -> None:
    in_new_process(scenario)


@pytest.mark.parametrize("failures", range(1, 6))
def test_an_engine_goes_on_after_it_had_no_memory(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    with Engine(sync(2)) as engine:
        engine.define(unit("(define (f x) (+ (g x) 1))"), unit("(define (g x) x)"))
        allocate, calls = CodeMemory.allocate, 0

        def fail(memory: CodeMemory, code_size: int, variables_size: int) -> Block:
            nonlocal calls
            calls += 1
            if calls == failures:
                raise MemoryError("no memory for more code")
            return allocate(memory, code_size, variables_size)

        monkeypatch.setattr(CodeMemory, "allocate", fail)
        results: list[object] = []
        for _ in range(8):
            try:
                results.append(engine.call("f", 1))
            except MemoryError:
                results.append(None)
        # A recompilation that fails leaves the unit at its baseline.
        assert results in ([2] * 8, [None] + [2] * 7)


def test_a_child_keeps_the_code_that_its_parent_frees() -> None:
    memory = CodeMemory()
    block = memory.allocate(100, 100)
    memory.write(block, SEVEN, b"parent")
    start, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(start, 1)
        same = run(block) == 7 and ctypes.string_at(block.variables, 6) == b"parent"
        memory.write(block, SEVEN, b"child")
        os._exit(0 if same else 1)
    memory.free(block)
    assert memory.allocate(100, 100) == block
    memory.write(block, EIGHT, b"anew")
    os.write(write, b"\n")
    assert os.waitpid(child, 0)[1] == 0
    assert run(block) == 8
    assert ctypes.string_at(block.variables, 4) == b"anew"
    for end in (start, write):
        os.close(end)
    memory.close()
