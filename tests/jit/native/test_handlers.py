"""The signal handlers' LLVM IR: LLVM's tools read it, and it agrees with Python, with C and with itself."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from kaleido.jit.compiling.llvm import Target
from kaleido.jit.native import code_ranges, faults, handlers
from kaleido.jit.policy import Policy
from kaleido.jit.running import stacks

FOLDER = Path(handlers.__file__).parent
FILES = ("handlers.ll", "unprotected.ll")
TEXT = (FOLDER / "handlers.ll").read_text("ascii")

# The constants of handlers.ll.
CONSTANTS = {
    "GUARD_ZONE": faults.GUARD_ZONE,
    "STACK_RESERVE": faults.STACK_RESERVE,
    "FAULT_OVERFLOW": faults.Fault.OVERFLOW,
    "FORWARDED_MOST": 1000,
    "CALLER_DISTANCE": 4096,
    "RENEWAL_CYCLES": 1 << 20,
    "OVERFLOW_FLAGS": stacks._SA_SIGINFO | stacks._SA_ONSTACK | stacks._SA_NODEFER,
    "CTRL_C_FLAGS": stacks._SA_SIGINFO | stacks._SA_ONSTACK,
}

# What the kernel passes to a handler, as the C library declares it.
C_PROGRAM = """
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <ucontext.h>
int main(void) {
    printf("%zu %zu %zu %zu %zu %zu\\n", offsetof(struct sigaction, sa_mask), offsetof(struct sigaction, sa_flags),
           sizeof(struct sigaction), offsetof(siginfo_t, si_addr),
           offsetof(ucontext_t, uc_mcontext.gregs) + REG_RSP * sizeof(greg_t),
           offsetof(ucontext_t, uc_mcontext.gregs) + REG_RIP * sizeof(greg_t));
    return 0;
}
"""

needs_protection = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())


@contextmanager
def parsed(name: str) -> Iterator[llvm.ModuleRef]:
    llvm.initialize_native_target()
    with llvm.parse_assembly((FOLDER / name).read_text("ascii"), llvm.create_context()) as module:
        module.verify()
        yield module


def offsets(struct: str) -> list[int]:
    """The offsets in bytes of the fields of a struct type in handlers.ll."""
    layout = Target(Policy()).machine.target_data
    with parsed("handlers.ll") as module:
        [found] = [each for each in module.struct_types if each.name == struct]
        return [layout.get_element_offset(found, index) for index in range(len(list(found.elements)))]


def field_comments(struct: str) -> list[str]:
    """The names in the comments of the fields of a struct type, which say ``; INDEX NAME``."""
    [body] = re.findall(rf"^%{struct} = type {{\n(.*?)^}}", TEXT, re.MULTILINE | re.DOTALL)
    found = re.findall(r"; (\d+) (\w+)", body)
    assert [int(index) for index, _ in found] == list(range(len(found)))
    return [name for _, name in found]


@pytest.mark.parametrize("name", FILES)
def test_every_exported_symbol_is_defined(name: str) -> None:
    with parsed(name) as module:
        symbols = [*module.functions, *module.global_variables]
        defined = {each.name for each in symbols if not each.is_declaration and each.linkage.name == "external"}
        assert defined == {*handlers._EXPORTS}


@pytest.mark.parametrize("name", FILES)
def test_llvm_s_own_tools_read_it(name: str, tmp_path: Path) -> None:
    for suffix in ["", *(f"-{version}" for version in range(30, 14, -1))]:
        tools = [shutil.which(f"{tool}{suffix}") for tool in ("llvm-as", "opt")]
        if all(tools) and "LLVM version 14" not in subprocess.check_output([str(tools[0]), "--version"], text=True):
            break
    else:
        pytest.skip("llvm-as and opt of LLVM 15 or later are not installed")
    bitcode = tmp_path / "module.bc"
    subprocess.run([str(tools[0]), FOLDER / name, "-o", bitcode], check=True, timeout=60)
    subprocess.run([str(tools[1]), "-passes=verify", "-disable-output", bitcode], check=True, timeout=60)


@needs_protection
def test_the_record_of_a_thread_has_the_layout_that_python_uses() -> None:
    names = [field[0] for field in faults.NativeThread._fields_]
    assert field_comments("NativeThread") == names
    assert offsets("NativeThread") == [getattr(faults.NativeThread, name).offset for name in names]


@needs_protection
def test_the_table_of_code_has_the_layout_that_python_uses() -> None:
    ranges = code_ranges.CodeRanges()
    ranges.add(1000, 2000)
    words = ranges._tables[-1]
    assert offsets("CodeRanges") == [0, 8]
    assert offsets("CodeRange") == [0, 8]
    assert (words[0], len(words)) == (code_ranges._FIRST_CAPACITY, 1 + 2 * code_ranges._FIRST_CAPACITY)
    assert (words[1], words[2]) == (1000, 2000)


def test_fields_are_read_by_the_index_of_their_name() -> None:
    structs = ("NativeThread", "CodeRanges", "CodeRange", "SignalInfo", "SignalAction")
    names = {struct: field_comments(struct) for struct in structs}
    pattern = r"%([\w.]+)\.field = getelementptr %(\w+), ptr %[\w.]+, i64 0, i32 (\d+)(.*)"
    found = re.findall(pattern, TEXT)
    assert len(found) == TEXT.count("= getelementptr")
    for name, struct, index, rest in found:
        if struct == "UserContext":
            assert (index, rest) == ("3", {"sp": ", i64 15", "pc": ", i64 16"}[name])
        elif rest:
            assert (struct, index) == ("CodeRanges", "1")
            assert names["CodeRange"][int(rest.rpartition(" ")[2])] == name
        else:
            assert names[struct][int(index)] == name


@needs_protection
def test_constants_are_those_of_python() -> None:
    with parsed("handlers.ll") as module:
        values = {each.name: re.findall(r"constant i(?:64|32) (\d+)$", str(each)) for each in module.global_variables}
    assert {name: int(value[0]) for name, value in values.items() if value} == CONSTANTS


@needs_protection
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_arguments_of_a_handler_have_the_layout_of_c(tmp_path: Path) -> None:
    (tmp_path / "layout.c").write_text(C_PROGRAM)
    subprocess.run(["cc", "-o", tmp_path / "layout", tmp_path / "layout.c"], check=True, timeout=60)
    output = subprocess.check_output([tmp_path / "layout"], text=True, timeout=60)
    mask, flags, size, address, sp, pc = map(int, output.split())
    assert offsets("SignalAction")[:3] == [0, mask, flags]
    assert size == offsets("SignalAction")[3] + 8 == ctypes.sizeof(stacks._Action)
    registers = offsets("UserContext")[3]
    assert address == offsets("SignalInfo")[3]
    assert (sp, pc) == (registers + 8 * 15, registers + 8 * 16)
