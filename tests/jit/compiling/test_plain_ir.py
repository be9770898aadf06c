"""The quick reading of IR agrees with what LLVM prints, or says that it cannot read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kaleido.jit import PROBED
from kaleido.jit.compiling.ir_lines import contents
from kaleido.jit.compiling.ir_words import is_deeply_nested
from kaleido.jit.compiling.llvm import parse_as_it_is
from kaleido.jit.compiling.plain_ir import plain_contents
from tests.jit.compiling.wrong_units import ACCEPTED, REFUSED, ir


def texts() -> Iterator[str]:
    for make in [*(make for make, _ in ACCEPTED.values()), *(make for make, _, _ in REFUSED.values())]:
        unit = make()
        # LLVM's parser has no stack for what is deeply nested.
        if isinstance(unit.ir, str) and not is_deeply_nested(unit.ir):
            yield unit.ir


def is_read_alike(text: str) -> bool:
    """Whether a module is read like its printed form; False if it is not read, or not accepted by LLVM."""
    plain = plain_contents(text)
    if plain is None:
        return False
    try:
        module = parse_as_it_is(text)
    except ValueError:
        return False
    with module:
        printed = contents(str(module))

    def types(functions: object) -> dict[str, tuple[object, bool]]:
        return {each.name: (each.type[:3], each.is_definition) for each in functions.values()}  # type: ignore[attr-defined]

    assert types(plain.functions) == types(printed.functions)
    callees = printed.functions
    assert all(call.type.can_call(callees[call.callee].type) for call in printed.calls if call.callee in callees)
    assert [each.name for each in plain.globals] == [each.name for each in printed.globals]
    return True


def test_what_is_read_is_what_llvm_prints() -> None:
    assert sum(map(is_read_alike, texts())) >= 20


LLVMLITE = '; ModuleID = ""\ntarget triple = "unknown-unknown-unknown"\ntarget datalayout = ""\n'
TAIL = "declare tailcc i64 @g(i64)\n"

PLAIN = {
    "llvmlite": LLVMLITE + 'define tailcc i64 @"bad.impl"(i64 %".1") nounwind\n{\n.2:\n  ret i64 %".1"\n}\n',
    "odd names": ir('%r = call tailcc i64 @"g (1)"(i64 %x)\nret i64 %r', 'declare tailcc i64 @"g (1)"(i64)\n'),
    "a text": ir("ret i64 0", '@".text.c" = private constant [4 x i8] c"@g(;"\n'),
    "a comment": ir('ret i64 0 ; call i64 @g("', TAIL),
    "data": ir('%r = load i64, ptr @"the data"\nret i64 %r', '@"the data" = external global [70000 x i64]\n'),
    "a line that begins with a name": ir("%r = load i64, ptr\n@n\nret i64 %r", "@n = external global i64\n"),
    "a call of a pointer": ir("%r = call tailcc i64 %p(i64 %x)\nret i64 %r").replace("i64 %x)", "ptr %p, i64 %x)", 1),
    "an escape in a local name": ir('%"\\22" = add i64 %x, 1\nret i64 0'),
    "a name with a word in it": ir("%recall = add i64 %x, 1\nret i64 %recall"),
}

NOT_PLAIN = {
    "a type that has a name": "%T = type { i64 }\n" + ir("ret i64 0"),
    "an odd width": ir("%y = zext i64 %x to i100\nret i64 0"),
    "an attribute that is a text": ir("ret i64 0", attributes='nounwind "cold"'),
    "an unknown word": ir("ret i64 0", attributes="nounwind naked"),
    "a large array": ir("%a = load [100000 x i64], ptr null\nret i64 0"),
    "a large frame": ir("%a = alloca i64, i64 100000\nret i64 0"),
    "a large frame, and a declaration with probes": ir(
        "\n".join([*(f"%a{n} = alloca i64" for n in range(5000)), "ret i64 0"]),
        f"declare void @h() {PROBED}\n",
    ),
    "a large vector of two lines": ir("%v = freeze <65536\nx i64> zeroinitializer\nret i64 0"),
    "a large vector with spaces": ir("%v = freeze < 65536  x i64> zeroinitializer\nret i64 0"),
    "a call of two lines": ir("%r = call tailcc i64 @g(\ni64 %x)\nret i64 %r", TAIL),
    "a call that extends": ir("%r = call tailcc i64 @g(i64 noundef %x)\nret i64 %r", TAIL),
    "metadata": ir("ret i64 0") + "!0 = !{}\n",
    "an escape": ir('call void @"\\22"()\nret i64 0', 'declare void @"\\22"()'),
    "a text without end": ir("ret i64 0") + '"',
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_front_ends_write_is_plain(name: str) -> None:
    assert is_read_alike(PLAIN[name])


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_the_rest_is_not(name: str) -> None:
    assert plain_contents(NOT_PLAIN[name]) is None


def test_a_line_that_was_harmless_is_read_where_its_numbers_matter() -> None:
    assert plain_contents(ir("%v = freeze <4\nx i64> zeroinitializer\nret i64 0")) is not None
    assert plain_contents(ir("%v = freeze <65536\nx i64> zeroinitializer\nret i64 0")) is None


@pytest.mark.parametrize("repeated", ["(i64 ", "%x,", "a", "[1 x ", '@"', "call i64 @g(", "define i64 @f(", 'c"', ";"])
def test_text_that_is_no_ir_is_read_in_time(repeated: str) -> None:
    """No pattern takes more than linear time."""
    text = "define tailcc i64 @f(" + repeated * 20_000
    assert plain_contents(text) is None or repeated in ("a", ";")
