"""A function that is defined: its definition, and what checking and lowering made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kaleido.codegen.checker import CallSite, References
from kaleido.diagnostics import Source, Span
from kaleido.jit import Unit
from kaleido.language.comparison import loops, same_tree
from kaleido.language.nodes import Definition, External, Prototype

__all__ = ["DefinedFunction"]


class DefinedFunction(NamedTuple):
    """A definition or an extern of `source`, and its unit.

    `references` are the functions and built-in operators that its body refers to, `loops` the place of each loop in it
    by the name of the loop's unit; both are empty for an extern. `python` is the Python function that an extern calls,
    if it is one that was registered.
    """

    source: Source
    item: Definition | External
    unit: Unit
    references: References = References()
    loops: Mapping[str, Span] = {}
    python: Callable[..., Any] | None = None

    @property
    def prototype(self) -> Prototype:
        return self.item.prototype

    @property
    def calls(self) -> Mapping[str, CallSite]:
        """The functions that it calls, each with the place of its first call."""
        return self.references.calls

    @property
    def is_extern(self) -> bool:
        return isinstance(self.item, External)

    def equals(self, item: Definition | External, references: References) -> bool:
        """Whether a definition with these references is the same as this one, wherever their texts are."""
        return self.references.same(references) and same_tree(self.item, item)

    def comes_from(self, other: DefinedFunction) -> bool:
        """Whether this is `other`, perhaps lowered again, or defined again as it was."""
        return self.source is other.source or self.unit is other.unit

    def moved(self, source: Source, item: Definition | External, references: References) -> DefinedFunction:
        """This function with its text elsewhere: `item` of `source` is the same. Its unit and its loops' names stay."""
        moved = {old.span: new.span for old, new in zip(loops(self.item), loops(item), strict=True)}
        places = {name: moved[span] for name, span in self.loops.items()}
        return self._replace(source=source, item=item, references=references, loops=places)
