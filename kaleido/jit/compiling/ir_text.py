"""Functions in the text of a module, as LLVM prints it: names, blocks, calls. Nothing here is about recursion.

llvmlite cannot clone a function or change a call. So a copy of a function is its text with other names in it. A name in
quotes may contain anything but a quote, so names are found by :data:`NAME` and never by a search for their text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise

from kaleido.jit.compiling.ir_lines import arguments

__all__ = [
    "Function",
    "attribute_groups",
    "functions",
    "mentioned",
    "reachable",
    "renamed",
    "strongly_connected",
    "unused_tag",
    "with_possible_tail_calls",
]

# Types of one word.
_TYPES = ("double", "float", "ptr", "i64", "i32", "i16", "i8", "i1")

NAME = re.compile(r'[@%]?"[^"]*"|@[-a-zA-Z$._0-9]+')
"""A global name, or anything else in quotes, so that what is in the quotes is skipped."""

_FUNCTION = re.compile(r"^define .*?^}\n", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r'^([-a-zA-Z$._0-9]+|"[^"]*"):')
_TARGET = re.compile(r'label (%[-a-zA-Z$._0-9]+|%"[^"]*")')
_GROUP = re.compile(r"^attributes (#\d+) = \{(.*)\}$", re.MULTILINE)
_TAIL_CALL = re.compile(r"^  (?:\S+ = |%\"[^\"]*\" = )?(?:must)?tail call tailcc ")
_PARAMETER = re.compile(r'(\w+) (?:.* )?(%[-a-zA-Z$._0-9]+|%"[^"]*")')


@dataclass(frozen=True)
class Function:
    """The text of a definition. `name` is quoted where LLVM quotes it, as are the names of :meth:`calls`."""

    text: str
    name: str

    @property
    def body(self) -> str:
        """Everything after the first line."""
        return self.text.partition("\n")[2]

    def mentions(self, names: Collection[str]) -> list[str]:
        """Those of `names` that its body mentions, as often as it does."""
        return mentioned(self.body, names)

    def blocks(self) -> dict[str, list[str]]:
        """The instructions of each block by its label, without records for debuggers.

        The label of the first may be empty, as LLVM may omit it.
        """
        blocks: dict[str, list[str]] = {"": []}
        label = ""
        for line in self.body.split("\n"):
            if found := _LABEL.match(line):
                label = "%" + found[1]
                blocks.setdefault(label, [])
            elif line.startswith("  ") and not line.startswith("    #dbg_"):
                blocks[label].append(line)
        return {each: lines for each, lines in blocks.items() if lines}

    def tail_calls(self) -> list[str]:
        """The calls that may have to be jumps: in the convention ``tailcc``, marked, and in tail position."""
        blocks = self.blocks()
        return [
            line
            for lines in blocks.values()
            for line, after in pairwise(lines)
            if _TAIL_CALL.match(line) and _returns(after, blocks)
        ]

    def prototype(self) -> tuple[str, str] | None:
        """The type of the result, and the parameters with their types. None for other types than those of units."""
        before, _, after = self.text.partition("\n")[0].partition(f" {self.name}(")
        result = before.rpartition(" ")[2]
        parameters = [_PARAMETER.fullmatch(each) for each in arguments(after)[0]]
        if " tailcc " not in before or result not in (*_TYPES, "void"):
            return None
        if not all(each is not None and each[1] in _TYPES for each in parameters):
            return None
        return result, ", ".join(f"{each[1]} {each[2]}" for each in parameters if each is not None)

    def attributes(self) -> str:
        """What follows the parameters in the first line, up to the brace."""
        _, _, after = self.text.partition("\n")[0].partition(f" {self.name}(")
        return re.sub(r"\b(local_)?unnamed_addr\b", "", arguments(after)[1].rstrip("{ "))


def functions(module: str) -> dict[str, Function]:
    """The definitions in the text of a module, by name."""
    found = (match[0] for match in _FUNCTION.finditer(module))
    named = ((next(name for name in NAME.findall(text) if name.startswith("@")), text) for text in found)
    return {name: Function(text, name) for name, text in named}


def attribute_groups(module: str) -> dict[str, str]:
    """The attributes in each group of a module, by the name of the group."""
    return dict(_GROUP.findall(module))


def unused_tag(word: str, module: str) -> str:
    """A word for names that the text of a module does not contain."""
    return next(tag for n in count() if (tag := f"{word}{n or ''}") not in module)


def with_possible_tail_calls(module: str) -> str:
    """The text of a module in which each call that is marked ``musttail`` is followed by a return.

    LLVM 22 leaves others, which it then rejects: where it makes a recursion a loop whose value is not that of the last
    call, it puts a ``select`` between every other call in tail position and its return.
    """
    return _MUST_TAIL.sub("tail call", module)


_MUST_TAIL = re.compile(r"musttail call(?=[^\n]*\n(?!(?:    #dbg_[^\n]*\n)*  ret ))")


def mentioned(text: str, names: Collection[str]) -> list[str]:
    """Those of the global `names` that `text` mentions, as often as it does."""
    return [each for each in NAME.findall(text) if each in names]


def renamed(text: str, names: Mapping[str, str]) -> str:
    """`text` with other global names."""
    return NAME.sub(lambda match: names.get(match[0], match[0]), text)


def reachable(blocks: Mapping[str, list[str]], label: str) -> Iterator[str]:
    """The instructions of a block and of all blocks after it."""
    waiting, seen = [label], {label}
    while waiting:
        for line in blocks[waiting.pop()]:
            yield line
            new = [each for each in _TARGET.findall(line) if each not in seen]
            seen.update(new)
            waiting += new


def strongly_connected(edges: Mapping[str, Collection[str]]) -> Iterator[set[str]]:
    """The sets of nodes that can reach each other, and themselves: the cycles of a graph."""
    reach = {node: _closure(edges, node) for node in edges}
    done: set[str] = set()
    for node in edges:
        if node in reach[node] and node not in done:
            component = {other for other in reach[node] if node in reach[other]}
            done |= component
            yield component


def _closure(edges: Mapping[str, Collection[str]], node: str) -> set[str]:
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        new = set(edges[waiting.pop()]) - seen
        seen |= new
        waiting += new
    return seen


def _returns(line: str, blocks: Mapping[str, list[str]]) -> bool:
    """Whether an instruction ends the function, perhaps by a jump to a block that only returns."""
    if line.startswith("  ret "):
        return True
    target = _TARGET.findall(line) if line.startswith("  br label ") else []
    return bool(target) and all(each.startswith("  ret ") or " = phi " in each for each in blocks[target[0]])
