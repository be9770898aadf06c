"""A function that was built with ``llvmlite.ir``, as a module of its own, in text.

A language may build all of its functions in one ``llvmlite.ir.Module``, where they refer to each other. The text for
one of them has the others as declarations: that is how units call each other. Only private and internal functions,
which nothing else can call, come with it.

What is used of the objects of ``llvmlite.ir`` is their text, names and types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["FunctionText", "function_text"]

# The names of globals; strings, which may contain the same characters, are tokens of their own.
_TOKEN = re.compile(r'(@"[^"]*")|"[^"]*"')

_LOCAL_LINKAGE = ("private", "internal")


class FunctionText(NamedTuple):
    """`ir` is a module in text; `result` and `parameters` are types; `declared` are the functions that it uses."""

    ir: str
    result: str
    parameters: tuple[str, ...]
    declared: tuple[Any, ...]


def function_text(function: Any, body: str) -> FunctionText:
    """An ``llvmlite.ir.Function`` as the definition of `body`, a name in LLVM assembly.

    Raises ValueError where it has any number of arguments, or no definition.
    """
    if not hasattr(function, "ftype") or not function.blocks:
        raise ValueError("it is not a function of llvmlite.ir that has a definition")
    result, parameters = types(function)
    arguments = f"({', '.join(map(str, function.args))})"
    # What follows the first reference to itself, which is the name in its own header.
    rest = str(function).split(function.get_reference() + arguments, 1)[1]
    unwinds = "" if "nounwind" in function.attributes else " nounwind"
    lines = [f"define tailcc {function.return_value} {body}{arguments}{unwinds}{rest}"]
    module, declared = function.module, []
    for each in _used(module, lines[0]):
        local = getattr(each, "linkage", "") in _LOCAL_LINKAGE
        if not hasattr(each, "ftype") or (local and each.blocks):
            lines.append(str(each))
            continue
        lines.append(_declaration(each))
        declared.append(each)
    structures = [each.get_declaration() for each in module.get_identified_types().values()]
    return FunctionText("\n".join([*structures, *lines, *_metadata(module)]), result, parameters, tuple(declared))


def types(function: Any) -> tuple[str, tuple[str, ...]]:
    """Its result and parameters as a Signature has them. Raises ValueError where it has any number of arguments."""
    if function.ftype.var_arg:
        raise ValueError(f"{function.name} has any number of arguments")
    result, *parameters = map(_type, (function.return_value, *function.args))
    return " ".join(reversed(result)), tuple(map(" ".join, parameters))


def _type(value: Any) -> list[str]:
    """The type of a value, then the attribute that says how it is passed; other attributes are the function's own."""
    # All pointers are one type, which older front ends write with what they point to.
    kind = "ptr" if str(value.type).endswith("*") else str(value.type)
    return [kind, *sorted({"zeroext", "signext"}.intersection(value.attributes))]


def _used(module: Any, text: str) -> Iterator[Any]:
    """The globals of a module that `text` refers to, and those that they refer to: each once."""
    known = {each.get_reference(): each for each in module.globals.values()}
    waiting = [text]
    while waiting:
        for found in _TOKEN.finditer(waiting.pop()):
            each = known.pop(found[1], None)
            if each is None:
                continue
            yield each
            is_whole = not hasattr(each, "ftype") or each.linkage in _LOCAL_LINKAGE
            waiting += [str(each)] if is_whole else []


def _declaration(function: Any) -> str:
    arguments = ", ".join([*map(str, function.args), *(["..."] if function.ftype.var_arg else [])])
    attributes = " ".join(sorted(function.attributes))
    head = f"declare {function.calling_convention} {function.return_value} {function.get_reference()}"
    return f"{head}({arguments}) {attributes}"


def _metadata(module: Any) -> Iterator[str]:
    for name, node in module.namedmetadata.items():
        yield f"!{name} = !{{ {', '.join(each.get_reference() for each in node.operands)} }}"
    yield from map(str, module.metadata)
