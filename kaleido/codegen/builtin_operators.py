"""The built-in operators as LLVM instructions, one row each.

Comparisons follow IEEE 754: with a NaN they are false, except ``!=``. ``%`` is the remainder that C's ``fmod`` returns;
it takes several instructions, see :mod:`kaleido.codegen.remainder`.
"""

from __future__ import annotations

from collections.abc import Mapping

ARITHMETIC: Mapping[str, str] = {
    "binary+": "fadd",
    "binary-": "fsub",
    "binary*": "fmul",
    "binary/": "fdiv",
}

COMPARISONS: Mapping[str, str] = {
    "binary<": "olt",
    "binary>": "ogt",
    "binary<=": "ole",
    "binary>=": "oge",
    "binary==": "oeq",
    "binary!=": "une",
}

REMAINDER = "binary%"

NEGATE, NOT = "unary-", "unary!"

BUILTIN_OPERATORS = frozenset({*ARITHMETIC, *COMPARISONS, REMAINDER, NEGATE, NOT})
