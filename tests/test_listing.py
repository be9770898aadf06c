"""kaleido/report/listing.py: LLVM IR and assembly as they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaleido import Session
from kaleido.jit import Tier
from kaleido.report.listing import SAME, Inlining, assembly_listing, beside, inlining, ir_listing
from kaleido.terminal.text import width

# LLVM IR


def test_an_ir_listing_is_the_functions() -> None:
    module = """
        ; ModuleID = 'f'
        source_filename = "f"
        target triple = "x86_64-unknown-linux-gnu"

        @constant = private constant double 1.0

        ; Function Attrs: nounwind
        define tailcc double @f(double %x) #0 {
        entry:
          br label %next

        next:                                             ; preds = %entry
          ret double %x
        }



        declare double @sin(double) #1

        attributes #0 = { nounwind }
        !llvm.module.flags = !{!0}
        !0 = !{i32 1}
    """
    assert ir_listing(dedent(module)) == dedent("""\
        @constant = private constant double 1.0
        define tailcc double @f(double %x) {
        entry:
          br label %next

        next:  ; preds = %entry
          ret double %x
        }

        declare double @sin(double)
        """)


def test_comments_for_calls() -> None:
    module = """
        define tailcc double @f(double %x) {
          %a = call tailcc double @g(double %x) #1
          %b = musttail call tailcc double @"k\\CF\\80"(double %a) #1
          %c = call tailcc double @g.impl(double %a)
          ret double %b
        }
    """
    shown = ir_listing(dedent(module), {"g": "stub", "kπ": "other", "f": "never"})
    assert [line.rpartition("  ; ")[2] for line in shown.splitlines() if "  ; " in line] == ["stub", "other"]
    assembly = 'f:\n\tcallq\tg@PLT\n\tjmp\t"kπ"@PLT\n\tjmp\tg.impl@PLT\n\tjmp\t.LBB0_1\n'
    shown = assembly_listing(assembly, {"g": "stub", "kπ": "other", "f": "never"})
    assert [line.rpartition("  # ")[2] for line in shown.splitlines() if "  # " in line] == ["stub", "other"]


def test_an_ir_listing_of_nothing() -> None:
    assert ir_listing("") == "\n"


# Assembly


ASSEMBLY = """
\t.text
\t.file\t"f"
\t.section\t.rodata.cst8,"aM",@progbits,8
\t.p2align\t3, 0x0
.LCPI0_0:
\t.quad\t0x3ff8000000000000
\t.globl\tf
\t.type\tf,@function
f:
\t.cfi_startproc
\taddsd\t.LCPI0_0(%rip), %xmm0
\tretq
.Lfunc_end0:
\t.size\tf, .Lfunc_end0-f
\t.section\t".note.GNU-stack","",@progbits
"""


def test_an_assembly_listing_is_instructions_labels_and_constants() -> None:
    assert assembly_listing(ASSEMBLY) == dedent("""\
        .LCPI0_0:
            .quad      0x3ff8000000000000  # 1.5
        f:
            addsd      .LCPI0_0(%rip), %xmm0
            retq
        """)


@pytest.mark.parametrize(
    ("quad", "value"),
    [
        ("0x3ff0000000000000", "1.0"),
        ("0x8000000000000000", "-0.0"),
        ("0x0", "0.0"),
        ("0x1", "5e-324"),
        ("0x7ff0000000000000", "inf"),
        ("0xfff0000000000000", "-inf"),
        ("0x7ff8000000000000", "nan"),
    ],
)
def test_a_constant_has_its_value(quad: str, value: str) -> None:
    assert assembly_listing(f"\t.quad\t{quad}\n") == f"    .quad      {quad}  # {value}\n"


@pytest.mark.parametrize("line", ["\t.long\t0x3f800000", "\t.quad\tf.impl", "\t.quad\t0x3ff00000000000000"])
def test_what_is_no_double_has_no_value(line: str) -> None:
    assert "#" not in assembly_listing(line)


def test_data_is_no_instruction() -> None:
    assert assembly_listing('x:\n\t.zero\t8\n\t.ascii\t"a"\n\tretq\n') == "x:\n    retq\n"


# What became of what was called


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(jit="sync") as session:
        yield session


def became(session: Session, text: str, name: str) -> Inlining:
    session.run(text)
    engine, symbol = session.engine, session[name].unit.symbol
    return inlining(engine.ir(symbol, Tier.OPTIMIZED), engine.inline_group(symbol, Tier.OPTIMIZED))


def test_nothing_is_called(session: Session) -> None:
    assert became(session, "def f(x) x", "f") == Inlining((), (), ())


def test_functions_and_operators_are_inlined(session: Session) -> None:
    text = "def binary ~ 30 (a b) a * b; def unary ! (x) 0 - x; def caller(x) !sqrt(x) ~ x"
    assert set(became(session, text, "caller").inlined) == {"binary~", "unary!", "sqrt"}


def test_a_loop_is_inlined(session: Session) -> None:
    found = became(session, "def loop(n) var s in (for i = 1, i < n in s = s + i) : s", "loop")
    assert set(found.inlined) == {"loop.for@1:23", "binary:"}
    assert (found.direct, found.stubs) == ((), ())


def test_who_calls_itself_does_so_directly(session: Session) -> None:
    found = became(session, "def fib(n) if n < 3 then 1 else fib(n-1) + fib(n-2)", "fib")
    assert found == Inlining((), ("fib",), (), in_itself=True)
    assert found.all_inlined == ("copies of itself",)


def test_a_tail_call_becomes_a_loop(session: Session) -> None:
    found = became(session, "def count(n) if n < 1 then 0 else count(n - 1)", "count")
    assert found == Inlining((), (), ())


def test_recursion_that_is_called_is_called_directly(session: Session) -> None:
    text = "def binary <> 10 (n m) if n < m then 1 else (n-1 <> m) + (n-2 <> m); def user(n) 1 + (n <> 3)"
    found = became(session, text, "user")
    assert found.direct == ("binary<>",)
    assert found.inlined == ()
    assert found.all_inlined == ("none",)


def test_what_was_too_large_to_bind_is_called_through_its_stub(session: Session) -> None:
    big = "+".join(f"sin(x * {number})" for number in range(5_000))
    found = became(session, f"def unary ~ (x) {big}; def small(x) 1 + ~x", "small")
    assert (found.inlined, found.direct) == ((), ())
    assert [name.removeprefix("kal.") for name in found.stubs] == ["unary~"]


def test_a_name_that_begins_another_is_not_mistaken_for_it() -> None:
    with Session(jit="sync") as session:
        found = became(session, "def f(x) if x < 1 then 0 else 1 + f(x - 1) * f(x - 2); def ff(x) f(x) + 1", "ff")
        assert found == Inlining((), ("f",), ())


# Side by side


def test_beside() -> None:
    left, right = ["define x", "  call f(a, b, c, d)"], ["ret"]
    assert ["".join(row) for row in beside(left, right, 29)] == [
        "define x      ≠ ret",
        "  call f(a,   < ",
        "      b, c,   < ",
        "      d)      < ",
    ]


def test_equal_lines_are_beside_each_other() -> None:
    assert ["".join(row).split() for row in beside(["a", "b", "c", "d"], ["x", "b", "d", "y"], 11)] == [
        ["a", "≠", "x"],
        ["b", "│", "b"],
        ["c", "<"],
        ["d", "│", "d"],
        [">", "y"],
    ]


def test_what_cannot_be_broken_at_a_blank_is_broken_anywhere() -> None:
    assert [right for *_, right in beside([], ["x" * 20], 19)] == ["xxxxxxxx", "    xxxx", "    xxxx", "    xxxx"]


LINE = st.text(st.sampled_from(["a", "b", " ", ",", "日", "\u0301", "\t"]), max_size=60)
ANYTHING = st.text(st.characters(exclude_categories=["C"]), max_size=30)


@given(st.lists(LINE | ANYTHING, max_size=6), st.lists(LINE | ANYTHING, max_size=6), st.integers(20, 101))
def test_beside_each_other_nothing_is_lost(left: list[str], right: list[str], columns: int) -> None:
    half = (columns - len(SAME)) // 2
    rows = beside(left, right, columns)
    for side, lines in zip(([one for one, *_ in rows], [other for *_, other in rows]), (left, right), strict=True):
        assert "".join("".join(side).split()) == "".join("".join(lines).split())
        assert all(width(line) <= half for line in side)
    assert all(width(one) == half for one, *_ in rows)
