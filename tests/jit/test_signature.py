"""Signatures: which types and attributes units can pass to each other; all tiers pass the same bits."""

from __future__ import annotations

import ctypes
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from kaleido.jit import MAX_PARAMETERS, Engine, Policy, Signature, Tier, Unit, UnitError, quoted
from tests.jit.helpers import TIMEOUT, sync

# Types with their sizes in bytes.
TYPES = {
    "i128": 16, "half": 2, "<4 x float>": 16, "<2 x float>": 8, "<8 x i8>": 8, "<16 x i8>": 16, "<4 x i64>": 32,
    "<8 x double>": 64, "<2 x ptr>": 16, "<8 x half>": 16, "{ double, i64 }": 16, "{ i8, i64, float }": 24,
    "{ i64, { float, [2 x i32] } }": 20, "{ <4 x float>, i128 }": 32, "[2 x double]": 16, "[3 x i8]": 3,
    "{ i16, half }": 4, "{ ptr, i128 }": 32, "[2 x <8 x float>]": 64,
}  # fmt: skip

# Bytes between the fields, which are not copied.
PADDING = {"{ i8, i64, float }": (*range(1, 8), *range(20, 24)), "{ ptr, i128 }": range(8, 16)}

# Too many for registers, so that some arguments are on the stack.
MANY = ("i64",) * 7 + ("double",) * 9


def passing(kind: str, before: tuple[str, ...] = ()) -> list[Unit]:
    """Units that pass a value from memory to memory, through calls and tail calls."""
    value = Signature(kind, (*before, kind))
    copy = Signature("void", ("ptr", "ptr"))
    zeros = "".join(f"{each} {'0.0' if each == 'double' else '0'}, " for each in before)
    named = "".join(f"{each} %a{index}, " for index, each in enumerate(before))
    declared = f"declare {value.prototype('middle')}\ndeclare {value.prototype('last')}\n"
    last = f"define tailcc {kind} @last.impl({named}{kind} %x) nounwind {{\n  ret {kind} %x\n}}\n"
    middle = (
        f"declare {value.prototype('last')}\ndefine tailcc {kind} @middle.impl({named}{kind} %x) nounwind {{\n"
        f"  %r = musttail call tailcc {kind} @last({named}{kind} %x)\n  ret {kind} %r\n}}\n"
    )
    first = (
        f"{declared}define tailcc void @copy.impl(ptr %to, ptr %from) nounwind {{\n"
        f"  %x = load {kind}, ptr %from, align 1\n"
        f"  %y = call tailcc {kind} @middle({zeros}{kind} %x)\n  %z = call tailcc {kind} @last({zeros}{kind} %y)\n"
        f"  store {kind} %z, ptr %to, align 1\n  ret void\n}}\n"
    )
    return [
        Unit("last", value, last),
        Unit("middle", value, middle, {"last": value}),
        Unit("copy", copy, first, {"middle": value, "last": value}),
    ]


def check_copies(engine: Engine, kind: str) -> None:
    """Copy different bytes, in each tier that `copy` reaches."""
    fields = [index for index in range(TYPES[kind]) if index not in PADDING.get(kind, ())]
    for start in range(6):
        given = bytes((start * 37 + index * 11) % 251 for index in range(TYPES[kind]))
        source, target = ctypes.create_string_buffer(given, 128), ctypes.create_string_buffer(128)
        engine.call("copy", ctypes.addressof(target), ctypes.addressof(source))
        assert [target.raw[index] for index in fields] == [given[index] for index in fields]


ALIGNED = {kind for kind in TYPES if "<" in kind or "i128" in kind}


@pytest.mark.parametrize("kind", sorted(ALIGNED))
def test_what_is_aligned_is_passed_in_registers_only(kind: str) -> None:
    for before, after in [(MANY, ()), ((), MANY), (("i64",) * 6, ("i64",))]:
        with pytest.raises(ValueError, match="must fit into registers"):
            Signature("void", (*before, kind, *after))


