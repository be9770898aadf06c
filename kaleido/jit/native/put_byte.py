"""A byte to a C stream, as fast as ``putchar`` in a C program with one thread: PUT_BYTE, a function for units.

The problem. A program that writes byte by byte calls ``putchar`` for each. A process with several threads, as this one
is, pays for the stream's lock: two atomic instructions for each byte, which take five times as long as all the rest on
some processors. A unit pays for LEAVE_JIT and REENTER_JIT in addition.

The solution. ``i1 @jit.put.byte(ptr stream, i32 byte)`` *holds back* bytes for C's standard output in a buffer in front
of C's. The buffer belongs to one thread at a time, its *owner*, which appends with ordinary instructions. Other threads
in native code, and bytes for other streams, take glibc's lock and append to the stream's own buffer. Wherever that is
not all there is to do, PUT_BYTE changes nothing and returns false, and the unit calls C: the buffer is full, the stream
has not been used yet, the byte ends a line and the stream writes lines, the stream is unbuffered or of wide characters,
or another call holds the lock.

*Order.* The owner hands over what it holds, with the stream's lock, before it leaves native code in any way: in
LEAVE_JIT, and at the end of every entry and thunk, after a fault, too (HAND_OVER). So the bytes are in C's buffer
before the thread runs any code but units, which could write, flush, or tell another thread. Python code that writes or
flushes while a program runs, as a progress display, takes what is held at that time (TAKE), with the lock.

::

    the owner           appends after `end`; with the lock, it resets `begin` and `end`
    the lock's holder   reads `end`, writes the bytes from `begin` to there to the stream, and sets `begin`

It is written in machine code, because it must not touch the stack, where it could overflow, while it holds the lock.
Its code does not belong to a unit, so an interruption does not end it (see ``faults``).

Limits. A C function that writes must be called after LEAVE_JIT. C code of another thread that flushes standard output
while native code runs does not see the last bytes, HELD_BYTES at most. It knows the FILE and the lock of glibc on
x86-64. The beginning of the FILE is part of glibc's interface, since its macros are compiled into programs; the lock is
not. So :func:`put_byte_ir` compares both with a stream of its own first. Elsewhere PUT_BYTE returns false.

What does not work. *The stream held locked for the whole run*: other threads that write, such as one that shows
progress, would wait for its end, and C functions among them cannot ask for the lock. *The lock alone, for each byte*,
as it was: 1.3 times C's ``putchar`` on an AMD EPYC, five times on an Intel Xeon.
"""

from __future__ import annotations

import ctypes
import sys

from kaleido.jit.process.machine import machine

__all__ = ["HAND_OVER", "HELD_BYTES", "PUT_BYTE", "TAKE", "Held", "put_byte_ir"]

PUT_BYTE = "jit.put.byte"
"""The symbol that every unit may declare: ``zeroext i1 @jit.put.byte(ptr, i32)``."""

HAND_OVER = "hand.over.bytes"
"""``void @hand.over.bytes()``: a thread that leaves native code writes the bytes that it holds to C's stream, and is
their owner no longer."""

TAKE = "take.bytes"
"""``void @take.bytes()``: write the bytes that are held to C's stream, whose lock the caller has."""

HELD_BYTES = 512
"""The size of the buffer."""


class Held(ctypes.Structure):
    """The bytes that are held back: the symbol ``held.bytes``.

    `owner`   the thread pointer of the thread that may append; 0: there is none
    `stream`  C's standard output: the only stream whose bytes are held; 0: none are held
    """

    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("owner", "stream", "begin", "end")),
        ("bytes", ctypes.c_char * HELD_BYTES),
    ]


# Offsets into FILE, and its flags.
_FLAGS, _WRITE_POINTER, _WRITE_END, _BUFFER_END, _LOCK, _MODE = 0, 40, 48, 64, 136, 192
_UNBUFFERED, _LINE_BUFFERED, _PUTTING = 0x2, 0x200, 0x800

