"""Object files in memory: the loader's own linking does what LLVM's linker does, or leaves the object to it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from kaleido.jit import Engine, Policy
from kaleido.jit.compiling.llvm import Target, parse_alone
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.native import code_memory, elf, loader
from kaleido.jit.native.code_memory import CodeMemory, NotWritable
from kaleido.jit.native.elf import RelocationType, UnsupportedObject
from kaleido.jit.native.loader import Loader
from kaleido.jit.unit import Tier
from tests.jit.helpers import sync
from tests.jit.tiny import unit

needs_code_memory = pytest.mark.skipif(not code_memory.is_available(), reason="this platform has no code memory")

INT = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)

# A number for `f(3)`, and the IR that computes it.
PROGRAMS = {
    "a constant and a call of C": (
        6.5,
        """
        declare double @fabs(double)
        declare double @ldexp(double, i32) nobuiltin
        define i64 @f(i64 %n) {
          %x = sitofp i64 %n to double
          %y = call double @ldexp(double %x, i32 1)
          %z = fadd double %y, 0.5
          %t = fmul double %z, 2.0
          %r = fptosi double %t to i64
          ret i64 %r
        }""",
    ),
    "variables, zeros and pointers between them": (
        5.5,
        """
        @numbers = global [4 x i64] [i64 5, i64 7, i64 9, i64 11]
        @zeros = global [100 x i64] zeroinitializer
        @middle = global ptr getelementptr ([4 x i64], ptr @numbers, i64 0, i64 3)
        @self = global ptr @f
        define i64 @f(i64 %n) {
          %p = load ptr, ptr @middle
          %a = load i64, ptr %p
          %q = getelementptr [100 x i64], ptr @zeros, i64 0, i64 99
          %z = load i64, ptr %q
          %s = load ptr, ptr @self
          %same = icmp eq ptr %s, @f
          %r = select i1 %same, i64 %a, i64 0
          %t = add i64 %r, %z
          ret i64 %t
        }""",
    ),
    "a jump table": (
        20.0,
        """
        define i64 @f(i64 %n) {
          switch i64 %n, label %other [
            i64 0, label %a i64 1, label %b i64 2, label %c i64 3, label %d i64 4, label %e
          ]
        a: ret i64 11
        b: %x = call i64 @g(i64 1)
           ret i64 %x
        c: ret i64 29
        d: %y = call i64 @g(i64 2)
           ret i64 %y
        e: ret i64 50
        other: ret i64 -1
        }
        define i64 @g(i64 %n) noinline {
          %r = mul i64 %n, 20
          ret i64 %r
        }""",
    ),
    "vector constants": (
        15.0,
        """
        @table = private constant <8 x i64> <i64 1, i64 2, i64 4, i64 8, i64 16, i64 32, i64 64, i64 128>
        define i64 @f(i64 %n) {
          %p = insertelement <8 x i64> poison, i64 %n, i64 0
          %v = shufflevector <8 x i64> %p, <8 x i64> poison, <8 x i32> zeroinitializer
          %m = icmp ult <8 x i64> <i64 0, i64 1, i64 2, i64 2, i64 4, i64 5, i64 6, i64 7>, %v
          %t = load <8 x i64>, ptr @table
          %s = select <8 x i1> %m, <8 x i64> %t, <8 x i64> zeroinitializer
          %r = call i64 @llvm.vector.reduce.add.v8i64(<8 x i64> %s)
          %d = mul i64 %r, 2
          ret i64 %d
        }
        declare i64 @llvm.vector.reduce.add.v8i64(<8 x i64>)""",
    ),
}


@pytest.fixture(scope="module")
def target() -> Target:
    return Target(Policy())


@pytest.fixture(params=[False, True], ids=["own", "jitlink"])
def any_loader(request: pytest.FixtureRequest, target: Target) -> Iterator[Loader]:
    loader = Loader(8, jitlink=request.param)
    yield loader
    loader.close()


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    """A loader that fails where it would leave an object to LLVM's linker."""
    loader = Loader(8)
    monkeypatch.setattr("kaleido.jit.native.jitlink.JitLink", lambda _: pytest.fail("left to JITLink"))
    yield loader
    loader.close()


def emit(target: Target, ir: str, tier: Tier = Tier.BASELINE) -> ObjectCode:
    with parse_alone(ir) as module:
        return target.emit(module, tier)


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(any_loader: Loader, target: Target, name: str, tier: Tier) -> None:
    expected, ir = PROGRAMS[name]
    loaded = any_loader.load(emit(target, ir, tier), ["f"], {})
    assert INT(loaded.addresses["f"])(3) == expected * 2 if name != "a jump table" else 20


@needs_code_memory
@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_own_loader_links_all_that_the_engine_makes(own: Loader, target: Target, name: str, tier: Tier) -> None:
    assert own.load(emit(target, PROGRAMS[name][1], tier), ["f"], {}).addresses["f"] % 16 == 0


USES_OF_FAR = {
    RelocationType.R_X86_64_PLT32: "%r = call i64 @far(i64 %n)",
    RelocationType.R_X86_64_REX_GOTPCRELX: "%r = ptrtoint ptr @far to i64",
}


