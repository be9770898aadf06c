"""One LLVM function while its body is lowered: its text, its variables and calls, and the units of its loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kaleido.codegen.source_map import RecordedMap
from kaleido.codegen.variables import Variables
from kaleido.codegen.writer import FunctionWriter
from kaleido.diagnostics import Source
from kaleido.jit import Place, RunCounter, Signature, Unit

__all__ = ["Frame"]

# One object for all units without calls, and without externals.
_NOTHING: Mapping[str, Any] = {}


class Frame:
    """The function of a definition, of an expression at top level, or of a loop.

    `place` is that of its text, which begins at `offset` of `source`. A loop's frame has the frame around it as
    `parent`. `variables` maps the variables that the frame declares to their addresses. `captured` maps those that it
    uses from the frames around it to the parameters that pass their addresses. `cache` is that of its unit.
    """

    def __init__(
        self,
        name: str,
        symbol: str,
        signature: Signature,
        place: Place,
        source: Source,
        offset: int,
        parent: Frame | None = None,
    ) -> None:
        self.name, self.symbol, self.signature = name, symbol, signature
        self.place, self.parent = place, parent
        self.cache: bool = parent is None or parent.cache
        self._source, self._offset = source, offset
        self.writer = FunctionWriter()
        self.variables: Variables[str] = Variables()
        self.captured: dict[str, str] = {}
        self.calls: dict[str, Signature] = {}
        self.nested_units: list[Unit] = []

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block of the source: at its end, its declarations go out of scope."""
        source_map = self.writer.source_map
        scope = source_map.scope
        with self.variables.block():
            yield
        source_map.scope = scope

    def declare(self, name: str, value: str, offset: int = -1) -> None:
        """Allocate a variable that is declared at `offset` of the source, and store its first value."""
        address = self._stored(name, value)
        self.writer.source_map.declare(name, address, offset)

    def declare_parameter(self, name: str, value: str, number: int, offset: int) -> None:
        """The same for a parameter; `number` counts from 1."""
        address = self._stored(name, value)
        self.writer.source_map.declare_parameter(name, address, number, offset)

    def _stored(self, name: str, value: str) -> str:
        address = self.writer.alloca(name)
        self.writer.emit(f"store double {value}, ptr {address}")
        self.variables.declare(name, address)
        return address

    def address(self, name: str) -> str:
        """The address of a variable in this frame. Captures the variable if a frame around this one declares it."""
        if name in self.variables:
            return self.variables[name]
        frame = self
        while name not in frame.variables and name not in frame.captured:
            frame.captured[name] = pointer = frame.writer.local(name)
            frame.writer.source_map.declare_parameter(name, pointer, len(frame.captured))
            assert frame.parent is not None, f"{name} is not declared"
            frame = frame.parent
        return self.captured[name]

    def call(self, symbol: str, signature: Signature) -> str:
        """Record a call of a unit, and return its name in assembly."""
        self.calls[symbol] = signature
        return self.writer.declare(symbol, signature)

    def unit(self, parameters: str, counter: RunCounter) -> Unit:
        """The finished function as a unit."""
        ir = self.writer.finish(self.symbol, self.signature.result, parameters)
        debug = RecordedMap(self._source, self._offset, self.writer.lines_before, self.writer.source_map)
        nested, calls = tuple(self.nested_units), self.calls or _NOTHING
        return Unit(
            self.symbol,
            self.signature,
            ir,
            calls,
            _NOTHING,
            counter,
            nested,
            self.name,
            cache=self.cache,
            place=self.place,
            debug=debug,
        )