# Without a lock: the calling thread owns the buffer, or becomes its owner.
_HOLDING = f"""
    leaq held.bytes(%rip), %r8
    cmpq %rdi, {Held.stream.offset}(%r8)
    jne 9f
    movq %fs:0, %rax
    cmpq %rax, {Held.owner.offset}(%r8)
    jne 7f
5:  movl {_FLAGS}(%rdi), %edx
    andl $${_UNBUFFERED | _LINE_BUFFERED | _PUTTING}, %edx
    cmpl $${_PUTTING}, %edx
    jne 8f
6:  movq {Held.end.offset}(%r8), %rcx
    cmpq $${HELD_BYTES}, %rcx
    jae 4f
    movb %sil, {Held.bytes.offset}(%r8,%rcx)
    incq %rcx
    movq %rcx, {Held.end.offset}(%r8)
    movl $$1, %eax
    retq
7:  cmpl $$0, {_MODE}(%rdi)
    jge 4f
    movq %rax, %rcx
    xorl %eax, %eax
    lock cmpxchgq %rcx, {Held.owner.offset}(%r8)
    je 5b
    jmp 9f
8:  cmpl $${_LINE_BUFFERED | _PUTTING}, %edx
    jne 4f
    cmpb $$10, %sil
    je 4f
    jmp 6b
9:"""

# The lock is 0, or 1 if it is held, or 2 if others wait for it: they sleep in the kernel until they are woken.
_ASSEMBLY = f"""
    movq {_LOCK}(%rdi), %r8
    xorl %eax, %eax
    movl $$1, %ecx
    lock cmpxchgl %ecx, (%r8)
    jne 4f
    xorl %r10d, %r10d
    cmpl $$0, {_MODE}(%rdi)
    jge 2f
    movl {_FLAGS}(%rdi), %edx
    movl %edx, %eax
    andl $${_UNBUFFERED | _PUTTING}, %eax
    cmpl $${_PUTTING}, %eax
    jne 2f
    movq {_WRITE_POINTER}(%rdi), %rax
    movq {_WRITE_END}(%rdi), %r9
    testl $${_LINE_BUFFERED}, %edx
    je 1f
    movq {_BUFFER_END}(%rdi), %r9
    cmpb $$10, %sil
    je 2f
1:  cmpq %r9, %rax
    jae 2f
    movb %sil, (%rax)
    incq %rax
    movq %rax, {_WRITE_POINTER}(%rdi)
    movl $$1, %r10d
2:  xorl %ecx, %ecx
    xchgl %ecx, (%r8)
    cmpl $$1, %ecx
    je 3f
    movl $$202, %eax
    movq %r8, %rdi
    movl $$129, %esi
    movl $$1, %edx
    syscall
3:  movl %r10d, %eax
    retq
4:  xorl %eax, %eax
    retq
"""

# Modes of setvbuf: _IOFBF and _IOLBF.
_FULL, _LINE = 0, 1


def put_byte_ir(*, hold: bool = True) -> str:
    """PUT_BYTE, HAND_OVER, TAKE and ``held.bytes`` for this process. Without `hold`, no bytes are held back."""
    if not _is_known():
        return _UNKNOWN
    text = ((_HOLDING if hold else "") + _ASSEMBLY).replace("\n", "\\0A")
    return f"""
define zeroext i1 @{PUT_BYTE}(ptr %stream, i32 %byte) naked nounwind {{
  call void asm sideeffect "{text}", ""()
  unreachable
}}
{_WRITING}"""


_UNKNOWN = f"""
@held.bytes = global [{ctypes.sizeof(Held)} x i8] zeroinitializer
define zeroext i1 @{PUT_BYTE}(ptr %stream, i32 %byte) nounwind {{
  ret i1 false
}}
define void @{HAND_OVER}() nounwind {{
  ret void
}}
define void @{TAKE}() nounwind {{
  ret void
}}
"""

