"""Error recovery: the errors in the rest of a text, after an item that has one. Nothing here runs or takes effect.

The rest is checked against a copy of the function table, in which an item with an error is assumed to have none.
"""

from __future__ import annotations

import re

from kaleido.diagnostics import MOST_SHOWN, Diagnostic, SemanticError, Source
from kaleido.language.nodes import Definition, External, Item
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import Text
from kaleido.session.transaction import compile_definitions, compile_expression

__all__ = ["check_text", "remaining_errors"]


def check_text(text: Text, table: FunctionTable) -> None:
    """Check a whole text, and commit its definitions to `table`. Raises SemanticError at the first item with errors."""
    for item in text.items:
        _check(item, text, table)


def remaining_errors(error: SemanticError, index: int, text: Text, table: FunctionTable) -> list[Diagnostic]:
    """The errors in a text from item `index` on, which has failed with `error`."""
    errors, failed, table = list(error.diagnostics), text.items[index], table.copy()
    _assume(failed, text.source, table)
    for item in text.items[index + 1 :]:
        if _is_fragment(item, failed, text.source):
            continue
        try:
            _check(item, text, table, MOST_SHOWN - len(errors))
        except SemanticError as another:
            errors += _unreported(another, item, errors)
            _assume(item, text.source, table)
            failed = item
    return errors


def _check(item: Item, text: Text, table: FunctionTable, shown: int = MOST_SHOWN) -> None:
    if isinstance(item, Definition | External):
        compile_definitions([item], text, table, shown).commit(table)
    else:
        compile_expression(item, text, table, shown)


def _is_fragment(item: Item, failed: Item, source: Source) -> bool:
    """Whether an expression is on the same line as an item with an error: most likely it is a part of that item."""
    between = source.text[failed.span.end : item.span.start]
    return not isinstance(item, Definition | External) and re.search(r"[;\r\n]", between) is None


def _unreported(error: SemanticError, item: Item, errors: list[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics of an item; of an expression, only those with a title that `errors` do not have yet."""
    titles = set() if isinstance(item, Definition) else {each.title for each in errors}
    return [each for each in error.diagnostics if each.title not in titles]


def _assume(item: Item, source: Source, table: FunctionTable) -> None:
    if isinstance(item, Definition | External):
        table.assume(item, source)