@pytest.mark.parametrize(
    ("kind", "before"), [(kind, before) for kind in TYPES for before in ((), MANY) if not (before and kind in ALIGNED)]
)
def test_all_tiers_pass_the_same_bits(kind: str, before: tuple[str, ...]) -> None:
    policies = [Policy(optimize=False), sync(2), Policy(baseline=False), Policy(baseline=False)]
    for number, policy in enumerate(policies):
        with Engine(policy) as engine:
            # At last, optimized code calls through stubs, too.
            engine.define(*(replace(each, inline=number < 3) for each in passing(kind, before)))
            check_copies(engine, kind)
            expected = Tier.BASELINE if not policy.optimize else Tier.OPTIMIZED
            assert engine.describe("copy").tier is expected


# All registers that scalars may be in, and how each argument is read.
SCALARS = {
    "i1 zeroext": "zext i1 {} to i64", "i8 signext": "sext i8 {} to i64", "i16 signext": "sext i16 {} to i64",
    "i32": "sext i32 {} to i64", "i64": "add i64 {}, 0", "ptr": "ptrtoint ptr {} to i64",
    "float": "fpext float {} to double", **{f"double{' ' * index}": "fmul double {}, 1.0" for index in range(7)},
}  # fmt: skip


def test_a_hot_unit_gets_its_arguments_in_all_registers() -> None:
    kinds = tuple(each.strip() for each in SCALARS)
    signature = Signature("double", kinds)
    lines, before = [], "0.0"
    for index, conversion in enumerate(SCALARS.values()):
        lines.append(f"  %a{index} = {conversion.format(f'%{index}')}")
        if index < 6:
            lines.append(f"  %d{index} = sitofp i64 %a{index} to double")
        # As the digits of a number, so that each counts for itself.
        lines.append(f"  %s{index} = fmul double {before}, 8.0")
        lines.append(f"  %t{index} = fadd double %s{index}, %{'d' if index < 6 else 'a'}{index}")
        before = f"%t{index}"
    ir = f"define {signature.prototype('f.impl')} nounwind {{\n" + "\n".join(lines) + f"\n  ret double {before}\n}}\n"
    given = [1, -2, 3, -1, 2, 3, 1.0, -2.0, 3.0, 2.0, 1.0, -3.0, 2.0, 1.0]
    expected = 0.0
    for each in given:
        expected = expected * 8.0 + each
    # The second run makes it hot, and the hook is called between the caller and the unit.
    with Engine(sync(2)) as engine:
        engine.define(Unit("f", signature, ir))
        assert [engine.call("f", *given) for _ in range(3)] == [expected] * 3
        assert engine.describe("f").tier is Tier.OPTIMIZED


def test_types_are_written_in_one_way() -> None:
    wide = Signature("{double,i64}", ("[ 3 x {i8 ,<4 x float>} ]", " ptr  noalias nocapture align  8 "))
    assert wide == Signature("{ double, i64 }", ("[3 x { i8, <4 x float> }]", "ptr align 8 noalias nocapture"))
    assert wide.arguments == "[3 x { i8, <4 x float> }] %0, ptr align 8 noalias nocapture %1"
    assert (wide.parameter_types[1], Signature("zeroext i1", ()).result_type) == ("ptr", "i1")
    assert Signature("i64", ["i64"]) == Signature("i64", ("i64",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind",
    ["", "void", "i24", "i65", "i256", "int", "bfloat", "fp128", "x86_fp80", "metadata", "label", "token", "i64*",
     "ptr addrspace(1)", "%T", "{}", "{ i64", "{ i64 } }", "{ i64,, i64 }", "[0 x i64]", "[2 x void]", "<1 x i64>",
     "<4 x i1>", "<3 x float>", "<2 x i128>", "<16 x double>", "<vscale x 4 x float>", "<{ i8, i64 }>", "[9 x]",
     "[99999 x i64]", "[99999999999999999999 x i64]", "{" * 1000, "{" * 30 + "i64" + "}" * 30, "ı64", "i64 %0",
     "ptr byval(i64)", "ptr sret(i64)", "i64 inreg", "double zeroext", "i64 noalias", "i64 align 8", "ptr align 3",
     "ptr align 0", "ptr align 99999999999", "ptr dereferenceable(0)", "ptr noalias noalias", "i8 zeroext signext",
     "ptr unknown", "ptr )", "<4 x float> zeroext", "ptr swiftself", 'ptr "text"', "ptr noalias %x) nounwind {"],
)  # fmt: skip
def test_types_and_attributes_that_cannot_be_passed_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"is not|exclude"):
        Signature("i64", (kind,))


