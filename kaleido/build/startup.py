"""What runs before the program: C's ``main``, which reports what only a run can find.

On Linux, the program runs on a thread of its own: with a stack as large as that of ``kaleido``, which takes memory only
as it is used, and with a handler for SIGSEGV on another stack. A fault near the end of the program's stack is endless
recursion: the handler writes out what the program has printed, writes a message, and exits. C's output is written out
only where no other thread has its lock. Any other fault has its usual effect.

Ctrl-C ends the program as it ends one in C, but what it has printed is written out. The handler runs on the main
thread, which starts the other one and does nothing else then. It is installed only where SIGINT has its default effect.

The layout of ``struct sigaction``, ``stack_t`` and ``siginfo_t`` is that of Linux on x86-64 and AArch64. Elsewhere
the program runs on the main thread, without a handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kaleido.build.number_output import text_constant
from kaleido.jit import Data, RunCounter, Signature, Unit, quoted

__all__ = ["MAIN", "RUN", "main_unit", "startup_data", "startup_units"]

MAIN, RUN = "main", "kaleido.run"
"""The symbols of C's ``int main(void)``, and of the unit that runs the expressions, ``ptr (ptr)``."""

_THREAD, _FAULTED, _INTERRUPTED, _FLUSH = "kaleido.thread", "kaleido.faulted", "kaleido.interrupted", "kaleido.flush"
_STACK_END, _HANDLER_STACK = "kaleido.stack.end", "kaleido.handler.stack"

_STACK_SIZE = 256 << 20
# Frames below the end of the stack are looked for so far: a large one skips the guard pages.
_GUARD = 1 << 20

_OVERFLOW = f"error: recursion too deep: it used up the stack of {_STACK_SIZE:,} bytes\n"
_LOST = "error: standard output could not be written\n"

_END = """
  %flushed = call i32 @fflush(ptr null) nobuiltin
  %stream = {stream}
  %failed = call i32 @ferror(ptr %stream) nobuiltin
  %both = or i32 %flushed, %failed
  %is.good = icmp eq i32 %both, 0
  br i1 %is.good, label %good, label %lost
good:
  ret i32 0
lost:
  %written = call i64 @{write}(i32 2, ptr @lost, i64 {lost}) nobuiltin
  ret i32 1
}}
{declared}
declare i32 @fflush(ptr) nounwind
declare i32 @ferror(ptr) nounwind
declare i64 @{write}(i32, ptr, i64) nounwind
"""

_DIRECT = """
  %result = call tailcc ptr @kaleido.run(ptr null)
"""

_ON_A_THREAD = f"""
  %attributes = alloca [128 x i8], align 16
  %thread = alloca i64
  %action = alloca [152 x i8], align 16
  %before = alloca [152 x i8], align 16
  call void @llvm.memset.p0.i64(ptr %action, i8 0, i64 152, i1 false)
  store ptr @jit.c.{_FAULTED}, ptr %action
  ; SA_SIGINFO | SA_ONSTACK
  %flags = getelementptr i8, ptr %action, i64 136
  store i32 134217732, ptr %flags
  %installed = call i32 @sigaction(i32 11, ptr %action, ptr null) nobuiltin
  %begun = call i32 @pthread_attr_init(ptr %attributes) nobuiltin
  %sized = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 {_STACK_SIZE + _GUARD}) nobuiltin
  %guarded = call i32 @pthread_attr_setguardsize(ptr %attributes, i64 {_GUARD}) nobuiltin
  call void @llvm.memset.p0.i64(ptr %action, i8 0, i64 152, i1 false)
  store ptr @jit.c.{_INTERRUPTED}, ptr %action
  ; SA_RESTART | SA_RESETHAND
  store i32 -1879048192, ptr %flags
  %asked = call i32 @sigaction(i32 2, ptr null, ptr %before) nobuiltin
  %handler = load ptr, ptr %before
  %is.default = icmp eq ptr %handler, null
  br i1 %is.default, label %handle, label %start
handle:
  %handled = call i32 @sigaction(i32 2, ptr %action, ptr null) nobuiltin
  br label %start
start:
  %refused = call i32 @pthread_create(ptr %thread, ptr %attributes, ptr @jit.c.kaleido.thread, ptr null) nobuiltin
  %is.refused = icmp ne i32 %refused, 0
  br i1 %is.refused, label %direct, label %join
direct:
  %reset = call i32 @sigaction(i32 2, ptr %before, ptr null) nobuiltin
  %result = call tailcc ptr @kaleido.run(ptr null)
  br label %end
join:
  %number = load i64, ptr %thread
  %joined = call i32 @pthread_join(i64 %number, ptr null) nobuiltin
  %restored = call i32 @sigaction(i32 2, ptr %before, ptr null) nobuiltin
  br label %end
end:
"""