_WRITING = f"""
%Held = type {{ i64, ptr, i64, i64, [{HELD_BYTES} x i8] }}
@held.bytes = global %Held zeroinitializer, align 64
declare ptr @llvm.thread.pointer.p0()
declare void @flockfile(ptr) nounwind
declare void @funlockfile(ptr) nounwind
declare i64 @fwrite_unlocked(ptr, i64, i64, ptr) nobuiltin nounwind

define void @{HAND_OVER}() nounwind {{
  %thread = call ptr @llvm.thread.pointer.p0()
  %owner = load atomic ptr, ptr @held.bytes monotonic, align 8
  %own = icmp eq ptr %owner, %thread
  br i1 %own, label %write, label %done
write:
  %stream.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 1
  %begin.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 2
  %end.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 3
  %stream = load ptr, ptr %stream.field
  call void @flockfile(ptr %stream)
  call void @{TAKE}()
  store i64 0, ptr %begin.field
  store i64 0, ptr %end.field
  store atomic ptr null, ptr @held.bytes release, align 8
  call void @funlockfile(ptr %stream)
  br label %done
done:
  ret void
}}

define void @{TAKE}() nounwind {{
  %begin.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 2
  %end.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 3
  %end = load atomic i64, ptr %end.field acquire, align 8
  %begin = load i64, ptr %begin.field
  %some = icmp ult i64 %begin, %end
  br i1 %some, label %write, label %done
write:
  %stream.field = getelementptr %Held, ptr @held.bytes, i64 0, i32 1
  %stream = load ptr, ptr %stream.field
  %first = getelementptr %Held, ptr @held.bytes, i64 0, i32 4, i64 %begin
  %size = sub i64 %end, %begin
  %written = call i64 @fwrite_unlocked(ptr %first, i64 1, i64 %size, ptr %stream)
  store i64 %end, ptr %begin.field
  br label %done
done:
  ret void
}}
"""


def _is_known() -> bool:
    """Whether streams of this process are as described above."""
    if (sys.platform, machine()) != ("linux", "x86_64"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    libc.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.fopen(b"/dev/null", b"w"))
    if not stream:
        return False
    try:
        return _is_known_stream(libc, stream)
    finally:
        libc.fclose(stream)


def _is_known_stream(libc: ctypes.CDLL, stream: ctypes.c_void_p) -> bool:
    """Compare a stream, open for writing and not used yet, with the offsets and flags above."""
    base, size = stream.value or 0, 64
    buffer = ctypes.create_string_buffer(size)
    begin = ctypes.addressof(buffer)

    def field(offset: int) -> int:
        return ctypes.c_uint64.from_address(base + offset).value

    def flags() -> int:
        return field(_FLAGS) & (_UNBUFFERED | _LINE_BUFFERED | _PUTTING)

    libc.setvbuf(stream, buffer, _LINE, ctypes.c_size_t(size))
    lines = flags() == _LINE_BUFFERED
    libc.setvbuf(stream, buffer, _FULL, ctypes.c_size_t(size))
    unused = flags() == 0 and ctypes.c_int32.from_address(base + _MODE).value == 0
    libc.fputc(65, stream)
    pointers = [field(offset) - begin for offset in (_WRITE_POINTER, _WRITE_END, _BUFFER_END)]
    used = flags() == _PUTTING and ctypes.c_int32.from_address(base + _MODE).value == -1
    return lines and unused and used and pointers == [1, size, size] and _is_known_lock(libc, stream, field(_LOCK))


def _is_known_lock(libc: ctypes.CDLL, stream: ctypes.c_void_p, address: int) -> bool:
    # Only what is inside the FILE's own memory, or near it, can be read: the lock is allocated together with it.
    if not 0 < address - (stream.value or 0) < 1024:
        return False
    lock = ctypes.c_uint32.from_address(address)
    before = lock.value
    libc.flockfile(stream)
    held = lock.value
    libc.funlockfile(stream)
    return (before, held, lock.value) == (0, 1, 0)