@pytest.mark.parametrize(
    "kind", ["[4 x i64]", "{ i128, i128 }", "[3 x double]", "{ <8 x double>, i64, float }", "[5 x i8]"]
)
def test_a_result_must_fit_into_registers(kind: str) -> None:
    assert Signature("void", (kind,)).parameters == (kind,)
    with pytest.raises(ValueError, match="does not fit into registers"):
        Signature(kind, ())


def test_the_stack_of_arguments_is_limited() -> None:
    assert len(Signature("void", ("i64",) * MAX_PARAMETERS).parameters) == MAX_PARAMETERS
    for kind in ("[100 x i64]", "{ half, half }"):
        with pytest.raises(ValueError, match="more stack"):
            Signature("void", (kind,) * (MAX_PARAMETERS - 1))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [(("i128",) * 3, True), (("{ i64, double }",) * 6, True), (("{ i64, double }",) * 7, False),
     (("<8 x float>",) * 4, True), (("[8 x half]",), True), (("[9 x half]",), False), (("ptr noalias",) * 6, True)],
)  # fmt: skip
def test_what_is_passed_in_registers(parameters: tuple[str, ...], expected: bool) -> None:
    assert Signature("void", parameters).in_registers is expected


def test_only_units_can_pass_large_types() -> None:
    units = passing("{ double, i64 }")
    with Engine() as engine:
        engine.define(*units)
        for use in (lambda: engine.call("last", 1), lambda: engine.function("last"), lambda: engine.address("last")):
            with pytest.raises(TypeError, match=r"the result of last is .* only units"):
                use()
        engine.define(
            Unit("i", Signature("void", ("i128",)), "define tailcc void @i.impl(i128 %x) nounwind { ret void }")
        )
        with pytest.raises(TypeError, match="argument 1 of i is i128"):
            engine.call("i", 1)


EXTENDED = Signature("zeroext i1", ("i8 signext", "ptr noalias nonnull nocapture"))


def extended(body: str = "zeroext i1", parameter: str = "i8 signext") -> Unit:
    ir = (
        f"define tailcc {body} @f.impl({parameter} %x, ptr %p) nounwind {{\n  %r = icmp slt i8 %x, 0\n  ret i1 %r\n}}\n"
    )
    return Unit("f", EXTENDED, ir)


def test_attributes_reach_stubs_entry_points_and_thunks() -> None:
    caller = Signature("i64", ("i64",))
    ir = (
        f"declare {EXTENDED.prototype('f')}\ndefine tailcc i64 @g.impl(i64 %x) nounwind {{\n  %p = alloca i8\n"
        "  %n = trunc i64 %x to i8\n  %r = call tailcc zeroext i1 @f(i8 signext %n, ptr %p)\n"
        "  %w = zext i1 %r to i64\n  ret i64 %w\n}\n"
    )
    with Engine(sync(3)) as engine:
        engine.define(extended(), Unit("g", caller, ir, {"f": EXTENDED}))
        for _ in range(4):
            assert [engine.call("g", each) for each in (5, 128, 255, 256)] == [0, 1, 1, 0]
        native = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_int8, ctypes.c_void_p)(engine.address("f"))
        assert (native(-1, 0), native(1, 0)) == (True, False)
        assert (engine.call("f", -1, 0), engine.function("f")(1, 0)) == (True, False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: extended(body="i1"), "its body is i1 (i8 signext, ptr), but its signature zeroext i1"),
        (lambda: extended(parameter="i8"), "its body is zeroext i1 (i8, ptr), but"),
        (lambda: extended(parameter="i8 zeroext"), "its body is zeroext i1 (i8 zeroext, ptr), but"),
        (lambda: calling("declare tailcc i64 @g(i8)", "i8 %n"), "calls `g` as i64 (i8), but `g` is i64 (i8 signext)"),
        (lambda: calling("declare tailcc i64 @g(i8 signext)", "i8 zeroext %n"), "calls `g` as i64 (i8 zeroext)"),
        (lambda: calling("declare tailcc zeroext i64 @g(i8 signext)", "i8 %n"), "calls `g` as zeroext i64"),
        (
            lambda: Unit(
                "f", Signature("i64", ("ptr",)), "define tailcc i64 @f.impl(ptr byval(i64) %x) nounwind { ret i64 0 }"
            ),
            "its body is i64 (ptr byval), but its signature i64 (ptr)",
        ),
    ],
)  # fmt: skip
def test_how_values_are_passed_is_checked(wrong: object, message: str) -> None:
    assert callable(wrong)
    with Engine() as engine, pytest.raises(UnitError) as raised:
        engine.define(wrong())
    assert message in str(raised.value)


