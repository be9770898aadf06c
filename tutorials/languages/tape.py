"""Tape: a language of one tape of integers, with procedures. A front end for `kaleido.jit` in textual LLVM IR.

==============  =====================================================================
``>``  ``<``    go to the next cell, the previous cell; the tape is a ring
``+``  ``-``    add 1 to the cell, subtract 1; a cell has 64 bits and wraps around
``.``  ``,``    write the cell as a byte; read a byte into it, -1 at the end of input
``[ … ]``       repeat … while the cell is not 0
``name``        call a procedure
``name { … }``  define one, or define it anew
``# …``         a comment, to the end of the line
==============  =====================================================================

What it shows of the engine:

- the tape is `Data`: all units share it, at one address, whatever their tiers and versions;
- a procedure is a unit. It takes the number of the present cell and returns the number of the last one;
- a loop is a nested unit *by value*: its only variable is that number, so it needs no pointers. It runs one iteration,
  and then calls its own symbol as a tail call. That call passes the stub, so the code of a loop that is running is
  replaced between two iterations;
- `putchar` and `getchar` are C functions of the process, called between LEAVE_JIT and REENTER_JIT: they may block.

Run ``python tape.py FILE``, or ``python tape.py`` for a prompt.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from kaleido.jit import LEAVE_JIT, REENTER_JIT, Data, Engine, Policy, RunCounter, Signature, UndefinedUnit, Unit, quoted

CELLS = 65_536
TAPE = Data("the tape", f"[{CELLS} x i64]")

MOVE = Signature("i64", ("i64",))
"""Of each unit: from the number of a cell to the number of a cell."""

DECLARATIONS = f"""
{quoted(TAPE.symbol)} = external global {TAPE.type}
declare i32 @putchar(i32)
declare i32 @getchar()
declare ptr @{LEAVE_JIT}()
declare void @{REENTER_JIT}(ptr)
"""

# In front of the name of a procedure: without it, one called `putchar` would have the symbol of the C function.
PREFIX = "procedure "

# Each loop has a symbol of its own, so that the loops of an old and a new version of a procedure are different units.
_serials = count(1)


class TapeError(Exception):
    """A mistake in a program. Its text begins with ``line:column``."""


class Token(NamedTuple):
    text: str
    line: int
    column: int

    def error(self, message: str) -> TapeError:
        return TapeError(f"{self.line}:{self.column}: {message}")


class Writer:
    """Writes the unit of a procedure or of a loop. `cell` is the LLVM value with the number of the present cell."""

    def __init__(self, symbol: str, name: str, opened: Token, counter: RunCounter) -> None:
        self.symbol, self.name, self.opened, self.counter = symbol, name, opened, counter
        self.cell = "%start"
        self.calls: dict[str, Signature] = {}
        self.loops: list[Unit] = []
        self._lines: list[str] = []
        self._values = count(1)

    def emit(self, instruction: str) -> None:
        self._lines.append("  " + instruction)

    def value(self, instruction: str) -> str:
        """Write an instruction that has a value; returns the value."""
        name = f"%v{next(self._values)}"
        self.emit(f"{name} = {instruction}")
        return name

    def move(self, distance: int) -> None:
        self.cell = self.value(f"and i64 {self.value(f'add i64 {self.cell}, {distance}')}, {CELLS - 1}")

    def load(self) -> tuple[str, str]:
        """The value of the present cell, and its address."""
        address = self.value(f"getelementptr i64, ptr {quoted(TAPE.symbol)}, i64 {self.cell}")
        return self.value(f"load i64, ptr {address}"), address

    def add(self, number: int) -> None:
        old, address = self.load()
        self.emit(f"store i64 {self.value(f'add i64 {old}, {number}')}, ptr {address}")

    def write(self) -> None:
        byte = self.value(f"trunc i64 {self.load()[0]} to i32")
        self._outside(f"call i32 @putchar(i32 {byte})")

    def read(self) -> None:
        _, address = self.load()
        byte = self._outside("call i32 @getchar()")
        self.emit(f"store i64 {self.value(f'sext i32 {byte} to i64')}, ptr {address}")

    def call(self, symbol: str, marker: str = "") -> None:
        self.calls[symbol] = MOVE
        self.cell = self.value(f"{marker}call tailcc i64 {quoted(symbol)}(i64 {self.cell})")

    def begin_loop(self) -> None:
        again = self.value(f"icmp ne i64 {self.load()[0]}, 0")
        self._lines += [f"  br i1 {again}, label %body, label %done", "done:", "  ret i64 %start", "body:"]

    def unit(self) -> Unit:
        """The unit, when all of its code has been written."""
        self.emit(f"ret i64 {self.cell}")
        lines = [f"define tailcc i64 {quoted(self.symbol + '.impl')}(i64 %start) nounwind {{", *self._lines, "}"]
        declarations = [f"declare tailcc i64 {quoted(symbol)}(i64)" for symbol in self.calls]
        ir = "\n".join([*lines, *declarations, DECLARATIONS])
        loops, data = tuple(self.loops), frozenset({TAPE.symbol})
        return Unit(self.symbol, MOVE, ir, self.calls, {}, self.counter, loops, self.name, data)

    def _outside(self, call: str) -> str:
        """Call a C function that may block, or need much stack."""
        thread = self.value(f"call ptr @{LEAVE_JIT}()")
        result = self.value(call)
        self.emit(f"call void @{REENTER_JIT}(ptr {thread})")
        return result


def compile_text(text: str) -> tuple[list[Unit], Unit]:
    """The procedures that a program defines, and the rest of it. Raises TapeError."""
    # What is open, innermost last: a list, and no recursion, so that nesting has no limit.
    writers = [Writer("main program", "main program", Token("", 1, 1), RunCounter.NONE)]
    procedures: dict[str, Unit] = {}
    for token in _tokens(text):
        match token.text:
            case "{":
                raise token.error("a procedure has no name")
            case "}":
                done = _closed(writers, token, "{")
                procedures[done.symbol] = done.unit()
            case "[":
                name = f"the loop at {token.line}:{token.column}"
                writers.append(Writer(f"loop {next(_serials)}", name, token, RunCounter.ITERATIONS))
                writers[-1].begin_loop()
            case "]":
                done = _closed(writers, token, "[")
                done.call(done.symbol, "musttail ")
                writers[-1].loops.append(done.unit())
                writers[-1].call(done.symbol)
            case definition if definition.endswith("{"):
                if len(writers) > 1:
                    raise token.error("a procedure is defined inside another one, or a loop")
                name = definition[:-1].rstrip()
                writers.append(Writer(PREFIX + name, name, token, RunCounter.CALLS))
            case _:
                _step(writers[-1], token)
    if len(writers) > 1:
        raise writers[-1].opened.error(f"`{writers[-1].opened.text}` is never closed")
    return list(procedures.values()), writers[0].unit()


def _step(writer: Writer, token: Token) -> None:
    match token.text:
        case ">":
            writer.move(1)
        case "<":
            writer.move(-1)
        case "+":
            writer.add(1)
        case "-":
            writer.add(-1)
        case ".":
            writer.write()
        case ",":
            writer.read()
        case name:
            writer.call(PREFIX + name)


def _closed(writers: list[Writer], token: Token, opening: str) -> Writer:
    if not writers[-1].opened.text.endswith(opening):
        raise token.error(f"`{token.text}` closes nothing")
    return writers.pop()


def _tokens(text: str) -> Iterator[Token]:
    """The tokens of a text; the name of a procedure that is defined has the `{` with it."""
    for number, line in enumerate(text.split("\n"), 1):
        for found in re.finditer(r"\s+|#.*|([-<>+.,\[\]{}]|[^\W\d_]\w*(?:\s*\{)?)|(.)", line):
            token = Token(found[0], number, found.start() + 1)
            if found[2]:
                raise token.error(f"`{token.text}` has no meaning")
            if found[1]:
                yield token


class Tape:
    """An engine with a tape. Close it, or use it as a context manager."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.engine = Engine(policy)
        self.engine.define(TAPE)
        self.cell = 0

    def __enter__(self) -> Tape:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def run(self, text: str) -> None:
        """Define the procedures in `text`, and run the rest from the present cell, which the last one becomes.

        Raises TapeError, and then nothing has run; StackOverflow, and Interrupted at Ctrl-C.
        """
        procedures, main = compile_text(text)
        try:
            self.engine.define(*procedures, main)
            self.cell = self.engine.call(main.symbol, self.cell)
        except UndefinedUnit as error:
            raise TapeError(f"`{error.symbol.removeprefix(PREFIX)}` is not defined") from None
        finally:
            # C has a buffer of its own for standard output.
            ctypes.CDLL(None).fflush(None)

    def __getitem__(self, cell: int) -> int:
        return (ctypes.c_int64 * CELLS).from_address(self.engine.data(TAPE.symbol))[cell]


def main() -> None:
    with Tape() as tape, suppress(EOFError):
        texts = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
        for text in texts or iter(lambda: input(f"cell {tape.cell} is {tape[tape.cell]}> "), "quit"):
            try:
                tape.run(text)
            except (TapeError, RecursionError, KeyboardInterrupt) as error:
                print(error)


if __name__ == "__main__":
    main()
