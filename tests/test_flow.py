"""Control-flow graphs: what is read from IR, and whether a drawing says all of it, by following its lines."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding
from wcwidth import wcswidth

from kaleido import Session
from kaleido.codegen.mangling import symbol
from kaleido.jit import Tier
from kaleido.report.drawing import dot, drawing
from kaleido.report.flow import Block, Flow, flows

# Reading


def only(body: str) -> Flow:
    """The flow of a function with this body, as LLVM prints it: so the IR in these tests is right."""
    text = f"define void @f(i1 %c, i32 %x, ptr %p) {{\n{body}\n}}\ndeclare void @g(ptr)\n"
    printed = flows(str(binding.parse_assembly(text)))
    assert len(printed) == 1
    return printed[0]


def successors(body: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {block.label: block.successors for block in only(body).blocks}


def test_a_block_without_a_name_is_the_entry() -> None:
    assert only("ret void") == Flow("f", (Block("entry", ("ret void",)),))


def test_a_block_that_is_called_entry_is_not_the_one_without_a_name() -> None:
    assert successors("br label %entry\nentry:\nbr label %entry") == {
        "(entry)": (("entry", ""),),
        "entry": (("entry", ""),),
    }


def test_a_branch() -> None:
    assert successors("br label %b\na:\nunreachable\nb:\nbr label %a") == {
        "entry": (("b", ""),),
        "a": (),
        "b": (("a", ""),),
    }


def test_a_conditional_branch() -> None:
    both = "start:\nbr i1 %c, label %a, label %b\na:\nbr i1 %c, label %a, label %b\nb:\nbr i1 %c, label %a, label %a"
    assert successors(both) == {
        "start": (("a", "true"), ("b", "false")),
        "a": (("a", "true"), ("b", "false")),
        "b": (("a", "true"), ("a", "false")),
    }


def test_a_switch_takes_several_lines() -> None:
    body = 'switch i32 %x, label %"no case" [ i32 7, label %1\n i32 -3, label %a\n i32 9, label %1 ]\n1:\nret void\n'
    first, *_ = only(f'{body}a:\nret void\n"no case":\nret void').blocks
    assert first.successors == (("no case", "default"), ("1", "7"), ("a", "-3"), ("1", "9"))
    assert first.instructions == (
        'switch i32 %x, label %"no case" [',
        "  i32 7, label %1",
        "  i32 -3, label %a",
        "  i32 9, label %1",
        "]",
    )


def test_a_switch_without_cases() -> None:
    assert successors("switch i32 %x, label %a []\na:\nret void")["entry"] == (("a", "default"),)


def test_an_indirect_branch() -> None:
    assert successors("indirectbr ptr %p, [label %a, label %b]\na:\nret void\nb:\nret void")["entry"] == (
        ("a", ""),
        ("b", ""),
    )


def test_an_invocation_takes_two_lines() -> None:
    text = """define void @f() personality ptr null {
  invoke void @f() to label %"label %bad" unwind label %bad
"label %bad":
  ret void
bad:
  %all = landingpad { ptr, i32 } cleanup catch ptr null
  resume { ptr, i32 } %all
}"""
    (flow,) = flows(str(binding.parse_assembly(text)))
    assert [block.successors for block in flow.blocks] == [(("label %bad", ""), ("bad", "unwind")), (), ()]


def test_brackets_and_strings_are_no_edges() -> None:
    body = """call void @g(ptr %p) [ "label %a"(i32 1, ptr %p) ]
call void asm sideeffect "br label %a ; } [", ""()
br label %a
a:
ret void"""
    first, last = only(body).blocks
    assert first.successors == (("a", ""),)
    assert first.instructions[1] == 'call void asm sideeffect "br label %a ; } [", ""()'
    assert last.instructions == ("ret void",)


def test_names_are_unquoted_and_comments_are_gone() -> None:
    text = r"""
