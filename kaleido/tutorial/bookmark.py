"""The place in the tutorial where the reader stopped: ``$XDG_STATE_HOME/kaleido/tutorial``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kaleido.repl.saving.user_files import xdg_folder
from kaleido.tutorial.chapters import chapters

__all__ = ["Bookmark"]


@dataclass(frozen=True)
class Bookmark:
    """A chapter, and the index of the first part on the screen."""

    chapter: int
    part: int

    @staticmethod
    def load() -> Bookmark | None:
        """The bookmark in the file; None if there is none, or none that can be read."""
        with suppress(OSError, ValueError):
            chapter, part = map(int, _path().read_text("ascii").split())
            if chapter in chapters() and part >= 0:
                return Bookmark(chapter, part)
        return None

    def save(self) -> None:
        """Write the file. A bookmark that cannot be written is lost, and the tutorial goes on."""
        with suppress(OSError):
            _path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _path().write_text(f"{self.chapter} {self.part}\n", "ascii")


def _path() -> Path:
    """The file. Raises OSError if there is no home directory."""
    return xdg_folder("XDG_STATE_HOME", ".local", "state") / "tutorial"
