"""Tangles the reader's program from the fenced blocks of the chapters (literate programming).

The blocks are the only source of the program. A later definition of a name replaces an earlier one. A `diff` block has
the definition before and after its change: before must be as the program has it, so that the two cannot drift apart.
`tutorials/README.md` describes the kinds of blocks.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kaleido.tutorial.arrangement import arranged, heading, introduction
from kaleido.tutorial.chapters import Block, chapter_number, chapter_range, program_at

__all__ = ["Program", "TangleError", "definitions", "main", "tangle"]

_LAST = ("main", "__main__")

_USAGE = "python -m tutorials.tangle N [FILE]    write the program at the end of chapter N to standard output or FILE"


class TangleError(Exception):
    """A block that cannot be part of a program. The message has the block's place and the reason."""


class Program:
    """A program that grows by one block after the other.

    `pieces`  the text of each definition, by name
    """

    def __init__(self) -> None:
        self.pieces = dict[str, str]()
        self._imports = _Imports()

    def take(self, block: Block) -> None:
        """Add a block. Raises TangleError."""
        if block.replaced:
            _prepare(block, self.pieces)
        for statement, text in _statements(block, block.code):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._imports.add(statement)
            elif isinstance(statement, ast.Delete):
                _delete(statement, self.pieces, block)
            else:
                name = _name(statement, block)
                self.pieces[name] = _extended(self.pieces.get(name), statement, text, block)

    def members(self) -> dict[str, str]:
        """The text of each definition, and of each member of a class: ``Engine``, ``Engine.define``."""
        found = dict(self.pieces)
        for name, text in self.pieces.items():
            if re.search("^class ", text, re.MULTILINE):
                found |= {f"{name}.{member}": part for member, part in _members(text)[1].items()}
        return found

    def text(self) -> str:
        """The whole program, in the order in which a reader types it."""
        body = [self.pieces[name] for name in self._names()]
        return "".join(_spaced([*self._imports.used_in("\n".join(body)), *body]))

    def arranged(self) -> str:
        """The whole program in sections; empty if there are no definitions."""
        sections = arranged(self._names())
        if not sections:
            return ""
        imports = "".join(_spaced(self._imports.used_in("\n".join(self.pieces.values()))))
        bodies = [
            f"{heading(section)}\n\n\n{''.join(_spaced([self.pieces[name] for name in names]))}"
            for section, names in sections.items()
        ]
        return "\n\n".join([f"{introduction(sections)}\n{imports}", *bodies])

    def _names(self) -> list[str]:
        """The names of the definitions, in the order in which a reader types them."""
        return sorted(self.pieces, key=lambda name: _LAST.index(name) if name in _LAST else -1)


def tangle(blocks: Iterable[Block], *, sections: bool = False) -> str:
    """The text of a program from its blocks. Raises TangleError.

    With `sections` it is in the order of :mod:`kaleido.tutorial.arrangement`, otherwise in that of the chapters.
    """
    program = Program()
    for block in blocks:
        program.take(block)
    return program.arranged() if sections else program.text()


def definitions(block: Block) -> list[str]:
    """The names that a block of the program defines, with the members of classes: ``Engine``, ``Engine.define``."""
    found = []
    for statement, _ in _statements(block, block.code):
        if not isinstance(statement, ast.Import | ast.ImportFrom | ast.Delete):
            found.append(name := _name(statement, block))
            if isinstance(statement, ast.ClassDef):
                found += [f"{name}.{each.name}" for each in statement.body if isinstance(each, ast.FunctionDef)]
    return found


def _statements(block: Block, code: str) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement of a block's code, with its text including the comments above it."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise TangleError(f"{block.place}: {error}") from None
    yield from _with_text(tree.body, code.splitlines(), 0)


def _with_text(body: list[ast.stmt], lines: list[str], before: int) -> Iterator[tuple[ast.stmt, str]]:
    for statement in body:
        end = statement.end_lineno or 0
        yield statement, "\n".join(lines[before:end]).strip("\n")
        before = end


def _name(statement: ast.stmt, block: Block) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return "__main__"
    raise TangleError(f"{block.place}: only definitions can be part of the program, not: {ast.unparse(statement)}")


def _prepare(block: Block, pieces: dict[str, str]) -> None:
    """Check that the program has what a change replaces, and remove what it removes.

    The names are those of definitions, and of members where the change extends a class.
    """
    before, after = _parts(block, block.replaced), _parts(block, block.code)
    for name, text in before.items():
        if name not in pieces and name.partition(".")[0] not in pieces:
            raise TangleError(f"{block.place}: {name} is not defined and cannot be changed")
        class_name, _, member = name.partition(".")
        heading, members = _members(pieces[class_name]) if member else ("", pieces)
        if members.get(member or name) != text:
            raise TangleError(f"{block.place}: {name} is not in the program as the block has it without its + lines")
        if name not in after:
            del members[member or name]
            if member:
                pieces[class_name] = _class_text(heading, members)