_DECLARATIONS = f"""
declare tailcc ptr @kaleido.run(ptr)
declare ptr @jit.c.kaleido.thread(ptr)
declare void @jit.c.{_FAULTED}(i32, ptr, ptr)
declare void @jit.c.{_INTERRUPTED}(i32)
declare i32 @sigaction(i32, ptr, ptr) nounwind
declare i32 @pthread_attr_init(ptr) nounwind
declare i32 @pthread_attr_setstacksize(ptr, i64) nounwind
declare i32 @pthread_attr_setguardsize(ptr, i64) nounwind
declare i32 @pthread_create(ptr, ptr, ptr, ptr) nounwind
declare i32 @pthread_join(i64, ptr) nounwind
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""

_THREAD_IR = f"""
define tailcc ptr @kaleido.thread.impl(ptr %nothing) nounwind {{
  %stack = alloca [24 x i8], align 8
  ; The handler's stack: its address, no flags, its size.
  store ptr @{_HANDLER_STACK}, ptr %stack
  %flags = getelementptr i8, ptr %stack, i64 8
  store i64 0, ptr %flags
  %size = getelementptr i8, ptr %stack, i64 16
  store i64 65536, ptr %size
  %changed = call i32 @sigaltstack(ptr %stack, ptr null) nobuiltin
  %here = ptrtoint ptr %stack to i64
  %end = sub i64 %here, {_STACK_SIZE}
  store i64 %end, ptr @{_STACK_END}
  %result = call tailcc ptr @kaleido.run(ptr null)
  ret ptr %result
}}
@{_HANDLER_STACK} = external global [65536 x i8]
@{_STACK_END} = external global i64
declare i32 @sigaltstack(ptr, ptr) nounwind
declare tailcc ptr @kaleido.run(ptr)
"""

_HANDLER_IR = """
define tailcc void @kaleido.faulted.impl(i32 %signal, ptr %information, ptr %context) nounwind {{
  %field = getelementptr i8, ptr %information, i64 16
  %address = load i64, ptr %field
  %end = load i64, ptr @kaleido.stack.end
  %below = sub i64 %address, %end
  %moved = add i64 %below, {guards}
  %is.overflow = icmp ult i64 %moved, {range}
  br i1 %is.overflow, label %overflow, label %other
overflow:
  call tailcc void @kaleido.flush()
  %written = call i64 @write(i32 2, ptr @overflow, i64 {length}) nobuiltin
  call void @_exit(i32 1) nobuiltin
  unreachable
other:
  ; The instruction is executed again, and the fault has its usual effect.
  %before = call ptr @signal(i32 %signal, ptr null) nobuiltin
  ret void
}}
@kaleido.stack.end = external global i64
declare tailcc void @kaleido.flush()
declare i64 @write(i32, ptr, i64) nounwind
declare void @_exit(i32) nounwind
declare ptr @signal(i32, ptr) nounwind
"""

_INTERRUPTED_IR = """
define tailcc void @kaleido.interrupted.impl(i32 %signal) nounwind {
  call tailcc void @kaleido.flush()
  ; It takes effect when this handler has returned.
  %raised = call i32 @raise(i32 %signal) nobuiltin
  ret void
}
declare tailcc void @kaleido.flush()
declare i32 @raise(i32) nounwind
"""

# Writes out what the program has printed, unless another thread has the lock of C's standard output.
_FLUSH_IR = """
define tailcc void @kaleido.flush.impl() nounwind {
  %stream = load ptr, ptr @stdout
  %busy = call i32 @ftrylockfile(ptr %stream) nobuiltin
  %is.free = icmp eq i32 %busy, 0
  br i1 %is.free, label %flush, label %end
flush:
  %flushed = call i32 @fflush(ptr %stream) nobuiltin
  br label %end
end:
  ret void
}
@stdout = external global ptr
declare i32 @ftrylockfile(ptr) nounwind
declare i32 @fflush(ptr) nounwind
"""

_MAIN = Signature("i32", ())
_POINTER = Signature("ptr", ("ptr",))
_HANDLING = Signature("void", ("i32", "ptr", "ptr"))
_INTERRUPTION = Signature("void", ("i32",))
_NOTHING = Signature("void", ())


def startup_units(name: str, triple: str) -> list[Unit]:
    """The units of a C function ``int name(void)`` that runs RUN, for a platform of LLVM's name; `name` comes first."""
    head = f"define tailcc i32 {quoted(f'{name}.impl')}() nounwind {{"
    stream, declared, write = _standard_output(triple)
    end = _END.format(stream=stream, declared=declared, write=write, lost=len(_LOST)) + text_constant("lost", _LOST)
    if not _is_known(triple):
        ir = f"{head}{_DIRECT}{end}\ndeclare tailcc ptr @kaleido.run(ptr)\n"
        return [_unit(name, _MAIN, ir, {RUN: _POINTER})]
    callbacks = {_THREAD: _POINTER, _FAULTED: _HANDLING, _INTERRUPTED: _INTERRUPTION}
    flush = {_FLUSH: _NOTHING}
    ir = f"{head}{_ON_A_THREAD}{end}{_DECLARATIONS}"
    handler = _HANDLER_IR.format(guards=2 * _GUARD, range=3 * _GUARD, length=len(_OVERFLOW))
    return [
        _unit(name, _MAIN, ir, {RUN: _POINTER, **callbacks}, callbacks),
        _unit(_THREAD, _POINTER, _THREAD_IR, {RUN: _POINTER}, data={_HANDLER_STACK, _STACK_END}),
        _unit(_FAULTED, _HANDLING, f"{handler}{text_constant('overflow', _OVERFLOW)}\n", flush, data={_STACK_END}),
        _unit(_INTERRUPTED, _INTERRUPTION, _INTERRUPTED_IR, flush),
        _unit(_FLUSH, _NOTHING, _FLUSH_IR, {}),
    ]