def calling(declaration: str, argument: str) -> Unit:
    ir = (
        f"{declaration}\ndefine tailcc i64 @f.impl(i64 %x) nounwind {{\n  %n = trunc i64 %x to i8\n"
        f"  %r = call tailcc i64 @g({argument})\n  ret i64 %r\n}}\n"
    )
    return Unit("f", Signature("i64", ("i64",)), ir, {"g": Signature("i64", ("i8 signext",))})


def test_a_call_need_not_repeat_the_attributes() -> None:
    g = Unit(
        "g",
        Signature("i64", ("i8 signext",)),
        "define tailcc i64 @g.impl(i8 signext %x) nounwind {\n  %r = sext i8 %x to i64\n  ret i64 %r\n}\n",
    )
    with Engine(sync(2)) as engine:
        engine.define(g, calling("declare tailcc i64 @g(i8 signext)", "i8 %n"))
        assert [engine.call("f", each) for each in (1, 255, 128, 127)] == [1, -1, -128, 127]


RESULTS = [
    "[3 x i64]", "{ i128, i64 }", "{ double, float }", "{ half, half }", "[3 x i8]", "<8 x double>",
    "{ <8 x float>, <8 x float> }", "{ i64, i64, i64, double, double }", "{ <4 x float>, double, float }",
]  # fmt: skip


def test_llvm_returns_every_result_in_registers() -> None:
    """Where it cannot, it ends the process: this is about the limits that Signature sets."""
    program = "; ".join(
        [
            "from tests.jit.test_signature import passing, RESULTS",
            "from kaleido.jit import Engine, Policy",
            "engines = [Engine(Policy(baseline=baseline)) for baseline in (False, True)]",
            "[(e.define(*passing(kind)), e.prepare('copy'), e.define(removed=['copy', 'middle', 'last'])) "
            "for kind in RESULTS for e in engines]",
            "print(len(RESULTS))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=TIMEOUT)
    assert (done.returncode, done.stdout) == (0, f"{len(RESULTS)}\n".encode())


def test_names_are_quoted() -> None:
    assert Signature("{i8,i8}", ()).prototype('a"b') == f"tailcc {{ i8, i8 }} {quoted(chr(97) + chr(34) + 'b')}()"


@pytest.mark.parametrize("parameters", ["i64", [b"i64"], [None], [("i64",)]])
def test_a_signature_consists_of_texts(parameters: Any) -> None:
    with pytest.raises(TypeError, match="the text of a type, and a tuple of such texts"):
        Signature("i64", parameters)
    with pytest.raises(TypeError, match="the text of a type"):
        Signature(64, ())  # type: ignore[arg-type]


def test_units_and_signatures_can_be_in_sets() -> None:
    def made() -> Unit:
        return Unit("f", Signature("i64", ["i64"]), "", {"g": Signature("i64", ())}, {"sin": 1})  # type: ignore[arg-type]

    assert len({made(), made()}) == len({made().signature, made().signature}) == 1
    assert pickle.loads(pickle.dumps(made())) == made()