@needs_code_memory
@pytest.mark.parametrize("kind", USES_OF_FAR)
@pytest.mark.parametrize("distance", [0, 1 << 20, 1 << 31, -(1 << 31), 1 << 40])
def test_a_symbol_may_be_at_any_distance(own: Loader, target: Target, kind: RelocationType, distance: int) -> None:
    ir = f"declare i64 @far(i64)\ndefine i64 @f(i64 %n) {{\n{USES_OF_FAR[kind]}\nret i64 %r\n}}"
    code = emit(target, ir)
    assert kind in {each[1] for table in elf.read_object(code.data).relocations.values() for each in table}
    here = own.load(code, ["f"], {"far": 1}).addresses["f"]
    if kind is RelocationType.R_X86_64_PLT32:
        # Nothing can be mapped at any address: so the code that is called is a C function.
        far = ctypes.cast(ctypes.CDLL(None)["labs"], ctypes.c_void_p).value
        assert far is not None
        assert INT(own.load(code, ["f"], {"far": far}).addresses["f"])(-5) == 5
    else:
        assert INT(own.load(code, ["f"], {"far": here + distance}).addresses["f"])(0) == here + distance


@needs_code_memory
def test_a_far_function_is_called_through_a_jump_stub(own: Loader, target: Target) -> None:
    # mov rax, rdi; add rax, 1; ret: in a region of its own, far from the others.
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    far = libc.mmap(1 << 40, 4096, 3, 0x22, -1, 0)
    ctypes.memmove(far, b"\x48\x89\xf8\x48\x83\xc0\x01\xc3", 8)
    libc.mprotect(ctypes.c_void_p(far), ctypes.c_size_t(4096), 5)
    ir = "declare i64 @far(i64)\ndefine i64 @f(i64 %n) {\n%r = call i64 @far(i64 %n)\nret i64 %r\n}"
    here = own.load(emit(target, ir), ["f"], {"far": far}).addresses["f"]
    assert abs(far - here) > 1 << 31
    assert INT(here)(41) == 42
    libc.munmap(ctypes.c_void_p(far), ctypes.c_size_t(4096))


def test_undefined_symbols_are_named(any_loader: Loader, target: Target) -> None:
    ir = "declare void @missing_a()\ndeclare void @missing_b()\ndeclare i32 @rand()\ndefine void @f() {"
    calls = "".join(f"\ncall void @{name}()" for name in ("missing_a", "missing_b"))
    code = emit(target, f"{ir}{calls}\n%x = call i32 @rand()\nret void\n}}")
    with pytest.raises(LookupError) as error:
        any_loader.load(code, ["f"], {})
    assert any_loader.objects == 0
    if any_loader._memory is not None:
        assert str(error.value) == "no C function or variable missing_a, missing_b"


def test_an_import_goes_before_the_process(any_loader: Loader, target: Target) -> None:
    negate = any_loader.load(emit(target, "define i64 @g(i64 %n) {\n%r = sub i64 0, %n\nret i64 %r\n}"), ["g"], {})
    ir = "declare i64 @labs(i64) nobuiltin\ndefine i64 @f(i64 %n) {\n%r = call i64 @labs(i64 %n)\nret i64 %r\n}"
    code = emit(target, ir)
    assert INT(any_loader.load(code, ["f"], {}).addresses["f"])(3) == 3
    assert INT(any_loader.load(code, ["f"], {"labs": negate.addresses["g"]}).addresses["f"])(3) == -3


UNKNOWN = {
    "a weak function": "define weak i64 @g(i64 %n) {\nret i64 7\n}",
    "a common variable": "@v = common global i64 0",
    "a group of sections": "$g = comdat any\ndefine i64 @g(i64 %n) comdat {\nret i64 7\n}",
    "a large alignment": "@v = global i64 0, align 4096",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_llvm_s_linker_loads_what_is_not_known(any_loader: Loader, target: Target, name: str) -> None:
    code = emit(target, f"{UNKNOWN[name]}\ndefine i64 @f(i64 %n) {{\nret i64 %n\n}}")
    loaded = any_loader.load(code, ["f"], {})
    assert INT(loaded.addresses["f"])(7) == 7
    assert any_loader._jitlink is not None
    assert (any_loader._jitlink.arenas, any_loader.objects) == (1, 1)
    loaded.release()
    assert any_loader.objects == 0


def test_a_thread_local_variable_is_not_known(target: Target) -> None:
    with pytest.raises(UnsupportedObject):
        elf.read_object(emit(target, "@v = thread_local global i64 1").data)


@needs_code_memory
def test_llvm_s_linker_loads_where_the_process_may_not_write(
    any_loader: Loader, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotWritable("permission denied")

    monkeypatch.setattr(CodeMemory, "write", refuse)
    loaded = any_loader.load(emit(target, "define i64 @f(i64 %n) {\nret i64 %n\n}"), ["f"], {})
    assert INT(loaded.addresses["f"])(7) == 7
    assert any_loader._jitlink is not None and any_loader._jitlink.arenas == 1


def test_an_engine_works_without_code_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "is_available", lambda: False)
    with Engine(sync(2)) as engine:
        engine.define(unit("(define (f x) (+ (g x) 1))"), unit("(define (g x) x)"))
        assert [engine.call("f", 1) for _ in range(5)] == [2] * 5
        assert engine.describe("f").tier is Tier.OPTIMIZED
        engine.define(unit("(define (g x) (* x 10))"))
        assert engine.call("f", 1) == 11


@pytest.mark.parametrize("change", ["shortened", "changed"])
def test_a_damaged_file_is_refused_or_read(target: Target, change: str) -> None:
    data = emit(target, PROGRAMS["a jump table"][1]).data
    for at in range(0, len(data), 7):
        damaged = data[:at] if change == "shortened" else data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        try:
            elf.read_object(damaged)
        except UnsupportedObject:
            continue
        assert change == "changed" or at > 0
