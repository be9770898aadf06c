"""The pages that are connected, each with a bounded queue of messages."""

from __future__ import annotations

import asyncio

__all__ = ["Audience", "Page"]

# Messages, some ten a second. A page that is behind by more has to catch up with a snapshot.
_LONGEST = 256


class Page:
    """One connected page.

    `current`  whether it has had a snapshot, and every message since
    """

    def __init__(self) -> None:
        self.current = False
        self._queue: asyncio.Queue[str] = asyncio.Queue(_LONGEST)

    def put(self, message: str) -> None:
        """Send a message. If the queue is full, it is emptied, and the page needs a snapshot again."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.current = False
            while not self._queue.empty():
                self._queue.get_nowait()

    async def next(self, seconds: float) -> str | None:
        """The next message; None if there is none for so long."""
        try:
            return await asyncio.wait_for(self._queue.get(), seconds)
        except TimeoutError:
            return None


class Audience:
    """All pages."""

    def __init__(self) -> None:
        self._pages: set[Page] = set()

    def add(self) -> Page:
        self._pages.add(page := Page())
        return page

    def remove(self, page: Page) -> None:
        self._pages.discard(page)

    def tell(self, message: str) -> None:
        """Send a message to the pages that are current."""
        for page in self._pages:
            if page.current:
                page.put(message)

    def tell_snapshot(self, message: str, *, everyone: bool) -> None:
        """Send a snapshot to the pages that are not current, or to all. They are current now."""
        for page in self._pages:
            if everyone or not page.current:
                page.current = True
                page.put(message)
