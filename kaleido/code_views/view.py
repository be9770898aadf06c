"""A view of a unit in one tier: IR and assembly for people, with the place in the source of each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kaleido.code_views.passes import passes as changed_passes
from kaleido.jit import CodeLine, Engine, Tier, Unit
from kaleido.report.listing import assembly_rows, ir_rows

__all__ = ["view"]


def view(
    engine: Engine, units: Sequence[Unit], tier: Tier, number: Callable[[str, str], int], *, passes: bool = False
) -> dict[str, Any]:
    """The code of a unit at `tier`.

    `units` are the unit and, at -O3, those that it is compiled with, as ``Engine.inline_group`` returns them. Versions
    that have been replaced are possible, too. `number` returns the index of a source text by its name and the text.

    The result has `ir` and `assembly`, lists of lines, and `ir_lines` and `assembly_lines` with a place for each, or
    None: the index of a source, a line, a column (0 where only the line is known), and, if the line was inlined from
    another unit, that one's symbol. LLVM gives no place to an instruction that it has merged from several, or moved out
    of a loop. With `passes` it has the result of ``passes.passes``, too.

    Raises ValueError where LLVM rejects the IR, and as ``passes.passes``.
    """
    code = engine.code_lines(units, tier)
    places = _Places(units, number)
    ir = ir_rows([line.text for line in code.ir])
    assembly = assembly_rows([line.text for line in code.assembly])
    found: dict[str, Any] = {
        "ir": [line for line, _ in ir],
        "ir_lines": [places.of(code.ir[index]) for _, index in ir],
        "assembly": [line for line, _ in assembly],
        "assembly_lines": [places.of(code.assembly[index]) for _, index in assembly],
    }
    return found | {"passes": changed_passes(engine, units, tier)} if passes else found


class _Places:
    """Places as the view has them."""

    def __init__(self, units: Sequence[Unit], number: Callable[[str, str], int]) -> None:
        self._units = units
        infos = [unit.debug() if unit.debug is not None else None for unit in units]
        self._sources = [number(info.source, info.text) if info is not None else None for info in infos]

    def of(self, line: CodeLine) -> list[int | str] | None:
        place = line.place
        if place is None or (source := self._sources[place.unit]) is None:
            return None
        inlined = [self._units[place.unit].symbol] if line.function is not None and line.function != place.unit else []
        return [source, place.line, place.column, *inlined]
