"""Where the object cache is."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kaleido.cache.directory import DirectoryCache

__all__ = ["cache_at"]


def cache_at(environment: Mapping[str, str] = os.environ) -> DirectoryCache | None:
    """The cache in ``KALEIDO_CACHE``, or in ``$XDG_CACHE_HOME/kaleido``; None if it is off, or has no place."""
    if not hasattr(os, "geteuid") or os.open not in os.supports_dir_fd:
        return None
    chosen = environment.get("KALEIDO_CACHE", "")
    if chosen:
        return None if chosen == "off" else DirectoryCache(os.path.join(os.getcwd(), chosen))
    base = environment.get("XDG_CACHE_HOME", "")
    # A relative path is invalid, and ignored, by the XDG Base Directory Specification.
    if os.path.isabs(base):
        return DirectoryCache(os.path.join(base, "kaleido"))
    home = environment.get("HOME", "")
    return DirectoryCache(os.path.join(home, ".cache", "kaleido")) if os.path.isabs(home) else None
