"""What a unit must be, checked when it is defined. The contract is in the docstring of :class:`Unit`.

The problem. LLVM verifies a module by itself. It does not know what the engine expects of it; and a call by other types
or by another convention than its callee's is valid IR, whose execution is undefined. Such a unit would return a wrong
number, differ between the tiers, or end the process.

The solution. LLVM parses and verifies the IR, and what the engine expects is compared with its text: see ``ir_lines``.
Plain text is read as it is, other text as LLVM prints it, and whatever seems wrong is looked at in that form again.
What does not work is to walk over LLVM's own objects: through llvmlite that takes longer than the parse, and it shows
neither calling conventions nor the types that a call has.

A UnitError names the unit and the line of its own IR.

Limits. The callee of a call through a pointer is unknown, and such a call is not checked. What the code does is not
checked either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import llvmlite.binding as llvm

from kaleido.jit.compiling.counting import COUNT
from kaleido.jit.compiling.frame_sizes import PROBED
from kaleido.jit.compiling.intrinsics import Place, is_known, learn, places, wrong_call
from kaleido.jit.compiling.ir_lines import Contents, Function, Global, Type, contents
from kaleido.jit.compiling.ir_words import is_deeply_nested, is_ordinary, unknown_flags
from kaleido.jit.compiling.llvm import SharedContext, is_valid, parse_as_it_is
from kaleido.jit.compiling.module_names import in_process, is_c_name
from kaleido.jit.compiling.plain_ir import plain_contents
from kaleido.jit.compiling.rehearsal import Failure, parse_elsewhere, rehearse
from kaleido.jit.compiling.unusable_ir import intrinsic_reason, unusable_attributes, unusable_words
from kaleido.jit.signature import Signature, quoted
from kaleido.jit.unit import RunCounter, Unit, UnitError, UnresolvedName, c_name, is_address

__all__ = ["check_units"]

_LOCAL_LINKAGE = frozenset({"private", "internal"})
_OTHER_LINKAGE = _LOCAL_LINKAGE | {"weak", "weak_odr", "linkonce", "linkonce_odr", "available_externally"}

# What a global is: one of these words says it.
_KINDS = frozenset({"global", "constant", "alias", "ifunc"})

_THREAD_LOCAL = frozenset(
    {"thread_local", *(f"thread_local({m})" for m in ("localdynamic", "initialexec", "localexec"))}
)

_ELSEWHERE_WORDS = frozenset({"code_model", "comdat", "comdat,"})

# Of a constant, and of a function.
_MOST_ALIGNED, _PAGE = 64, 4096
_ALIGNED = re.compile(r" align (\d+)")

_context = SharedContext()

_SURROGATE = re.compile("[\ud800-\udfff]")

_GROUP = re.compile(r"#(\d+)")

_ENGINE = "jit."

_C_NAME = c_name("")


# LLVM prints this above a declaration.
_UNKNOWN = "; Unknown intrinsic"

# Functions of C that were found before. What the process has, it keeps.
_known_names: set[str] = set()

# What the engine provides to each unit: see `native.faults`, `native.put_byte` and `compiling.counting`.
_PROVIDED = {
    "jit.leave": Type(False, "ptr", ()),
    "jit.reenter": Type(False, "void", ("ptr",)),
    "jit.put.byte": Type(False, "i1", ("ptr", "i32"), ("zeroext", "", "")),
    COUNT: Type(False, "void", ("ptr",)),
}


def check_units(units: Iterable[Unit], externals: Collection[str] = ()) -> None:
    """Check units and their nested ones. `externals` are those of the engine. Raises UnitError."""
    for unit in units:
        for each in unit.with_nested():
            _check(each, externals)


def _check(unit: Unit, externals: Collection[str]) -> None:
    _check_fields(unit)
    _check_symbol(unit)
    _check_text(unit, externals)
    plain = plain_contents(unit.ir)
    # Not in a shared context for other IR: types with names get others, where a context has those names.
    if plain is not None and _is_right(unit, plain, externals) and is_valid(unit.ir, _context.get()):
        return
    intrinsics = places(unit.ir)
    _check_intrinsics(unit, intrinsics)
    with _parsed(unit) as module:
        printed = contents(str(module))
    _check_contents(unit, printed, externals)
    if not is_ordinary(printed.text):
        _rehearse(unit, externals)
    learn(intrinsics, printed.functions.values())


def _check_intrinsics(unit: Unit, found: Sequence[Place]) -> None:
    wrong = wrong_call(found)
    if wrong is not None:
        call, expected = wrong
        message = f"calls `{call.name}` as {call.type}, but `{call.name}` is {expected}"
        raise UnitError(unit, message, call.line)
    unknown = next((each for each in found if not each.is_known), None)
    if unknown is not None:
        try:
            parse_elsewhere(unit.ir)
        except Failure as failure:
            raise UnitError(unit, f"LLVM cannot compile it: {failure}", unknown.line) from None


def _rehearse(unit: Unit, externals: Collection[str]) -> None:
    try:
        needed = rehearse(unit.ir)
    except Failure as failure:
        raise UnitError(unit, f"LLVM cannot compile it: {failure}") from None
    for name in sorted(needed):
        if not (_is_there(unit, name, externals) or name in unit.calls):
            raise UnresolvedName(unit, f"its code needs `{name}`, which the process does not have")


def _is_right(unit: Unit, plain: Contents, externals: Collection[str]) -> bool:
    try:
        _check_contents(unit, plain, externals)
    except UnitError:
        # It may only seem wrong. And the error gets its line from what LLVM prints.
        return False
    return True


def _check_contents(unit: Unit, found: Contents, externals: Collection[str]) -> None:
    if found.has_assembly:
        raise UnitError(unit, "has assembly of a module, which would be there once for each tier")
    if found.text and (flags := unknown_flags(found.text)):
        raise UnitError(unit, f"has the module flag `{min(flags)}`, which modules of other units may contradict")
    for word, reason in unusable_words(found.text) if found.text else ():
        lines = [number for number, line in enumerate(unit.ir.split("\n"), 1) if word in line]
        raise UnitError(unit, reason, lines[0] if lines else 0)
    for line in found.wrong_tail_calls:
        name = next((call.callee for call in found.calls if f"@{call.callee}(" in line), "")
        called = f"`{name}`" if name else "a pointer"
        message = f"calls {called} as musttail, with another zeroext or signext than its own"
        raise _error(unit, message, name, "musttail")
    for each in found.globals:
        _check_global(unit, each, externals)
    _check_body(unit, found.functions, found.attributes)
    for function in found.functions.values():
        _check_function(unit, function, found.text, externals)
        # The words of plain text have been looked at.
        if found.text and function.is_definition:
            for reason in unusable_attributes(_attributes(function, found.attributes)):
                raise _error(unit, f"`{function.name}` {reason}", function.name, "define")
    for function in found.large_frames:
        if PROBED not in _attributes(function, found.attributes):
            message = f"`{function.name}` has a large frame, which may be beyond the end of the stack: make it PROBED"
            raise _error(unit, message, function.name, "define")
    _check_calls(unit, found)


def _check_fields(unit: Unit) -> None:
    """Check the types of a unit's fields, as far as another type would be noticed late."""
    texts = isinstance(unit.symbol, str) and isinstance(unit.name, str)
    if not texts or not isinstance(unit.signature, Signature):
        raise UnitError(unit, "its symbol and name are texts, its signature a Signature")
    calls = isinstance(unit.calls, Mapping) and {type(each) for each in unit.calls.values()} <= {Signature}
    if not calls or unit.body in unit.calls:
        raise UnitError(unit, "its `calls` are Signatures by the symbols of other units")
    if unit.externals:
        _check_externals(unit)
    if isinstance(unit.data, str) or (unit.data and not all(isinstance(each, str) for each in unit.data)):
        raise UnitError(unit, "its `data` are a set of symbols")
    if not isinstance(unit.counter, RunCounter):
        raise UnitError(unit, "its counter is a RunCounter")


