"""The functions of a program that C can call: their names, and a C header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kaleido.codegen.mangling import signature
from kaleido.jit import RunCounter, Unit, quoted

__all__ = ["ENTRY", "c_functions", "c_header", "exported_unit"]

ENTRY = "kaleido_main"
"""The C function that runs the program's expressions, and returns the exit code."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_KEYWORDS = frozenset(
    "alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float "
    "for goto if inline int long nullptr register restrict return short signed sizeof static static_assert struct "
    "switch thread_local true typedef typeof union unsigned void volatile while asm fortran and and_eq bitand bitor "
    "catch class compl concept consteval constinit const_cast co_await co_return co_yield decltype delete "
    "dynamic_cast explicit export friend mutable namespace new noexcept not not_eq operator or or_eq private protected "
    "public reinterpret_cast requires static_cast template this throw try typeid typename using virtual wchar_t xor "
    "xor_eq".split()
)


def c_functions(names: Iterable[str], used: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names of functions that C can call, and of the others.

    Others are operators, names that are none in C or C++, and names of C functions that are in use: `used`.
    """
    taken = {*used, *_KEYWORDS, ENTRY, "main"}
    good = [name for name in names if _IDENTIFIER.fullmatch(name) and name not in taken and not name.startswith("_")]
    return good, [name for name in names if name not in good]


def exported_unit(name: str, symbol: str, arity: int) -> Unit:
    """The unit for C function `name`, which calls the function of the language."""
    kind = signature(arity)
    ir = (
        f"define {kind.prototype(f'{name}.impl')} nounwind {{\n{kind.forward(quoted(symbol))}}}\n"
        f"declare {kind.prototype(symbol)}\n"
    )
    return Unit(name, kind, ir, {symbol: kind}, counter=RunCounter.NONE)


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
