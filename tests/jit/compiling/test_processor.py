"""The processor's answers, which stand for its features in the keys of the object cache."""

from __future__ import annotations

import os
import platform
import sys

import pytest

from kaleido.jit.compiling.llvm import host_has_fused_multiply_add
from kaleido.jit.compiling.processor import has_fused_multiply_add, processor

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="there are only the instructions of x86-64"
)


def test_they_are_the_same_on_every_core() -> None:
    allowed = os.sched_getaffinity(0)
    answers = set()
    try:
        for core in allowed:
            os.sched_setaffinity(0, {core})
            answers.add(processor())
    finally:
        os.sched_setaffinity(0, allowed)
    assert len(answers) == 1 and None not in answers


def test_they_name_the_vendor() -> None:
    answers = processor()
    assert answers is not None
    # Leaf 0 has it in ebx, edx, ecx.
    name = answers[4:8] + answers[12:16] + answers[8:12]
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        assert f": {name.decode('ascii')}\n" in file.read()


def test_it_has_the_fused_multiply_add_that_llvm_finds() -> None:
    assert has_fused_multiply_add() == host_has_fused_multiply_add()