%"{ @x" = type { i32 }
@data = constant [3 x i8] c"\22}\0A"
define internal fastcc %"{ @x" @"kal.\C3\A9\22\\ f\FF"(i32 %x) "a"="@b" {  ; @here
  br label %"a; \22b\22: [" ; {
"a; \22b\22: [":  ; preds = %0
  br label %"a; \22b\22: ["
dead.1:  ; No predecessors!
  ret %"{ @x" zeroinitializer
}

declare void @nothing(ptr)

define void @-$._9() {
entry:
  ret void
}
"""
    label = 'a; "b": ['
    expected = [
        Flow(
            'kal.é"\\ f\\xff',
            (
                Block("entry", (r'br label %"a; \22b\22: ["',), ((label, ""),)),
                Block(label, (r'br label %"a; \22b\22: ["',), ((label, ""),)),
                Block("dead.1", ('ret %"{ @x" zeroinitializer',)),
            ),
        ),
        Flow("-$._9", (Block("entry", ("ret void",)),)),
    ]
    assert flows(text) == flows(str(binding.parse_assembly(text))) == expected


def test_nothing_is_defined() -> None:
    assert flows("") == flows("declare void @f()\n") == []


# Drawing


def graph(**blocks: str) -> Flow:
    """A flow of blocks whose only instruction is a word; after it are the targets, each with what it is for."""
    made = []
    for label, text in blocks.items():
        word, *targets = text.split()
        edges = [target.partition(":") for target in targets]
        made.append(Block(label, (word,), tuple((target, what) for target, _, what in edges)))
    return Flow("f", tuple(made))


def check(flow: Flow, expected: str, columns: int = 40) -> None:
    assert drawing(flow, columns) == expected.removeprefix("\n")


def test_a_straight_line() -> None:
    check(
        graph(entry="one end", end="ret"),
        """
┌─ entry ┐
│ one    │
└─┬──────┘
  ▼
┌─ end ──┐
│ ret    │
└────────┘
""",
    )


def test_a_choice() -> None:
    check(
        graph(entry="if then:true other:false", then="one end", other="two end", end="ret"),
        """
     ┌─ entry ───────┐
     │ if            │
┌────┤ false → other │
│    └─┬─────────────┘
│      ▼ true
│    ┌─ then ────────┐
│    │ one           │
│ ┌──┤ → end         │
│ │  └───────────────┘
│ │
└─┼─▶┌─ other ───────┐
  │  │ two           │
  │  └─┬─────────────┘
  │    ▼
  └─▶┌─ end ─────────┐
     │ ret           │
     └───────────────┘
""",
    )


def test_a_loop_of_one_block() -> None:
    check(
        graph(entry="go loop", loop="turn loop:true end:false", end="ret"),
        """
   ┌─ entry ─────┐
   │ go          │
   └─┬───────────┘
     ▼
┏━▶┌─ loop ──────┐
┃  │ turn        │
┗━━┥ true ↺ loop │
   └─┬───────────┘
     ▼ false
   ┌─ end ───────┐
   │ ret         │
   └─────────────┘
""",
    )


def test_a_loop_in_a_loop() -> None:
    check(
        graph(
            entry="go outer",
            outer="begin inner",
            inner="turn inner:true next:false",
            next="again outer:true end:false",
            end="ret",
        ),
        """
     ┌─ entry ──────┐
     │ go           │
     └─┬────────────┘
       ▼
┏━━━▶┌─ outer ──────┐
┃    │ begin        │
┃    └─┬────────────┘
┃      ▼
┃ ┏━▶┌─ inner ──────┐
┃ ┃  │ turn         │
┃ ┗━━┥ true ↺ inner │
┃    └─┬────────────┘
┃      ▼ false
┃    ┌─ next ───────┐
┃    │ again        │
┗━━━━┥ true ↺ outer │
     └─┬────────────┘
       ▼ false
     ┌─ end ────────┐
     │ ret          │
     └──────────────┘
""",
    )


def test_a_switch_whose_edges_to_a_block_are_one() -> None:
    check(
        graph(entry="switch end:default one:1 two:2 one:3", one="go end", two="fall last", last="go end", end="ret"),
        """
     ┌─ entry ───────┐
     │ switch        │
┌────┤ default → end │
│ ┌──┤ 2 → two       │
│ │  └─┬─────────────┘
│ │    ▼ 1, 3
│ │  ┌─ one ─────────┐
│ │  │ go            │
├─┼──┤ → end         │
│ │  └───────────────┘
│ │
│ └─▶┌─ two ─────────┐
│    │ fall          │
│    └─┬─────────────┘
│      ▼
│    ┌─ last ────────┐
│    │ go            │
│    └─┬─────────────┘
│      ▼
└───▶┌─ end ─────────┐
     │ ret           │
     └───────────────┘
""",
    )


def test_an_edge_that_only_leads_up_closes_no_loop() -> None:
    check(
        graph(entry="if end:true work:false", end="ret", work="go end"),
        """
     ┌─ entry ──────┐
     │ if           │
┌────┤ false → work │
│    └─┬────────────┘
│      ▼ true
│ ┌─▶┌─ end ────────┐
│ │  │ ret          │
│ │  └──────────────┘
│ │
└─┼─▶┌─ work ───────┐
  │  │ go           │
  └──┤ → end        │
     └──────────────┘
""",
    )


def test_a_loop_that_is_closed_downwards() -> None:
    check(
        graph(entry="if head:true back:false", back="go head", head="turn back:true end:false", end="ret"),
        """
     ┌─ entry ─────┐
     │ if          │
┌────┤ true → head │
│    └─┬───────────┘
│      ▼ false
│ ┌─▶┌─ back ──────┐
│ │  │ go          │
│ │  └─┬───────────┘
│ │    ▼ ↺
└─┼─▶┌─ head ──────┐
  │  │ turn        │
  └──┤ true → back │
     └─┬───────────┘
       ▼ false
     ┌─ end ───────┐
     │ ret         │
     └─────────────┘
""",
    )


def test_edges_that_meet_from_both_sides() -> None:
    check(
        graph(entry="if loop:true end:false", end="ret", loop="turn loop:true end:false"),
        """
     ┌─ entry ─────┐
     │ if          │
  ┌──┤ true → loop │
  │  └─┬───────────┘
  │    ▼ false
┌─┼─▶┌─ end ───────┐
│ │  │ ret         │
│ │  └─────────────┘
│ │
│ ┢━▶┌─ loop ──────┐
│ ┃  │ turn        │
│ ┗━━┥ true ↺ loop │
└────┤ false → end │
     └─────────────┘
""",
    )


def test_a_rail_is_heavy_as_far_as_a_loop_goes() -> None:
    check(
        graph(entry="if loop:true work:false", loop="turn loop:true end:false", end="ret", work="go loop"),
        """
     ┌─ entry ──────┐
     │ if           │
┌────┤ false → work │
│    └─┬────────────┘
│      ▼ true
│ ┏━▶┌─ loop ───────┐
│ ┃  │ turn         │
│ ┡━━┥ true ↺ loop  │
│ │  └─┬────────────┘
│ │    ▼ false
│ │  ┌─ end ────────┐
│ │  │ ret          │
│ │  └──────────────┘
│ │
└─┼─▶┌─ work ───────┐
  │  │ go           │
  └──┤ → loop       │
     └──────────────┘
""",
    )


def far(reach: int) -> Flow:
    """Blocks whose edges all lead down, over so many others, so that each needs a lane."""
    leaving = [Block(f"b{number}", (), ((f"b{number + reach}", "far"),)) for number in range(reach)]
    return Flow("f", (*leaving, *(Block(f"b{number}") for number in range(reach, 2 * reach))))


def test_where_rails_would_take_more_than_half_the_edges_are_named() -> None:
    """Nine lanes fit into 40 columns, with their arrow heads; ten do not."""
    assert drawing(far(9), 40).startswith(" " * 19 + "┌─ b0 ─")
    assert drawing(far(10), 40).startswith("┌─ b0 ──────┐\n│ far → b10 │\n└───────────┘\n\n┌─ b1 ──")
    assert drawing(far(10), 42).startswith(" " * 21 + "┌─ b0 ─")


def test_what_is_too_long_is_cut_by_columns() -> None:
    wide = "漢字" * 20
    flow = Flow("f", (Block(wide, ("x" * 36, "x" * 37, wide), ((wide, wide),)),))
    assert drawing(flow, 43).splitlines() == [
        f"┏━▶┌─ {'漢字' * 8}漢…─┐",
        f"┃  │ {'x' * 36} │",
        f"┃  │ {'x' * 35}… │",
        f"┃  │ {'漢字' * 8}漢…  │",
        f"┗━━┥ {'漢字' * 3}漢… ↺ {'漢字' * 4}…  │",
        f"   └─{'─' * 37}┘",
    ]


def test_nothing_acts_on_the_terminal() -> None:
    flow = Flow("f\n", (Block("a\x1b[0m\n", ("\x9b\u202e\tx",), (("a\x1b[0m\n", "\r"),)),))
    for text in (drawing(flow, 60), dot(flow)):
        assert "\ufffd" in text
        assert all(character.isprintable() for line in text.split("\n") for character in line)


# Drawings followed line by line


def arms(character: str) -> set[str]:
    """Where the lines of a character lead."""
    words = unicodedata.name(character, "").replace("HORIZONTAL", "LEFT RIGHT").replace("VERTICAL", "UP DOWN").split()
    return set(words) & {"UP", "DOWN", "LEFT", "RIGHT"} if words[:2] == ["BOX", "DRAWINGS"] else set()


STEPS = {"UP": (-1, 0), "DOWN": (1, 0), "LEFT": (0, -1), "RIGHT": (0, 1)}
BACK = {"UP": "DOWN", "DOWN": "UP", "LEFT": "RIGHT", "RIGHT": "LEFT"}


def reached(lines: list[str], row: int, margin: int) -> set[int]:
    """The rows of the arrow heads to which the rail leads that leaves a box there. Crossings are passed straight."""
    way, seen, ends = [(row, margin, "LEFT")], set(), set()
    while way:
        seen.add(way[-1])
        row, column, heading = way.pop()
        row, column = row + STEPS[heading][0], column + STEPS[heading][1]
        if column == margin:
            continue  # another box from which an edge leaves
        if lines[row][column] == "▶":
            ends.add(row)
            continue
        leads = arms(lines[row][column])
        assert BACK[heading] in leads
        onwards = {heading} if len(leads) == 4 else leads - {BACK[heading]}
        way += {(row, column, each) for each in onwards} - seen
    return ends


def told(text: str) -> dict[tuple[str, str], bool]:
    """The edges that a drawing shows, each as the numbers of its blocks, and whether it is said to close a loop.

    A label is a b, its number, and a blank or, where it is cut off, an ellipsis. What an edge is for begins with a t.
    """
    lines = text.splitlines()
    margin = lines[0].index("┌─ b0 ")
    boxes = {row: line[margin:].split()[1][1:] for row, line in enumerate(lines) if line[margin:].startswith("┌─ b")}
    edges, current = {}, ""
    for row, line in enumerate(lines):
        current = boxes.get(row, current)
        named = re.match(r"[│┤┥] (?:t.*? )?([→↺]) b(\d+)[ …]", line[margin:])
        if named and margin:
            (end,) = reached(lines, row, margin)
            assert (line[margin], named[2]) == ("┥" if named[1] == "↺" else "┤", boxes[end])
        if named:
            edges[current, named[2]] = named[1] == "↺"
        elif line[margin:].startswith("  ▼"):
            assert lines[row - 1][margin + 2] == "┬"
            edges[current, boxes[row + 1]] = line.endswith("↺")
    return edges


@st.composite
def random_flows(draw: st.DrawFn) -> Flow:
    count = draw(st.integers(1, 12))
    labels = [
        f"b{number} {text}" for number, text in enumerate(draw(st.lists(st.text(), min_size=count, max_size=count)))
    ]
    edge = st.tuples(st.sampled_from(labels), st.sampled_from(["", "true", "t漢"]))
    # Instructions begin with an x, so that none can be taken for an edge.
    code = st.lists(st.text().map("x{}".format), max_size=3)
    return Flow(
        draw(st.text()),
        tuple(Block(label, tuple(draw(code)), tuple(draw(st.lists(edge, max_size=4)))) for label in labels),
    )


def looping(flow: Flow) -> bool:
    """Whether some block can come again."""
    following = {block.label: {label for label, _ in block.successors} for block in flow.blocks}
    while leaves := [label for label, after in following.items() if not after]:
        following = {label: after - set(leaves) for label, after in following.items() if after}
    return bool(following)


@given(random_flows(), st.integers(40, 120))
def test_a_drawing_fits_and_says_everything(flow: Flow, columns: int) -> None:
    text = drawing(flow, columns)
    assert max(map(wcswidth, text.split("\n"))) <= columns
    assert re.findall(r"┌─ b(\d+) ", text) == [str(number) for number in range(len(flow.blocks))]
    number = {block.label: str(index) for index, block in enumerate(flow.blocks)}
    edges = {(number[block.label], number[label]) for block in flow.blocks for label, _ in block.successors}
    assert told(text).keys() == edges
    assert any(told(text).values()) == looping(flow)


@given(random_flows())
def test_there_is_a_place_where_every_lane_is_needed(flow: Flow) -> None:
    lines = drawing(flow, 300).splitlines()
    margin = lines[0].index("┌─ b0 ")
    assert any(all("DOWN" in arms(character) for character in line[: max(0, margin - 1) : 2]) for line in lines)


# Real functions

PROGRAM = """
def fib(n) if n < 2 then n else fib(n-1) + fib(n-2)
def nested(n) var s = 0 in (for i = 1, i < n in for j = 1, j < n in s = s + i * j) : s
def collatz(n c) if n <= 1 then c else if n % 2 < 1 then collatz(n / 2, c + 1) else collatz(3 * n + 1, c + 1)
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session() as opened:
        opened.run(PROGRAM)
        yield opened


def flow_of(session: Session, name: str, tier: Tier) -> Flow:
    """What the function itself became."""
    (flow,) = (each for each in flows(session.engine.ir(symbol(name), tier)) if each.name == f"{symbol(name)}.impl")
    return flow


def shape(flow: Flow) -> list[list[int]]:
    """For each block, the places of those that follow."""
    places = [block.label for block in flow.blocks]
    return [[places.index(label) for label, _ in block.successors] for block in flow.blocks]


@pytest.mark.parametrize(
    ("name", "tier", "expected"),
    [
        ("fib", Tier.BASELINE, [[1, 2], [], []]),
        ("fib", Tier.OPTIMIZED, [[5, 1], [3, 5], [], [2, 4], [2], [2]]),
        ("nested", Tier.BASELINE, [[]]),
        ("nested", Tier.OPTIMIZED, [[1], [2], [2, 3], [1, 4], []]),
        ("collatz", Tier.BASELINE, [[1, 2], [], [3, 4], [], []]),
        ("collatz", Tier.OPTIMIZED, [[2, 1], [], [3, 4], [5], [5], [2, 1]]),
    ],
)
def test_real_functions(session: Session, name: str, tier: Tier, expected: list[list[int]]) -> None:
    flow = flow_of(session, name, tier)
    assert shape(flow) == expected
    for columns in (40, 60, 120):
        text = drawing(flow, columns)
        assert max(map(wcswidth, text.splitlines())) <= columns
        assert ("↺" in text) == looping(flow)


def test_every_function_of_an_optimized_module(session: Session) -> None:
    session.run("def caller(n) fib(n) + collatz(n, 0)")
    names = [flow.name for flow in flows(session.engine.ir(symbol("caller"), Tier.OPTIMIZED))]
    assert names[0] == "kal.caller.impl"
    # A recursive function, with copies of itself.
    assert [name for name in names[1:] if name.startswith("kal.fib.impl")]


# Graphviz

STRING = r'"(?:[^"\\\n]|\\.)*"'


@given(random_flows())
def test_dot_is_balanced(flow: Flow) -> None:
    """Without its strings nothing is left but statements, a box for each block and an arrow for each edge."""
    bare = re.sub(STRING, '""', dot(flow))
    edges = {(block.label, label) for block in flow.blocks for label, _ in block.successors}
    assert len(re.findall(r'^  b\d+ \[label=""\];$', bare, re.MULTILINE)) == len(flow.blocks)
    assert len(re.findall(r'^  b\d+ -> b\d+ \[label=""(?:, style=bold)?\];$', bare, re.MULTILINE)) == len(edges)
    assert re.fullmatch(r"digraph \{\n(?:  .*;\n)+\}\n", bare)
    assert bare.count('"') % 2 == 0


def test_dot_says_everything() -> None:
    code = ('call "\\22"', "ret")
    flow = Flow("f&amp;", (Block('é"\\', code, (('é"\\', "true"), ("b", "false"))), Block("b")))
    expected = r"""digraph {
  graph [label="f&amp;amp;", labelloc=t, fontname="monospace"];
  node [shape=box, fontname="monospace"];
  edge [fontname="monospace"];
  b0 [label="é\"\\:\l  call \"\\22\"\l  ret\l"];
  b1 [label="b:\l"];
  b0 -> b0 [label="true", style=bold];
  b0 -> b1 [label="false"];
}
"""
    assert dot(flow) == expected


@pytest.mark.skipif(shutil.which("dot") is None, reason="no Graphviz here")
def test_graphviz_accepts_it(session: Session) -> None:
    flow = Flow('"\\', (Block('é"\\', ('call "\\22"',), (('é"\\', "true"),)),))
    for each in (flow, flow_of(session, "nested", Tier.OPTIMIZED)):
        run = subprocess.run(["dot", "-Tsvg"], input=dot(each).encode(), capture_output=True)
        assert (run.returncode, run.stderr) == (0, b"")