def _check_externals(unit: Unit) -> None:
    for name, address in unit.externals.items():
        if not is_address(address):
            raise UnitError(unit, f"the address of `{name}` is {address!r}")
        if name.startswith((_ENGINE, "llvm.")):
            raise UnitError(unit, f"`{name}` among its `externals` has a meaning already")


def _check_symbol(unit: Unit) -> None:
    if not unit.symbol or "\0" in unit.symbol or unit.symbol.startswith("\1"):
        raise UnitError(unit, "its symbol is empty, or has a character that means something else to LLVM")
    # So does that of its body, if this is all of the symbol.
    if unit.body.startswith(("llvm.", _ENGINE)):
        word = unit.body.partition(".")[0]
        raise UnitError(unit, f"its symbol is `{word}`, or begins with `{word}.`, which has a meaning already")


def _check_text(unit: Unit, externals: Collection[str]) -> None:
    if not isinstance(unit.ir, str):
        hint = "; `str` of it is text" if isinstance(unit.ir, llvm.ModuleRef) else ""
        raise UnitError(unit, f"its IR is of type {type(unit.ir).__name__}, not str{hint}")
    if "\0" in unit.ir:
        raise UnitError(unit, "its IR has a NUL character")
    if not unit.ir.isascii() and _SURROGATE.search(unit.ir) is not None:
        raise UnitError(unit, "its IR has a character that is not Unicode")
    # LLVM's parser ends the process for what it has no stack for, and for this attribute.
    if "alignstack" in unit.ir or is_deeply_nested(unit.ir):
        _rehearse(unit, externals)


