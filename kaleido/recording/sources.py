"""The source texts of a recording, and places in them."""

from __future__ import annotations

from typing import Any

from kaleido.jit import Place

__all__ = ["Sources"]


class Sources:
    """Texts in the order in which places in them were first asked for."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def place(self, place: Place) -> dict[str, Any]:
        """A place as data: the number of its text, and lines and columns from 1."""
        return {"source": self.number(place.source, place.text), "start": list(place.start), "end": list(place.end)}

    def number(self, name: str, text: str) -> int:
        """The number of a text."""
        return self._numbers.setdefault((name, text), len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    def as_json(self) -> list[dict[str, Any]]:
        return [{"name": name, "text": text} for name, text in self._numbers]
