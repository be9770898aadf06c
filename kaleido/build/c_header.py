"""The functions of a program that C can call: their names, and a C header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kaleido.session.libraries import find_function

__all__ = ["ENTRY", "c_functions", "c_header"]

ENTRY = "kaleido_main"
"""The C function that runs the program's expressions, and returns the exit code."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const const_cast
consteval constexpr constinit continue co_await co_return co_yield decltype default delete do double dynamic_cast
else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not
not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short
signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef
typeid typename typeof union unsigned using virtual void volatile wchar_t while xor xor_eq
"""

# Of C and C++.
_KEYWORDS = frozenset(_WORDS.split())


def c_functions(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names of functions that C can call, and of the others.

    Others are operators, names that are none in C or C++, and those of functions that this process has: of the C
    library, which a program's own `sqrt` would replace for everything that is linked with it.
    """
    good: list[str] = []
    others: list[str] = []
    for name in names:
        is_free = name not in (*_KEYWORDS, ENTRY, "main") and find_function(name) is None
        (good if is_free and _IDENTIFIER.fullmatch(name) and not name.startswith("_") else others).append(name)
    return good, others


def c_header(title: str, functions: Mapping[str, Sequence[str]], others: Iterable[str]) -> str:
    """The header. `functions` are the parameters of each function, `others` the names of those that C cannot call."""
    guard = f"KALEIDO_{re.sub('[^A-Za-z0-9]', '_', title).upper()}_H"
    missing = [f"/* Not a name that C can call: {name} */" for name in others if "*/" not in name and "/*" not in name]
    lines = [
        f"/* The functions of {re.sub('[*][/]', '* /', title)}, compiled by Kaleido. */",
        f"#ifndef {guard}\n#define {guard}\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        *(f"double {name}({_parameters(each)});" for name, each in functions.items()),
        *missing,
        f"\n/* Runs the expressions at top level, in order. Returns the exit code. */\nint {ENTRY}(void);",
        "\n#ifdef __cplusplus\n}\n#endif\n#endif\n",
    ]
    return "\n".join(lines)


def _parameters(names: Sequence[str]) -> str:
    plain = all(_IDENTIFIER.fullmatch(name) and name not in _KEYWORDS for name in names)
    shown = (f"double {name}" if plain else f"double x{index}" for index, name in enumerate(names))
    return ", ".join(shown) or "void"