def _parsed(unit: Unit) -> llvm.ModuleRef:
    """The module of a unit's IR, which the caller disposes of."""
    try:
        return parse_as_it_is(unit.ir)
    except ValueError as error:
        message = str(error).removeprefix("LLVM IR parsing error\n")
        place = re.match(r"<string>:(\d+):\d+: (?:error: )?", message)
        if place is None:
            raise UnitError(unit, message) from None
        raise UnitError(unit, message[place.end() :].rstrip(), int(place[1])) from None


def _check_global(unit: Unit, found: Global, externals: Collection[str]) -> None:
    name, words = found
    kind = next(filter(_KINDS.__contains__, words))
    if "�" in name:
        raise _error(unit, "has a name that is not UTF-8", name)
    if kind == "ifunc":
        raise _error(unit, f"defines `{name}` by a resolver, which the engine does not call", name)
    if not _THREAD_LOCAL.isdisjoint(words):
        raise _error(unit, f"`{name}` is thread-local, which code that is loaded at run time cannot be", name)
    if words[0] in ("external", "extern_weak"):
        _check_resolved(unit, name, externals)
    elif words[0] not in _LOCAL_LINKAGE:
        raise _error(unit, f"`{name}` is neither private nor internal: each tier has a copy of it", name)
    elif kind == "global":
        raise _error(unit, f"`{name}` is a variable, not a constant: each tier would have one of its own", name)
    if "align" in words:
        for word, following in pairwise(words):
            if word == "align" and int(following.rstrip(",")) > _MOST_ALIGNED:
                raise _error(unit, f"`{name}` is aligned to more than {_MOST_ALIGNED} bytes", name)
    if not _ELSEWHERE_WORDS.isdisjoint(words):
        raise _error(
            unit, f"`{name}` has a {min(_ELSEWHERE_WORDS.intersection(words))}, which the engine cannot load", name
        )


def _check_body(unit: Unit, functions: Mapping[str, Function], attributes: Mapping[str, str]) -> None:
    body = functions.get(unit.body)
    if body is None or not body.is_definition:
        others = [f"`{each.name}`" for each in functions.values() if each.is_definition]
        raise UnitError(unit, f"defines {', '.join(others) or 'nothing'}, but not its body `{unit.body}`")
    if body.words & _OTHER_LINKAGE:
        raise _error(unit, f"its body `{body.name}` is not external", body.name, "define")
    if not body.type.is_tail:
        raise _error(unit, f"its body `{body.name}` is not tailcc", body.name, "define")
    if not body.type.agrees(unit.signature):
        shown = _shown(unit.signature)
        raise _error(unit, f"its body is {body.type}, but its signature {shown}", body.name, "define")
    words = _attributes(body, attributes).split()
    if "alwaysinline" in words:
        message = f"its body `{body.name}` is alwaysinline, for which LLVM has no limit: the engine decides"
        raise _error(unit, message, body.name, "define")
    if "nounwind" not in words:
        raise _error(unit, f"its body `{body.name}` is not nounwind", body.name, "define")


def _attributes(function: Function, groups: Mapping[str, str]) -> str:
    """What follows a function's parameters, with the attributes of the groups there."""
    return _GROUP.sub(lambda found: groups.get(found[1], ""), function.rest) if groups else function.rest


