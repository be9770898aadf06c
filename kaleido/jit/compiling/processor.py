"""What LLVM asks the processor for, without LLVM: loading it takes longer than starting from the object cache.

LLVM chooses the processor's name and features by the instructions ``cpuid`` and ``xgetbv``. So their answers, on the
processor that executes this and under whatever emulates it, stand for the name and the features in the keys of the
cache. ``/proc/cpuinfo`` would not do: under valgrind, it still describes the real processor.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from functools import cache

from kaleido.jit.process.machine import machine

__all__ = ["has_fused_multiply_add", "processor"]

# uint32 *out in rdx: leaf edi, subleaf esi -> eax, ebx, ecx, edx
_CPUID = bytes.fromhex("53 4989d0 89f8 89f1 0fa2 418900 41895804 41894808 4189500c 5b c3")
# The enabled state components in rax.
_XGETBV = bytes.fromhex("31c9 0f01d0 48c1e220 4809d0 c3")

# The leaves and subleaves that describe features: those that LLVM 22 reads (Host.cpp), and their neighbors.
_LEAVES = [
    (0, 0), (1, 0), (7, 0), (7, 1), (7, 2), (0xD, 1), (0x14, 0), (0x19, 0), (0x1E, 0), (0x1E, 1), (0x21, 0), (0x24, 0),
    (0x8000_0000, 0), (0x8000_0001, 0), (0x8000_0007, 0), (0x8000_0008, 0), (0x8000_0021, 0),
]  # fmt: skip
_HAS_XGETBV = 1 << 27

# Of leaf 1, in ecx: the instruction, and the wider registers that it needs; the system has to enable these.
_FMA_AND_AVX, _WIDE_REGISTERS = 1 << 12 | 1 << 28, 6


@cache
def has_fused_multiply_add() -> bool:
    """Whether ``llvm.fma.f64`` is an instruction of the host's processor. Elsewhere it is a slow call of ``fma``."""
    answers = _ask()
    if answers is None:
        from kaleido.jit.compiling.llvm import host_has_fused_multiply_add

        return host_has_fused_multiply_add()
    features, state = answers
    return features[1, 0][2] & _FMA_AND_AVX == _FMA_AND_AVX and state & _WIDE_REGISTERS == _WIDE_REGISTERS


def processor() -> bytes | None:
    """The answers; None where this cannot be asked."""
    answers = _ask()
    if answers is None:
        return None
    words = [word for answer in answers[0].values() for word in answer]
    return struct.pack(f"<{len(words)}IQ", *words, answers[1])


def _ask() -> tuple[dict[tuple[int, int], list[int]], int] | None:
    """The answer to each leaf, and the enabled state.

    None where this cannot be asked: on another architecture, or without executable memory.
    """
    if machine() != "x86_64" or sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    # Not writable and executable at once, which some systems forbid.
    memory = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(_CPUID.ljust(64, b"\xcc") + _XGETBV)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protection = mmap.PROT_READ | mmap.PROT_EXEC
    if ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), protection):
        return None
    return _answers(address)


def _answers(address: int) -> tuple[dict[tuple[int, int], list[int]], int]:
    cpuid = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(address)
    out = (ctypes.c_uint32 * 4)()
    answers: dict[tuple[int, int], list[int]] = {}
    for leaf, subleaf in _LEAVES:
        first = answers.get((leaf & 0x8000_0000, 0))
        if first is None or leaf <= first[0]:
            cpuid(leaf, subleaf, out)
            answers[leaf, subleaf] = list(out)
    features = answers[1, 0]
    # Its high bytes identify the core.
    features[1] &= 0xFFFF
    state = ctypes.CFUNCTYPE(ctypes.c_uint64)(address + 64)() if features[2] & _HAS_XGETBV else 0
    return answers, state
