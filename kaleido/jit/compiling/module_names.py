"""Names in the modules that LLVM compiles, where they differ from those in the IR of units.

The problem. A module has the IR of many units, and one name is one thing in it. A unit may have the symbol ``labs``
while another calls the ``labs`` of C; or a unit has an address of its own for ``labs`` among its externals. And LLVM
knows C's library: it computes ``sqrt(4.0)`` at compile time, and may replace a call of ``malloc`` by nothing, whatever
the address of that name is.

The solution. The stub of each symbol that C could use as a name has another name in modules, and so has each external
that is something else than what the process has under its name. All other names are left as they are, because people
read modules. Where they could still be two things, the units do not share a module: see ``program.grouping``.

What does not work: to mark calls as ``nobuiltin``, which the passes over the callee's own definition do not see; or to
rename what LLVM knows only, because a unit may call any function of the process.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["external_name", "generic_name", "in_process", "is_c_name", "renamed", "stub_name"]

_C_NAME = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


def is_c_name(name: str) -> bool:
    """Whether a function of C could have this name."""
    return _C_NAME.fullmatch(name) is not None


def stub_name(symbol: str) -> str:
    """The name of the stub of `symbol` in modules and object code, whatever it is called in the IR of units."""
    return f"jit.stub.{symbol}" if is_c_name(symbol) else symbol


def generic_name(symbol: str) -> str:
    """The name of what a failed guard of `symbol` calls: the unit for any arguments."""
    return f"jit.generic.{symbol}"


def external_name(name: str, address: int) -> str:
    """The name in modules of an external that has this address."""
    return f"jit.external.{name}" if _is_another(name, address) else name


@lru_cache(maxsize=1024)
def _is_another(name: str, address: int) -> bool:
    # Once for each: a library that is loaded later must not change the names in object code.
    return in_process(name) not in (0, address)


def in_process(name: str) -> int:
    """The address of a C function or variable that the process has; 0 if there is none."""
    try:
        # As an item, not as an attribute: ctypes keeps those, and a library may be loaded in between.
        return ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value or 0
    except (AttributeError, ValueError):
        return 0


def renamed(calls: Mapping[str, object], externals: Mapping[str, int]) -> dict[str, str]:
    """The names in the IR of a unit that differ in modules, with those in modules."""
    names = {name: stub_name(name) for name in calls}
    names |= {name: external_name(name, address) for name, address in externals.items() if name not in calls}
    return {old: new for old, new in names.items() if old != new}
