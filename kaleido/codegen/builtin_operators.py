"""The built-in operators as LLVM instructions, one row each.

Comparisons follow IEEE 754: with a NaN they are false, except ``!=``. ``%`` is the remainder that C's ``fmod`` returns.
"""

from __future__ import annotations

from collections.abc import Mapping

ARITHMETIC: Mapping[str, str] = {
    "binary+": "fadd",
    "binary-": "fsub",
    "binary*": "fmul",
    "binary/": "fdiv",
    "binary%": "frem",
}

COMPARISONS: Mapping[str, str] = {
    "binary<": "olt",
    "binary>": "ogt",
    "binary<=": "ole",
    "binary>=": "oge",
    "binary==": "oeq",
    "binary!=": "une",
}

NEGATE, NOT = "unary-", "unary!"

BUILTIN_OPERATORS = frozenset({*ARITHMETIC, *COMPARISONS, NEGATE, NOT})
