"""Generates ``parse_tables.py`` from the grammar, with Lark: ``python -m kaleido.language.table_generator``.

Importing Lark and analyzing the grammar takes longer than all the rest of Kaleido's start. So it is done when the
grammar is changed, and the result is a module of the package. A test compares that with the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from lark import Lark
from lark.grammar import NonTerminal, Rule
from lark.lexer import PatternStr, TerminalDef
from lark.parsers.lalr_analysis import Shift

__all__ = ["TABLES", "grammar", "grammar_text", "tables_text"]

TABLES = Path(__file__).with_name("parse_tables.py")

_Rows: TypeAlias = "list[dict[str, int]]"

_TEXT = '''"""The grammar's terminals, its rules, and its LALR(1) parse table.

Generated from ``grammar/kaleido.lark`` by ``python -m kaleido.language.table_generator``: do not edit.
"""

# fmt: off
# ruff: noqa: E501

from __future__ import annotations

TERMINALS: tuple[tuple[str, str, str | None, bool], ...] = {terminals}
"""Each terminal's name, regular expression, text if that is always the same, and whether it is ignored.

The first one that matches wins, except that a keyword beats NAME.
"""

RULES: tuple[tuple[str, int, str, tuple[int | None, ...]], ...] = {rules}
"""Each rule's symbol, the number of symbols that it replaces, the builder's method, and the arguments of that.

An argument is the index of one of the symbols; the complement (`~`) of the index of a list, for its elements; or None,
for an optional part that is absent. Without a method, the value is the list of the arguments.
"""

ACTIONS: tuple[dict[str, int], ...] = {actions}
"""For each state and terminal, the state after it; or the complement of the rule to reduce by, before it."""

GOTOS: tuple[dict[str, int], ...] = {gotos}
"""For each state and symbol, the state after the symbol. A text begins in state 0."""

FINAL = {final}
"""The state after a whole text."""
'''


def grammar_text() -> str:
    """The text of the grammar, which is inside the package when installed and beside it in a checkout."""
    shipped = files("kaleido") / "grammar" / "kaleido.lark"
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[2] / "grammar" / "kaleido.lark").read_text("utf-8")


def grammar() -> Lark:
    """The grammar as Lark understands it."""
    # Lark drops the terminals that are in no rule: STRAY is in one, of another start symbol.
    text = f"{grammar_text()}\n_stray: STRAY\n"
    return Lark(text, start=["program", "_stray"], parser="lalr", lexer="basic")


def tables_text() -> str:
    """The text of ``parse_tables.py``."""
    lark = grammar()
    rules = [rule for rule in lark.rules if rule.origin.name != "_stray"]
    actions, gotos, final = _automaton(lark, rules)
    return _TEXT.format(
        terminals=_tuple(_terminal(each, lark) for each in lark.parser.lexer.terminals),
        rules=_tuple(map(_rule, rules)),
        actions=_tuple(actions),
        gotos=_tuple(gotos),
        final=final,
    )


def _tuple(entries: Iterable[object]) -> str:
    return "".join(["(\n", *(f"    {entry!a},\n" for entry in entries), ")"])


def _terminal(terminal: TerminalDef, lark: Lark) -> tuple[str, str, str | None, bool]:
    pattern = terminal.pattern
    text = pattern.value if isinstance(pattern, PatternStr) else None
    return terminal.name, pattern.to_regexp(), text, terminal.name in lark.ignore_tokens


def _rule(rule: Rule) -> tuple[str, int, str, tuple[int | None, ...]]:
    name, arguments = rule.origin.name, _arguments(rule)
    method = "" if name.startswith("_") else str(rule.alias or name)
    if rule.options.expand1 and not rule.alias:
        raise ValueError(f"{name}: an alternative of a rule with a question mark needs an alias")
    return str(name), len(rule.expansion), method, arguments


def _arguments(rule: Rule) -> tuple[int | None, ...]:
    """The symbols of a rule that Lark keeps: all but the terminals that are written as text or begin with `_`."""
    # Lark marks the absent optional symbols among those that are present, as in [False, True, False].
    absent = rule.options.empty_indices or [False] * len(rule.expansion)
    present: Iterator[tuple[int, Any]] = iter(enumerate(rule.expansion))
    arguments: list[int | None] = []
    for is_absent in absent:
        if is_absent:
            arguments.append(None)
            continue
        index, symbol = next(present)
        if isinstance(symbol, NonTerminal):
            arguments.append(~index if symbol.name.startswith("_") else index)
        elif rule.options.keep_all_tokens or not symbol.filter_out:
            arguments.append(index)
    return tuple(arguments)


def _automaton(lark: Lark, rules: list[Rule]) -> tuple[_Rows, _Rows, int]:
    """The rows of actions and of gotos, and the final state.

    Lark's numbers of states differ from run to run. These are in the order of a breadth-first search.
    """
    table: Any = lark.parser.parser._parse_table
    numbers = {rule: index for index, rule in enumerate(rules)}
    order = [table.start_states["program"]]
    actions: _Rows = []
    gotos: _Rows = []
    for state in order:
        row = dict(sorted(table.states[state].items()))
        order += [target for kind, target in row.values() if kind is Shift and target not in order]
        moves = {name: _move(move, order, numbers) for name, move in row.items()}
        actions.append({name: move for name, move in moves.items() if name.isupper()})
        gotos.append({name: move for name, move in moves.items() if not name.isupper()})
    return actions, gotos, order.index(table.end_states["program"])


def _move(move: tuple[Any, Any], order: list[int], rules: Mapping[Rule, int]) -> int:
    kind, target = move
    return order.index(target) if kind is Shift else ~rules[target]


if __name__ == "__main__":
    TABLES.write_text(tables_text(), "utf-8")
