"""Shared libraries, in which `extern` finds functions."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["LibraryError", "find_function", "load_library"]


class LibraryError(OSError):
    """A shared library that cannot be loaded. `library` is its path, `reason` the system's reason."""

    def __init__(self, library: str, reason: str) -> None:
        super().__init__(f"cannot load {library}: {reason}")
        self.library, self.reason = library, reason


def load_library(library: str) -> None:
    """Load a shared library into the process, for good. Raises LibraryError."""
    if not library:
        raise LibraryError(library, "it has no name")
    import llvmlite.binding as llvm

    try:
        # The C library's loader binds all symbols now. LLVM alone binds a missing symbol at its first call, and that
        # ends the process.
        ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
        llvm.load_library_permanently(library)
    except UnicodeError:
        raise LibraryError(library, "its name is not UTF-8") from None
    except (OSError, RuntimeError) as error:
        raise LibraryError(library, str(error).removeprefix(f"{library}: ")) from None


def find_function(name: str) -> int | None:
    """The address of a C function in this process, or of one that was added to LLVM; None if there is none."""
    address: int | None = None
    # Only then can functions have been added to LLVM.
    if "llvmlite.binding" in sys.modules:
        import llvmlite.binding as llvm

        address = llvm.address_of_symbol(name)
    return address or _process_function(name)


def _process_function(name: str) -> int | None:
    try:
        # As an item, not an attribute: it is looked up each time, for a library may be loaded in between.
        return ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value
    except AttributeError:
        return None
