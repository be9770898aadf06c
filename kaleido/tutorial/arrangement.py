"""The order of the reader's program when it is read as a whole: sections, with a comment above each.

The chapters let a program grow at its end. A compiler is easier to read in the order in which a program passes through
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent

__all__ = ["SECTIONS", "arranged", "heading", "introduction"]

SECTIONS = {
    "Syntax": "PARSER GRAMMAR TOKENS INFIX PREFIX longest Climber Shaper token_at",
    "Trees": "Span Node Number Variable Unary Binary Assign Call Conditional Loop Binding Let Block Prototype "
    "Definition External children show",
    "Mistakes": "Mistake nested explained reported named syntax_mistake",
    "Reading": "span_of Builder read incomplete",
    "Units of IR": "symbol Signature doubles head forward constant Unit Writer",
    "Lowering": "ARITHMETIC COMPARISONS POINTER Lowering units",
    "Machine code": "Range RANGES LAST add_range target_machine Machine bound called guard enter_ir",
    "Functions of C and Python": "PROCESS is_in_process HOST host printd putchard external",
    "Protection": "ENTRY_POINT OURS CALLS HANDLERS PLAIN PROTECTED SA_ONSTACK SA_SIGINFO SA_NODEFER SA_RESTART FLAGS "
    "action REASONS Stopped Protection PROTECTION",
    "Engine": "NEVER GROUP_SIZE Record PROFILE profile_ir stub_ir Entry Engine",
    "Session": "PRELUDE uninterrupted Session",
    "Prompt": "lines evaluate repl tiers KEYWORDS COLORS colored editor reader",
    "Ahead of time": "RUNTIME main_ir program_ir build execute",
    "Profiles": "perf_map profile",
    "Command line": "command_line text_of show_trees run_file main __main__",
}
"""The names in each section of the program, of all chapters. The last section ends with the call of ``main``."""

_PURPOSES = {
    "Syntax": "the grammar, and operators",
    "Trees": "nodes, each with its place in the text",
    "Mistakes": "messages with carets",
    "Reading": "from text to nodes",
    "Units of IR": "names, types, and the text of functions",
    "Lowering": "from nodes to units",
    "Machine code": "LLVM compiles and loads modules",
    "Functions of C and Python": "what programs declare as external",
    "Protection": "stack overflow and Ctrl-C",
    "Engine": "stubs, slots, counters, tiers",
    "Session": "programs in, values out",
    "Prompt": "entries, typed by a user",
    "Ahead of time": "executables",
    "Profiles": "names for perf",
    "Command line": "arguments and files",
}

_WIDTH = 79


def arranged(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of a program's definitions by section, without empty sections.

    A name that is in no section follows the name before it.
    """
    places = {name: section for section, text in SECTIONS.items() for name in text.split()}
    found: dict[str, list[str]] = {section: [] for section in SECTIONS}
    section = next(iter(SECTIONS))
    for name in names:
        section = places.get(name, section)
        found[section].append(name)
    return {section: members for section, members in found.items() if members}


def heading(section: str) -> str:
    """The comment above a section."""
    return f"# {section} ".ljust(_WIDTH, "-")


def introduction(sections: Iterable[str]) -> str:
    """The docstring of a program with these sections."""
    lines = [f"{section:<25}  {_PURPOSES[section]}" for section in sections]
    return f'''"""A compiler for Kaleidoscope: the program of Kaleido's tutorial.

The sections, in the order in which a program passes through them:

{indent(chr(10).join(lines), "    ")}
"""
'''