def _standard_output(triple: str) -> tuple[str, str, str]:
    """C's standard output on a platform: the instruction that gives it, its declaration, and the name of `write`."""
    if any(word in triple for word in ("windows", "win32", "w64", "mingw")):
        return "call ptr @__acrt_iob_func(i32 1)", "declare ptr @__acrt_iob_func(i32) nounwind", "_write"
    name = "__stdoutp" if any(word in triple for word in ("apple", "darwin", "macos")) else "stdout"
    return f"load ptr, ptr @{name}", f"@{name} = external global ptr", "write"


def _is_known(triple: str) -> bool:
    """Whether a platform has the structures described above."""
    return "linux" in triple and triple.startswith(("x86_64", "aarch64"))


def main_unit(name: str) -> Unit:
    """The unit of C's ``main``, which calls the function of :func:`startup_units`."""
    ir = f"""
define tailcc i32 @main.impl() nounwind {{
  %result = call tailcc i32 {quoted(name)}()
  ret i32 %result
}}
declare tailcc i32 {quoted(name)}()
"""
    return _unit(MAIN, _MAIN, ir, {name: _MAIN})


def startup_data(triple: str) -> list[Data]:
    """The data of these units."""
    return [Data(_HANDLER_STACK, "[65536 x i8]"), Data(_STACK_END, "i64")] if _is_known(triple) else []


def _unit(
    symbol: str,
    signature: Signature,
    ir: str,
    calls: Mapping[str, Signature],
    c_functions: Iterable[str] = (),
    data: Iterable[str] = (),
) -> Unit:
    return Unit(
        symbol, signature, ir, calls, counter=RunCounter.NONE, data=frozenset(data), c_functions=frozenset(c_functions)
    )
