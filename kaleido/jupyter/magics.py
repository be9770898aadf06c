"""``%load_ext kaleido``: cells in Kaleido in a notebook with Python, and values that go both ways.

::

    %%kaleido -i x,y -o total        x and y of Python become variables; afterwards, total is a variable of Python
    def f(n) n * n                   functions and variables stay, for later cells
    total = f(x) + y

    area = %kaleido f(3) * 2         an expression, with its value
    session = %kaleido               the session: session["f"] is a function for Python, session.variables a mapping
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from kaleido.diagnostics import KaleidoError
from kaleido.jupyter.cells import Cells, Outlet
from kaleido.session import LAST_VALUE, Session
from kaleido.terminal import streams

__all__ = ["KaleidoMagics", "load_ipython_extension"]


class _PythonOutput(Outlet):
    """Writes to Python's standard streams. What programs write is on standard output already."""

    def take(self) -> str:
        streams.flush()
        return ""

    def send(self, stream: str, text: str) -> None:
        file = sys.stderr if stream == "stderr" else sys.stdout
        file.write(text)
        file.flush()

    def display(self, data: Mapping[str, str]) -> None:
        display(dict(data), raw=True)


@magics_class
class KaleidoMagics(Magics):  # type: ignore[misc]
    """The magics, with one session for all cells of a notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session = Session()
        self._cells = Cells(self.session, _PythonOutput())
        self._count = 0
        atexit.register(self.close)

    def close(self) -> None:
        """End the session."""
        atexit.unregister(self.close)
        self._cells.close()
        self.session.close()

    @magic_arguments()
    @argument("-i", "--input", default="", help="variables of Python, numbers, that become variables of the program")
    @argument("-o", "--output", default="", help="variables of the program that become variables of Python")
    @argument("code", nargs="*", help="an expression; in a cell, the lines below")
    @line_cell_magic
    def kaleido(self, line: str, cell: str | None = None) -> Any:
        """Run Kaleido: ``%kaleido EXPRESSION``, or a cell below ``%%kaleido [-i a,b] [-o c]``."""
        if cell is None:
            return self._run(line) if line.strip() else self.session
        options = parse_argstring(self.kaleido, line)
        if options.code:
            raise UsageError("a cell begins below the line of %%kaleido")
        for name in _names(options.input):
            self.session.variables[name] = self._number(name)
        value = self._run(cell)
        for name in _names(options.output):
            self.shell.user_ns[name] = self._variable(name)
        return value

    def _run(self, text: str) -> float | None:
        self._count += 1
        try:
            result = self._cells.run(text, f"<kaleido {self._count}>")
        except KaleidoError as error:
            # IPython would show the frames of Kaleido's own Python code.
            print(error, file=sys.stderr)
            raise UsageError(error.diagnostic.title) from None
        except KeyboardInterrupt as stop:
            raise UsageError(str(stop) or "interrupted") from None
        return self.session.variables[LAST_VALUE] if result is not None else None

    def _number(self, name: str) -> float:
        if name not in self.shell.user_ns:
            raise UsageError(f"Python has no variable {name}")
        try:
            return float(self.shell.user_ns[name])
        except (TypeError, ValueError):
            raise UsageError(f"{name} is not a number") from None

    def _variable(self, name: str) -> Any:
        if name in self.session.variables:
            return self.session.variables[name]
        if name in self.session:
            return self.session[name]
        raise UsageError(f"the program has no variable or function {name}")


def _names(text: str) -> list[str]:
    names = text.replace(",", " ").split()
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"{name} is not a name")
    return names


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Is called by ``%load_ext kaleido``."""
    shell.register_magics(KaleidoMagics(shell))
