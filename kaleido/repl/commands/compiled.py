"""Commands that show what the compiler made of a function, at either tier."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from kaleido.codegen.mangling import function_name
from kaleido.jit import Tier
from kaleido.repl.commands.table import FUNCTION, Command, Group, Parameter, Request, Word, tier_names
from kaleido.repl.console import stored
from kaleido.report.drawing import dot, drawing
from kaleido.report.flow import flows
from kaleido.report.listing import SEPARATOR, assembly_listing, beside, inlining, ir_listing
from kaleido.session import Function, Session

__all__ = ["COMMANDS"]

_FORMS = {"ir": "llvm", "asm": "gas"}
"""What can be shown, and the language that it is highlighted as."""

# An SVG of more blocks than that takes graphviz minutes.
_MOST_DRAWN = 500


def _ir(request: Request, word: Word, tier_word: Word | None = None) -> None:
    function, tier = _which(request, word, tier_word)
    request.console.show(_listing(request.session, function, tier, "ir"), _FORMS["ir"])


def _asm(request: Request, word: Word, tier_word: Word | None = None) -> None:
    function, tier = _which(request, word, tier_word)
    request.console.show(_listing(request.session, function, tier, "asm"), _FORMS["asm"])


def _which(request: Request, word: Word, tier_word: Word | None) -> tuple[Function, Tier]:
    """A function, and the tier to show it in: without another, the one it runs in, or will run in first."""
    function = request.function(word)
    if tier_word is not None:
        return function, request.tier(tier_word)
    first = Tier.BASELINE if request.session.engine.policy.baseline else Tier.OPTIMIZED
    return function, function.tier or first


def _listing(session: Session, function: Function, tier: Tier, form: str) -> str:
    """A function as LLVM IR, or as assembly."""
    engine, symbols = session.engine, [unit.symbol for unit in function.unit.modules(tier)]
    if form == "ir":
        return "\n".join(ir_listing(engine.ir(symbol, tier)) for symbol in symbols)
    return "\n".join(assembly_listing(engine.assembly(symbol, tier)) for symbol in symbols)


def _diff(request: Request, word: Word, form_word: Word | None = None) -> None:
    function, console, session = request.function(word), request.console, request.session
    form = form_word.text if form_word is not None else "ir"
    if form_word is not None and form not in _FORMS:
        request.fail(f"`{form}` cannot be shown", form_word, f"expected {' or '.join(_FORMS)}")
    # Optimized once, for what is shown and for what is told of it.
    optimized = session.engine.ir(function.unit.symbol, Tier.OPTIMIZED)
    baseline = _listing(session, function, Tier.BASELINE, form)
    other = ir_listing(optimized) if form == "ir" else _listing(session, function, Tier.OPTIMIZED, form)
    rows = beside(baseline.splitlines(), other.splitlines(), console.columns)
    # Each side is highlighted as a whole, and then put together line by line.
    left, right = (console.highlighted("\n".join(side), _FORMS[form]).split("\n") for side in zip(*rows, strict=True))
    half = (console.columns - len(SEPARATOR)) // 2
    heading = f"{f'-{Tier.BASELINE}':<{half}}{SEPARATOR}-{Tier.OPTIMIZED}"
    lines = [console.emphasized(heading), *(SEPARATOR.join(row).rstrip() for row in zip(left, right, strict=True))]
    console.show("\n".join([*lines, "", *_inlined(session, function, optimized)]) + "\n")


def _inlined(session: Session, function: Function, optimized: str) -> list[str]:
    found = inlining(optimized, session.engine.inline_group(function.unit.symbol, Tier.OPTIMIZED))
    return [
        f"{heading}: {', '.join(names)}"
        for heading, names in (
            (f"inlined at -{Tier.OPTIMIZED}", found.inlined or ("nothing",)),
            ("called directly", found.direct),
            ("called through stubs", tuple(map(function_name, found.stubs))),
        )
        if names
    ]


def _cfg(request: Request, word: Word, tier_word: Word | None = None) -> None:
    function, tier = _which(request, word, tier_word)
    found = flows(_listing(request.session, function, tier, "ir"))
    engine, root = request.session.engine, function.unit
    labels = {
        unit.body: unit.label for unit in [*root.with_nested(), *engine.inline_group(root.symbol, Tier.OPTIMIZED)]
    }
    drawn = shutil.which("dot") is not None and sum(len(flow.blocks) for flow in found) <= _MOST_DRAWN
    for flow in found:
        path = _svg(dot(flow)) if drawn else None
        picture = f"\nas a picture: {path}\n" if path is not None else ""
        heading = request.console.emphasized(f"{labels.get(flow.name, flow.name)} at -{tier}")
        request.console.show(f"{heading}\n{drawing(flow, request.console.columns)}{picture}")


def _svg(graph: str) -> Path | None:
    """A graph as a picture, in a new file that is the user's alone; None where graphviz does not make one."""
    descriptor, name = tempfile.mkstemp(prefix="kaleido-", suffix=".svg")
    try:
        with os.fdopen(descriptor, "wb") as file, stored(graph) as source:
            subprocess.run(["dot", "-Tsvg"], stdin=source, stdout=file, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        os.unlink(name)
        return None
    return Path(name)


_TIER = Parameter("|".join(Tier), "a tier", tier_names, optional=True)
_FORM = Parameter("|".join(_FORMS), "what to show", lambda state, before: _FORMS, optional=True)

COMMANDS = [
    Command(
        "ir",
        Group.INSIDE,
        (FUNCTION, _TIER),
        "a function's LLVM IR",
        "In the tier it runs in, or in another. At -O0 a loop is a function of its own, as it is called; at -O3 it is "
        "inside again, with whatever else was inlined.",
        _ir,
    ),
    Command(
        "asm",
        Group.INSIDE,
        (FUNCTION, _TIER),
        "a function's machine code",
        "In the tier it runs in, or in another, as assembly text: instructions, labels, and constants with the numbers "
        "they are.",
        _asm,
    ),
    Command(
        "diff",
        Group.INSIDE,
        (FUNCTION, _FORM),
        "-O0 and -O3 side by side",
        "The two tiers of a function beside each other, as LLVM IR or as machine code, and below them what was inlined "
        "at -O3, what is called directly, and what still goes through a stub.",
        _diff,
    ),
    Command(
        "cfg",
        Group.INSIDE,
        (FUNCTION, _TIER),
        "a function's control flow, as a picture",
        "Each box is a basic block, each line a jump. Where graphviz is installed, the path of an SVG file comes with "
        "it.",
        _cfg,
    ),
]
