"""Error recovery: the errors in the rest of a text, after a step that has some. Nothing here runs or takes effect.

The rest is checked against a copy of the function table, in which items with errors are assumed to have none.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from kaleido.diagnostics import MOST_SHOWN, Diagnostic, SemanticError, Source
from kaleido.language.nodes import Expression, Item
from kaleido.session.expression import compile_expression
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import Step, Text, targets
from kaleido.session.transaction import compile_definitions

__all__ = ["check_text", "remaining_errors"]


def check_text(text: Text, table: FunctionTable) -> None:
    """Check a whole text, and commit what it defines to `table`. Raises SemanticError with all its errors."""
    for index, step in enumerate(text.steps):
        try:
            _check(step, text, table)
        except SemanticError as error:
            raise SemanticError(*remaining_errors(error, index, text, table)) from None


def remaining_errors(error: SemanticError, index: int, text: Text, table: FunctionTable) -> list[Diagnostic]:
    """The errors in a text from step `index` on, which has failed with `error`."""
    errors, table = list(error.diagnostics), table.copy()
    failed = _assume(text.steps[index], error, text.source, table)
    for step in text.steps[index + 1 :]:
        if not isinstance(step, list) and _is_fragment(step, failed, text.source):
            continue
        try:
            _check(step, text, table, MOST_SHOWN - len(errors))
        except SemanticError as another:
            errors += _unreported(another, step, errors)
            failed = _assume(step, another, text.source, table)
    return errors


def _check(step: Step, text: Text, table: FunctionTable, shown: int = MOST_SHOWN) -> None:
    if isinstance(step, list):
        compile_definitions(step, text, table, shown).commit(table)
    else:
        compile_expression(step, text, table, shown)
        table.assume_variables(targets(step))


def _is_fragment(expression: Expression, failed: Item, source: Source) -> bool:
    """Whether an expression is on the same line as an item with an error: most likely it is a part of that item."""
    between = source.text[failed.span.end : expression.span.start]
    return re.search(r"[;\r\n]", between) is None


def _unreported(error: SemanticError, step: Step, errors: list[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics of a step; of an expression, only those with a title that `errors` do not have yet."""
    titles = set() if isinstance(step, list) else {each.title for each in errors}
    return [each for each in error.diagnostics if each.title not in titles]


def _assume(step: Step, error: SemanticError, source: Source, table: FunctionTable) -> Item:
    """Declare what a step that has failed would define. Returns the last item in it that has an error."""
    if not isinstance(step, list):
        table.assume_variables(targets(step))
        return step
    places = sorted(each.span.start for each in error.diagnostics if each.span is not None)
    failed = step[-1]
    for item in step:
        is_failed = bisect_left(places, item.span.start) < bisect_left(places, item.span.end)
        table.assume(item, source, is_failed=is_failed)
        failed = item if is_failed else failed
    return failed