def _check_function(unit: Unit, function: Function, text: str, externals: Collection[str]) -> None:
    name, kind = function.name, function.type
    if "�" in name:
        raise _error(unit, "has a name that is not UTF-8", name)
    if function.is_definition:
        _check_definition(unit, function)
    elif name in unit.calls:
        _check_callee(unit, function, unit.calls[name])
    elif name in _known_names and not kind.is_tail:
        return
    elif name.startswith("llvm."):
        if is_known(function):
            return
        reason = intrinsic_reason(name)
        if not text or reason or f"{_UNKNOWN}\n{function.line}" in text:
            raise _error(unit, f"calls `{name}`, {reason or 'which this machine has no instruction for'}", name)
    elif kind.is_tail:
        raise _error(unit, f"calls `{name}`, which is not among its `calls`", name)
    elif name in _PROVIDED:
        if not kind.can_call(_PROVIDED[name]):
            raise _differs(unit, name, kind, str(_PROVIDED[name]), "declare")
    elif name.startswith(_C_NAME) and name[len(_C_NAME) :] in unit.c_functions:
        signature = unit.calls[name[len(_C_NAME) :]]
        if not kind.agrees(signature):
            raise _differs(unit, name, kind, f"{_shown(signature)} in C", "declare")
    elif not text or _is_used(function, text):
        _check_resolved(unit, name, externals)


def _is_used(function: Function, text: str) -> bool:
    """Whether a function that is declared is used, too."""
    return len(re.findall(re.escape(function.spelling) + r"(?![-\w.$])", text)) > 1


def _check_definition(unit: Unit, function: Function) -> None:
    if function.name != unit.body and not function.words & _LOCAL_LINKAGE:
        message = f"defines `{function.name}`, which is neither private nor internal"
        raise _error(unit, message, function.name, "define")
    aligned = _ALIGNED.search(function.rest) if "align" in function.rest else None
    if aligned is not None and int(aligned[1]) > _PAGE:
        raise _error(unit, f"`{function.name}` is aligned to more than {_PAGE} bytes", function.name, "define")
    if function.name.startswith(_ENGINE):
        raise _error(unit, f"defines `{function.name}`, whose name is one of the engine's", function.name, "define")


def _check_callee(unit: Unit, function: Function, signature: Signature) -> None:
    if not function.type.is_tail:
        raise _error(unit, f"declares `{function.name}` without tailcc", function.name, "declare")
    if not function.type.agrees(signature):
        raise _differs(unit, function.name, function.type, _shown(signature), "declare")


def _check_calls(unit: Unit, found: Contents) -> None:
    for index, call in enumerate(found.calls):
        name = call.callee
        while name in found.aliases:
            name = found.aliases[name]
        callee = found.functions.get(name)
        # The declaration of a function with any number of arguments ends in `...`: LLVM compares its type with calls.
        if callee is None or call.type.can_call(callee.type) or name.startswith("llvm."):
            continue
        before = sum(each.callee == call.callee for each in found.calls[:index])
        if call.type.is_tail != callee.type.is_tail:
            message = f"calls `{call.callee}` {'with' if call.type.is_tail else 'without'} tailcc"
            raise _error(unit, message, call.callee, "call", before=before)
        if "..." not in callee.type.parameters:
            raise _differs(unit, call.callee, call.type, str(callee.type), "call", before)


def _check_resolved(unit: Unit, name: str, externals: Collection[str]) -> None:
    if not _is_there(unit, name, externals):
        message = f"uses `{name}`, which is neither among its `externals` and `data` nor in the process"
        raise _error(unit, message, name, kind=UnresolvedName)


def _is_there(unit: Unit, name: str, externals: Collection[str]) -> bool:
    return name in unit.externals or name in unit.data or name in externals or _in_process(name)


def _in_process(name: str) -> bool:
    # Other names could also be those of units.
    if name not in _known_names:
        if not is_c_name(name) or not (llvm.address_of_symbol(name) or in_process(name)):
            return False
        _known_names.add(name)
    return True


# Errors


def _shown(signature: Signature) -> str:
    return f"{signature.result} ({', '.join(signature.parameters)})"


def _differs(unit: Unit, callee: str, found: Type, expected: str, word: str, before: int = 0) -> UnitError:
    return _error(unit, f"calls `{callee}` as {found}, but `{callee}` is {expected}", callee, word, before=before)


def _error(
    unit: Unit, message: str, name: str, word: str = "", *, before: int = 0, kind: type[UnitError] = UnitError
) -> UnitError:
    """An error at the first line of the unit's IR that has a global `name`, and `word`; skips `before` such lines."""
    place = re.compile(rf"@{re.escape(name)}(?![-\w.$])|{re.escape(quoted(name))}")
    line = _line(unit, lambda each: word in each and place.search(each.partition(";")[0]) is not None, before)
    return kind(unit, message, line)


def _line(unit: Unit, has: Callable[[str], bool], before: int) -> int:
    """The number of the line of a unit's IR that `has` something, after `before` such lines; 0 if there is none."""
    found = [number for number, line in enumerate(unit.ir.split("\n"), 1) if has(line)]
    return found[min(before, len(found) - 1)] if found else 0
