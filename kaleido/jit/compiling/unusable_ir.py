"""What valid IR may have, and the engine cannot honor: it would end the process, or change what others do.

LLVM compiles all of this. What is left to the author of the IR, as in C: undefined behavior, attributes that are not
true, ``llvm.trap``, and the text of inline assembly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

import llvmlite.binding as llvm

__all__ = ["intrinsic_reason", "unusable_attributes", "unusable_words"]

# Intrinsics by the beginning of their names, with the reason.
_INTRINSICS = {
    re.compile(
        r"llvm\.(?:aarch64|amdgcn|arm|bpf|dx|hexagon|loongarch|mips|nvvm|ppc|r600|riscv|s390|spv|ve|wasm|xcore"
        r"|coro|eh|gcread|gcroot|gcwrite|localescape|localrecover|experimental\.(?:gc|deoptimize|guard|widenable))"
        r"(?:\.|$)"
    ): "which this machine has no instruction for",
    re.compile(
        r"llvm\.(?:(?:set|reset)\.(?:fpenv|fpmode|rounding)|x86\.(?:sse\.ldmxcsr|f?xrstor))"
    ): "which changes how C and Python compute, too",
    re.compile(
        r"llvm\.(?:write_(?:volatile_)?register|x86\.wr[fg]sbase)"
    ): "which changes a register that the engine needs",
    re.compile(r"llvm\.x86\.(?:(?:rd|wr)pkru|wb(?:no)?invd|invpcid|clui|stui|testui|senduipi)"): (
        "which only the system can run, or permit"
    ),
    re.compile(r"llvm\.(?:init|adjust)\.trampoline"): "which needs a stack whose memory can be executed",
}

# Words in the text of a module outside of quotes, with the reason.
_WORDS = {
    " inalloca(": "passes an argument as inalloca, which x86-64 does not have",
    " preallocated(": "passes an argument as preallocated, which x86-64 does not have",
    "x86_amx": "has values of the type x86_amx, which only processes with the system's permission can have",
}

# What a definition may not have, outside of quotes, with the reason.
_OF_DEFINITIONS = {
    " gc ": "has a garbage collector: there is none here",
    " personality ": "has a personality: nothing unwinds here",
    " comdat": "has a comdat, which may be merged with one of another unit",
    " prologue ": "has prologue data, which would be run as code",
    " naked ": "is naked: the engine cannot find the callers of a function that has no frame",
}

_QUOTED = re.compile(r'"[^"]*"')
_FEATURES = re.compile(r'"target-features"="([^"]*)"')
_PROCESSOR = re.compile(r'"target-cpu"="([^"]*)"')
_ANY_PROCESSOR = frozenset({"", "generic", "x86-64"})


def intrinsic_reason(name: str) -> str:
    """Why an intrinsic cannot be called; empty if it can be."""
    return next((reason for names, reason in _INTRINSICS.items() if names.match(name)), "")


def unusable_words(text: str) -> Iterator[tuple[str, str]]:
    """Words in a module, as LLVM prints it, that no unit may have, each with the reason."""
    for word, reason in _WORDS.items():
        if word in text and word in _QUOTED.sub("", text):
            yield word.strip(), reason


def unusable_attributes(attributes: str) -> Iterator[str]:
    """The reasons why no definition may have what follows its parameters, with the words of attribute groups."""
    words = f" {_QUOTED.sub('', attributes)} "
    yield from (reason for word, reason in _OF_DEFINITIONS.items() if word in words)
    for found in _PROCESSOR.finditer(attributes):
        if found[1] not in _ANY_PROCESSOR | {llvm.get_host_cpu_name()}:
            yield f"is for the processor {found[1]}, and this one is {llvm.get_host_cpu_name()}"
    for found in _FEATURES.finditer(attributes):
        missing = [each for each in found[1].split(",") if each[:1] == "+" and not _features().get(each[1:], True)]
        if missing:
            yield f"needs {missing[0][1:]}, which this processor does not have"


@cache
def _features() -> Mapping[str, bool]:
    """What is known of the host's processor."""
    features: dict[str, bool] = llvm.get_host_cpu_features()
    return features
