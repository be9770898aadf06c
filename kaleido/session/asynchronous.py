"""Waiting for native code in asyncio: on another thread, and when the task is cancelled, the code is stopped."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from kaleido.jit import Interrupted

__all__ = ["run_in_thread"]

T = TypeVar("T")

# Seconds between two attempts to stop a program: it may be cancelled before its native code has begun.
_INTERVAL = 0.01


async def run_in_thread(function: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """Call `function` on a thread of the event loop's executor, and return its result, or raise what it raises.

    When the task is cancelled, `interrupt` is called until `function` has ended. What does not work: to await the call
    and let it go. The thread would go on, and the executor has a limited number of them.

    Interrupted becomes CancelledError: it is a KeyboardInterrupt, which would end the event loop.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    call = loop.run_in_executor(None, partial(context.run, function))
    try:
        return await asyncio.shield(call)
    except Interrupted as stop:
        raise asyncio.CancelledError(str(stop)) from None
    except asyncio.CancelledError:
        while not call.done():
            interrupt()
            await asyncio.wait([call], timeout=_INTERVAL)
        # What it has raised is not reported: it was meant to end.
        if not call.cancelled():
            call.exception()
        raise
