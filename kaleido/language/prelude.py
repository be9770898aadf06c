"""The prelude: the definitions that every session begins with."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from kaleido.diagnostics import Source

if TYPE_CHECKING:
    from kaleido.language.operators import OperatorTable

__all__ = ["PRELUDE", "prelude", "prelude_operators"]

PRELUDE = "<prelude>"
"""The name of its text."""


def prelude() -> Source:
    """The text of `prelude.kal`."""
    with open(os.path.join(os.path.dirname(__file__), "prelude.kal"), encoding="utf-8") as file:
        return Source(PRELUDE, file.read())


@cache
def prelude_operators() -> OperatorTable:
    """The operator table after the prelude."""
    from kaleido.language.nodes import Definition, External
    from kaleido.language.operators import BUILTINS
    from kaleido.language.parser import parse

    operators = BUILTINS
    for item in parse(prelude()):
        if isinstance(item, Definition | External):
            operators = operators.with_declared(item.prototype)
    return operators
