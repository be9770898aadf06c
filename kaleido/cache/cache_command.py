"""``kaleido cache``: the state of the object cache."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from kaleido.cache.directory import MOST_BYTES, DirectoryCache, Unsafe, Usage
from kaleido.cache.place import cache_at
from kaleido.diagnostics import OK
from kaleido.language.source_files import reason, shown
from kaleido.terminal import streams

__all__ = ["run", "state"]


def run(arguments: Sequence[str], parser: ArgumentParser) -> int:
    """Run the command with the arguments after ``cache``. Returns the exit code; raises OSError."""
    parser.description = (
        "The object cache keeps machine code of earlier runs. It is in $KALEIDO_CACHE, or in\n"
        "$XDG_CACHE_HOME/kaleido; KALEIDO_CACHE=off and `kaleido --no-cache` do without it."
    )
    parser.add_argument(
        "action", nargs="?", choices=("status", "clear"), default="status",
        help="status: where it is, and its size (default); clear: remove all entries",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    streams.write(f"{state(clear=options.action == 'clear')}\n")
    streams.flush()
    return OK


def state(*, clear: bool = False) -> str:
    """Where the cache is, and its size, or with `clear` what was removed."""
    cache = cache_at()
    if cache is None:
        return "the object cache is off"
    return f"{shown(cache.folder)}: {_state(cache, clear=clear)}"


def _state(cache: DirectoryCache, *, clear: bool) -> str:
    try:
        usage = cache.clear() if clear else cache.usage()
    except FileNotFoundError:
        usage = Usage(0, 0)
    except Unsafe as error:
        return f"not used: {error}"
    except OSError as error:
        return f"not used: {reason(error)}"
    count = f"{usage.entries:,} {'entry' if usage.entries == 1 else 'entries'}"
    if clear:
        return f"{count} removed, {usage.size:,} bytes"
    return f"{count}, {usage.size:,} of at most {MOST_BYTES:,} bytes"
