"""Commands that show what a program is compiled to: `:ast`, and for either tier `:ir`, `:asm`, `:diff`, `:cfg`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from kaleido.codegen.mangling import function_name
from kaleido.jit import Tier, Unit
from kaleido.language.parser import parse
from kaleido.language.printer import outline
from kaleido.language.source_files import reason
from kaleido.repl.commands.table import PROGRAM, UNIT, Command, Group, Parameter, Request, Word, tier_names
from kaleido.repl.commands.unit_code import Part, parts
from kaleido.repl.display.console import Console, temporary_file
from kaleido.report.listing import ONLY_LEFT, ONLY_RIGHT, SAME, assembly_listing, beside, inlining, ir_listing
from kaleido.report.tier_marks import label
from kaleido.session import Session
from kaleido.terminal.text import cut, padded

if TYPE_CHECKING:
    from kaleido.report.flow import Flow

__all__ = ["COMMANDS"]

_FORMS = {"ir": "llvm", "asm": "gas"}
"""The forms of a function, and the Pygments lexer for each."""

# Graphviz takes minutes for graphs of more blocks.
_MAX_SVG_BLOCKS = 500


def _ast(request: Request, word: Word) -> None:
    items = parse(request.program(word), request.session.operators)
    request.console.show("".join(outline(item) for item in items))


def _ir(request: Request, word: Word, tier_word: Word | None = None) -> None:
    _show(request, word, tier_word, "ir")


def _asm(request: Request, word: Word, tier_word: Word | None = None) -> None:
    _show(request, word, tier_word, "asm")


def _show(request: Request, word: Word, tier_word: Word | None, form: str) -> None:
    console = request.console
    shown = (
        f"{_emphasized(part.heading(), console)}\n{console.highlighted(part.listing(form), _FORMS[form])}"
        for part in _parts(request, word, tier_word)
    )
    console.show("\n".join(shown))


def _parts(request: Request, word: Word, tier_word: Word | None) -> list[Part]:
    """The parts that two arguments name: the unit, and the tier if it is not the one that each part runs in now."""
    unit = request.unit(word)
    return parts(request.session.engine, unit, request.tier(tier_word) if tier_word is not None else None)


def _emphasized(heading: str, console: Console) -> str:
    return console.tinted("\n".join(map(console.emphasized, wrap(heading, console.columns))))


def _diff(request: Request, word: Word, form_word: Word | None = None) -> None:
    unit, console, session = request.unit(word), request.console, request.session
    form = form_word.text if form_word is not None else "ir"
    if form_word is not None and form not in _FORMS:
        request.fail(f"unknown form `{form}`", form_word, f"expected {' or '.join(_FORMS)}")
    # Optimized once, for the listing and for the lines below it.
    optimized = session.engine.ir(unit.symbol, Tier.OPTIMIZED)
    baseline = _listing(session, unit, Tier.BASELINE, form)
    other = ir_listing(optimized) if form == "ir" else _listing(session, unit, Tier.OPTIMIZED, form)
    rows = beside(baseline.splitlines(), other.splitlines(), console.columns)
    # A lexer needs a whole listing: each side is highlighted by itself, and then both are joined line by line.
    left, marks, right = zip(*rows, strict=True)
    shown = [console.highlighted("\n".join(side), _FORMS[form]).split("\n") for side in (left, right)]
    half = (console.columns - len(SAME)) // 2
    headings = (padded(cut(Part(session.engine, unit, tier).title(), half), half) for tier in Tier)
    lines = [
        console.tinted(console.emphasized(SAME.join(headings).rstrip())),
        *(
            "".join(row).rstrip()
            for row in zip(shown[0], (_mark(each, console) for each in marks), shown[1], strict=True)
        ),
    ]
    marked = f"≠ differs   < only at {label(Tier.BASELINE)}   > only at {label(Tier.OPTIMIZED)}"
    below = [*wrap(marked, console.columns), *_inlined(session, unit, optimized)]
    console.show("\n".join([*lines, "", *map(console.tinted, below)]) + "\n")


_TIERS_OF_MARKS = {ONLY_LEFT: Tier.BASELINE, ONLY_RIGHT: Tier.OPTIMIZED}


def _mark(separator: str, console: Console) -> str:
    """A separator of two lines, emphasized if they differ; in the color of the tier if only that has a line."""
    if separator == SAME:
        return separator
    return console.emphasized(console.tinted(separator, _TIERS_OF_MARKS.get(separator)))


def _listing(session: Session, unit: Unit, tier: Tier, form: str) -> str:
    """A unit and its nested units as LLVM IR or as assembly. Marks of calls have no room in half a line."""
    engine, symbols = session.engine, [each.symbol for each in unit.code_units(tier)]
    if form == "ir":
        return "\n".join(ir_listing(engine.ir(symbol, tier)) for symbol in symbols)
    return "\n".join(assembly_listing(engine.assembly(symbol, tier)) for symbol in symbols)


def _inlined(session: Session, unit: Unit, optimized: str) -> list[str]:
    """What is inlined at -O3, and why each other call is not."""
    found = inlining(optimized, session.engine.inline_group(unit.symbol, Tier.OPTIMIZED))
    lines = [
        f"{heading}: {', '.join(names)}"
        for heading, names in (
            (f"inlined at {label(Tier.OPTIMIZED)}", found.all_inlined),
            ("called directly", found.direct),
            ("called through stubs", tuple(map(function_name, found.stubs))),
        )
        if names
    ]
    return [*lines, *_not_inlined(session, unit)] if found.direct or found.stubs else lines


def _not_inlined(session: Session, unit: Unit) -> list[str]:
    try:
        calls, failed = session.engine.missed_inlining(unit.symbol), ""
    except OSError as error:
        calls, failed = session.engine.outside_group(unit.symbol), f"LLVM's reasons are missing: {reason(error)}"
    lines = [f"{each.callee} is not inlined in {each.caller}: {each.reason}" for each in calls]
    return ["", *lines, *filter(None, [failed])]


def _cfg(request: Request, word: Word, tier_word: Word | None = None) -> None:
    # Imported here: the prompt does not wait for what draws graphs.
    from kaleido.report.drawing import dot, drawing
    from kaleido.report.flow import flows

    found = [(part, flow) for part in _parts(request, word, tier_word) for flow in flows(part.listing("ir"))]
    drawn = shutil.which("dot") is not None and sum(len(flow.blocks) for _, flow in found) <= _MAX_SVG_BLOCKS
    for part, flow in found:
        path = _svg(dot(flow)) if drawn else None
        picture = f"\nSVG: {path}\n" if path is not None else ""
        heading = _emphasized(_flow_heading(part, flow), request.console)
        request.console.show(f"{heading}\n{drawing(flow, request.console.columns)}{picture}")


def _flow_heading(part: Part, flow: Flow) -> str:
    if flow.name == part.unit.body:
        return part.heading()
    # A callee in the module of a root that is not inlined.
    members = part.engine.inline_group(part.unit.symbol, part.tier)
    name = next((member.label for member in members if member.body == flow.name), flow.name)
    return f"{name} at {label(part.tier)}, compiled with {part.unit.label}"


def _svg(graph: str) -> Path | None:
    """Draw a graph with graphviz to a new file with mode 0600; returns None if graphviz fails."""
    descriptor, name = tempfile.mkstemp(prefix="kaleido-", suffix=".svg")
    try:
        with os.fdopen(descriptor, "wb") as file, temporary_file(graph) as source:
            subprocess.run(["dot", "-Tsvg"], stdin=source, stdout=file, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        os.unlink(name)
        return None
    return Path(name)


_TIER = Parameter("|".join(Tier), "a tier", tier_names, optional=True)
_FORM = Parameter("|".join(_FORMS), "a form", lambda state, before: _FORMS, optional=True)

COMMANDS = [
    Command(
        "ast",
        Group.INSIDE,
        (PROGRAM,),
        "show the syntax tree of an expression or a definition",
        "It is neither run nor defined. The tree shows how far to the right `if`, `for` and `var` extend, and which "
        "operators bind tighter.",
        _ast,
    ),
    Command(
        "ir",
        Group.INSIDE,
        (UNIT, _TIER),
        "show the LLVM IR of a function or a loop",
        "Each part in the tier that it runs in now, or all of it at another. At -O0 a loop is a function of its own, "
        "which is called, and may run at -O3; at -O3 its function has it inlined, like other callees. The heading has "
        "the version, the bytes of the code, and the inlined callees. A call through a stub is marked with the tier "
        "that the stub leads to now.",
        _ir,
    ),
    Command(
        "asm",
        Group.INSIDE,
        (UNIT, _TIER),
        "show the machine code of a function or a loop",
        "As assembly: instructions, labels, and constants with their values. Each part in the tier that it runs in "
        "now, or all of it at another; headings and marks are those of `:ir`.",
        _asm,
    ),
    Command(
        "diff",
        Group.INSIDE,
        (UNIT, _FORM),
        "show a function or a loop at -O0 and at -O3 side by side",
        "As LLVM IR or as machine code. Below the code are the functions that are inlined at -O3, called directly, and "
        "called through stubs; and why each call that is left was not inlined: a limit of the engine, or LLVM's "
        "reason, for which it is asked in another process.",
        _diff,
    ),
    Command(
        "cfg",
        Group.INSIDE,
        (UNIT, _TIER),
        "draw the control-flow graph of a function or a loop",
        "Each box is a basic block, each line a jump. If graphviz is installed, the graph is also drawn to an SVG "
        "file.",
        _cfg,
    ),
]