def _parts(block: Block, code: str) -> dict[str, str]:
    """The definitions in a block's code by name; of a class that it extends, the members: ``Engine.define``."""
    found = dict[str, str]()
    for statement, text in _statements(block, code):
        if isinstance(statement, ast.ClassDef) and _extends(statement):
            found |= {f"{statement.name}.{name}": part for name, part in _members(text)[1].items()}
        elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.Delete):
            found[_name(statement, block)] = text
    return found


def _delete(statement: ast.Delete, pieces: dict[str, str], block: Block) -> None:
    for target in statement.targets:
        if pieces.pop(ast.unparse(target), None) is None:
            raise TangleError(f"{block.place}: {ast.unparse(target)} is not defined and cannot be deleted")


def _extended(before: str | None, statement: ast.stmt, text: str, block: Block) -> str:
    """The definition that replaces `before`: `text`, or for ``class C(C)`` both merged."""
    if not isinstance(statement, ast.ClassDef) or not _extends(statement):
        return text
    if before is None:
        raise TangleError(f"{block.place}: class {statement.name} is not defined and cannot be extended")
    heading, members = _members(before)
    return _class_text(heading, members | _members(text)[1])


def _extends(statement: ast.ClassDef) -> bool:
    """Whether a class is written as ``class C(C)``."""
    return any(ast.unparse(base) == statement.name for base in statement.bases)


def _class_text(heading: str, members: dict[str, str]) -> str:
    return heading + "".join(_spaced_members(members, heading.endswith('"""')))


def _members(text: str) -> tuple[str, dict[str, str]]:
    """A class's first lines up to its docstring, and its members by name."""
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.ClassDef)
    lines, body = text.splitlines(), tree.body
    start = body[0].lineno - 1
    if isinstance(body[0], ast.Expr):
        start, body = body[0].end_lineno or 0, body[1:]
    else:
        start = min([start, *(decorator.lineno - 1 for decorator in getattr(body[0], "decorator_list", []))])
    block = Block("python", "", text, f"class {tree.name}")
    return "\n".join(lines[:start]), {_name(each, block): part for each, part in _with_text(body, lines, start)}


def _spaced_members(members: dict[str, str], after_text: bool) -> Iterator[str]:
    """Members with an empty line above methods, and after a docstring."""
    for number, text in enumerate(members.values()):
        method = re.match(r"(    #.*\n)*    (@|def )", text) is not None
        apart = (method and number > 0) or (after_text and number == 0)
        yield ("\n\n" if apart else "\n") + text


def _spaced(pieces: list[str]) -> Iterator[str]:
    """Pieces with two empty lines around functions and classes, one between others, none between imports."""
    before = ""
    for text in pieces:
        if before:
            both_imports = all(piece.startswith(("import ", "from ")) for piece in (before, text))
            block = any(re.match(r"(#.*\n)*(def|class|if|@)", piece) for piece in (before, text))
            yield "" if both_imports and _group(before) == _group(text) else "\n\n" if block else "\n"
        yield text + "\n"
        before = text


def _group(line: str) -> int:
    """The group of an import: ``__future__``, the standard library, other packages."""
    package = line.split()[1].split(".")[0]
    return 0 if package == "__future__" else 1 if package in sys.stdlib_module_names else 2


class _Imports:
    """The imports of all blocks, without duplicates."""

    def __init__(self) -> None:
        self._modules: set[tuple[str, str | None]] = set()
        self._names: set[tuple[str, str]] = set()

    def add(self, statement: ast.Import | ast.ImportFrom) -> None:
        if isinstance(statement, ast.Import):
            self._modules |= {(alias.name, alias.asname) for alias in statement.names}
        else:
            self._names |= {(statement.module or "", alias.name) for alias in statement.names}

    def used_in(self, program: str) -> list[str]:
        """The import statements that `program` needs, in ruff's order."""
        used = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name)}
        lines = [
            f"import {module}" + (f" as {known}" if known else "")
            for module, known in self._modules
            if (known or module.split(".")[0]) in used
        ]
        for module in {module for module, _ in self._names}:
            names = sorted((n for m, n in self._names if m == module and (n in used or m == "__future__")), key=_order)
            lines += [f"from {module} import {', '.join(names)}"] if names else []
        return sorted(lines, key=lambda line: (_group(line), line.startswith("from"), line))


def _order(name: str) -> tuple[bool, bool, str]:
    """Constants, then classes, then functions."""
    return not name.isupper(), not name[0].isupper(), name


def main(arguments: list[str]) -> int:
    """Write the program of a chapter. Return the exit code."""
    number = chapter_number(arguments[0]) if len(arguments) in (1, 2) else None
    if number is None:
        print(_USAGE, f"({chapter_range()})")
        return 2
    program = tangle(program_at(number), sections=True)
    if arguments[1:]:
        Path(arguments[1]).write_text(program, "utf-8")
    else:
        print(program, end="")
    return 0
