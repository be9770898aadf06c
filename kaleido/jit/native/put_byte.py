"""A byte to a C stream, faster than ``putchar``: PUT_BYTE, a function for units.

The problem. A program that writes byte by byte calls ``putchar`` for each. A process with several threads, as this one
is, pays for the stream's lock, and a unit pays for LEAVE_JIT and REENTER_JIT in addition: together three to five times
what ``putchar`` takes in a C program with one thread.

The solution. ``i1 @jit.put.byte(ptr stream, i32 byte)`` takes glibc's lock of the stream, appends the byte to the
stream's own buffer, and unlocks. Wherever that is not all there is to do, it changes nothing and returns false, and the
unit calls C: the buffer is full or has not been allocated, the byte ends a line and the stream writes lines, the stream
is unbuffered or of wide characters, or another call holds the lock. The byte is in the buffer of C itself, in order
with everything else: for ``fflush``, for a fork, and for other threads.

It is written in machine code, because it must not touch the stack, where it could overflow, while it holds the lock.
Its code does not belong to a unit, so an interruption does not end it (see ``faults``).

Limits. It knows the FILE and the lock of glibc on x86-64. The beginning of the FILE is part of glibc's interface, since
its macros are compiled into programs; the lock is not. So :func:`put_byte_ir` compares both with a stream of its own
first. Elsewhere PUT_BYTE returns false.

What does not work. *An own buffer in front of C's*: whatever else writes or flushes would have to write it out first, C
functions of other threads included. *The stream held locked for the whole run*: other threads that write, such as one
that shows progress, would wait for its end.
"""

from __future__ import annotations

import ctypes
import sys

from kaleido.jit.process.machine import machine

__all__ = ["PUT_BYTE", "put_byte_ir"]

PUT_BYTE = "jit.put.byte"
"""The symbol that every unit may declare: ``zeroext i1 @jit.put.byte(ptr, i32)``."""

# Offsets into FILE, and its flags.
_FLAGS, _WRITE_POINTER, _WRITE_END, _BUFFER_END, _LOCK, _MODE = 0, 40, 48, 64, 136, 192
_UNBUFFERED, _LINE_BUFFERED, _PUTTING = 0x2, 0x200, 0x800

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


def put_byte_ir() -> str:
    """The definition of PUT_BYTE for this process."""
    if not _is_known():
        return f"define zeroext i1 @{PUT_BYTE}(ptr %stream, i32 %byte) nounwind {{\n  ret i1 false\n}}\n"
    text = _ASSEMBLY.replace("\n", "\\0A")
    return f"""
define zeroext i1 @{PUT_BYTE}(ptr %stream, i32 %byte) naked nounwind {{
  call void asm sideeffect "{text}", ""()
  unreachable
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
